"""Regress each column on the others, round after round: what MICE and MissForest share."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  (makes the next import possible)
from sklearn.impute import IterativeImputer

from ganx.baselines.baseline import Baseline, Labels, Mask, Rows, with_gaps, without_gaps
from ganx.baselines.kept import Arrays, Forms, damaged, flags, floats, indices

Cells = NDArray[np.floating]


class Iterative(Baseline):
    """scikit-learn's `IterativeImputer`, with caps that keep wide and long tables affordable.

    A table of more than `wide` features has each column regressed on the `n_nearest_features` that correlate most with
    it, in `rounds_when_wide` rounds. Each step of a round is one regression; all are kept, and fill new rows in turn.
    """

    kept: ClassVar[Forms] = {
        "mean": floats("d"),  # what a row starts from
        "empty": flags("d"),  # columns without a training cell; they stay as they start
        "target": indices("steps", below="d"),  # column that a step fills
        "inputs": indices("steps", "k", below="d"),  # columns that it is regressed on
    }
    mean: Rows
    empty: Mask
    target: NDArray[np.int32]
    inputs: NDArray[np.int32]

    #: Range of what is filled in.
    low, high = np.float64(-np.inf), np.float64(np.inf)

    def __init__(
        self,
        *,
        rounds: int,
        max_rows: int | None,
        wide: int,
        n_nearest_features: int,
        rounds_when_wide: int,
    ) -> None:
        super().__init__()
        self.rounds, self.max_rows = rounds, max_rows
        self.wide, self.n_nearest_features, self.rounds_when_wide = wide, n_nearest_features, rounds_when_wide

    def regression(self) -> dict[str, Any]:
        """Return what distinguishes the method: keywords of `IterativeImputer`."""
        raise NotImplementedError

    def learned(self, imputer: Any, k: int) -> Arrays:
        """Return the arrays of the regressions of a fitted imputer, each on k columns."""
        raise NotImplementedError

    def begin(self) -> None:
        """Get ready to fill a table; nothing by default."""

    def predicted(self, step: int, x: Cells) -> Cells:
        """Return what the regression of a step predicts (n,) from its inputs x (n, k)."""
        raise NotImplementedError

    def n_inputs(self, d: int) -> int:
        """Return how many of d columns each column is regressed on."""
        return min(self.n_nearest_features, d - 1) if d > self.wide else d - 1

    def fit(self, x: Rows, m: Mask, y: Labels) -> None:
        """Learn the regressions from the training rows."""
        d, rounds, k = x.shape[1], self.rounds, self.n_inputs(x.shape[1])
        if d > self.wide:
            rounds = min(rounds, self.rounds_when_wide)
            passes = f"{rounds} rounds" if rounds > 1 else "one round"
            self.notes.append(f"regressed on {k} of {d} features, {passes}")
        x, m = self.capped(x, m, self.max_rows)
        imputer = IterativeImputer(
            max_iter=rounds,
            n_nearest_features=k if d > self.wide else None,
            keep_empty_features=True,
            random_state=self.seed,
            min_value=self.low,
            max_value=self.high,
            **self.regression(),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the number of rounds is the user's choice
            imputer.fit(with_gaps(x, m))
        steps = imputer.imputation_sequence_
        self.keep(
            mean=imputer.initial_imputer_.statistics_.astype(np.float32),
            empty=np.asarray(~m.any(0)),
            target=np.array([step.feat_idx for step in steps], np.int32),
            inputs=np.array([step.neighbor_feat_idx for step in steps], np.int32).reshape(len(steps), k),
            **self.learned(imputer, k),
        )

    def prepare(self) -> None:
        """Check how many inputs a step has."""
        steps, k = self.inputs.shape
        if k != self.n_inputs(len(self.mean)):
            raise damaged(f"{steps} steps have {k} inputs, not {self.n_inputs(len(self.mean))}")

    def impute(self, x: Rows, m: Mask) -> Rows:
        """Return x with its unknown cells filled, (n, d)."""
        missing = ~m & ~self.empty
        if missing.all():  # there is nothing to start from
            return without_gaps(x, m, self.mean)
        # Columns are contiguous as in scikit-learn, since products are rounded by how factors lie in memory.
        filled = np.asfortranarray(without_gaps(x, m, self.mean))
        self.begin()
        for step, (target, inputs) in enumerate(zip(self.target, self.inputs, strict=True)):
            rows = missing[:, target]
            if rows.any():
                filled[rows, target] = self.predicted(step, filled[:, inputs][rows])
        return np.ascontiguousarray(filled)
