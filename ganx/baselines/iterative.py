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
from ganx.baselines.categories import FORMS, categorical, logits, probabilities
from ganx.baselines.kept import Arrays, Forms, damaged, flags, floats, indices
from ganx.engine.share import tell

Cells = NDArray[np.floating]


class Iterative(Baseline):
    """scikit-learn's `IterativeImputer`, with caps that keep wide and long tables affordable.

    A table of more than `wide` features has each column regressed on the `n_nearest_features` that correlate most with
    it, in `rounds_when_wide` rounds. Each step of a round is one regression; all are kept, and fill new rows in turn.
    Features of one categorical column are not regressed on each other, since they are unknown together.
    """

    kept: ClassVar[Forms] = {
        "mean": floats("d"),  # what a row starts from
        "empty": flags("d"),  # columns without a training cell; they stay as they start
        "target": indices("steps", below="d"),  # column that a step fills
        "inputs": indices("steps", "k", below="d"),  # columns that it is regressed on; itself where they are fewer
    }
    mean: Rows
    empty: Mask
    target: NDArray[np.int32]
    inputs: NDArray[np.int32]
    logit_weights: Cells
    logit_bias: Cells

    #: Whether categories are told by logits of what is predicted, as linear regressions need it.
    by_logits = False

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

    def forms(self) -> Forms:
        """Return what this instance keeps."""
        return super().forms() | (FORMS if len(self._told_by_logits()[0]) else {})

    def regression(self) -> dict[str, Any]:
        """Return what distinguishes the method: keywords of `IterativeImputer`."""
        raise NotImplementedError

    def learned(self, imputer: Any, k: int) -> Arrays:
        """Return the arrays of the regressions of a fitted imputer, each on k columns or fewer."""
        raise NotImplementedError

    def begin(self) -> None:
        """Get ready to fill a table; nothing by default."""

    def predicted(self, step: int, x: Cells) -> Cells:
        """Return what the regression of a step predicts (n,) from its inputs x (n, k)."""
        raise NotImplementedError

    def n_inputs(self, d: int) -> int:
        """Return how many of d features a feature is regressed on, at most."""
        others = d - (1 if self.group is None else int(np.bincount(self.group).min()))
        return min(self.n_nearest_features, others) if d > self.wide else others

    def fit(self, x: Rows, m: Mask, y: Labels) -> None:
        """Learn the regressions from the training rows."""
        d, rounds, k = x.shape[1], self.rounds, self.n_inputs(x.shape[1])
        if d > self.wide:
            rounds = min(rounds, self.rounds_when_wide)
            passes = f"{rounds} rounds" if rounds > 1 else "one round"
            self.notes.append(f"regressed on {k} of {d} features, {passes}")
        x, m = self.capped(x, m, self.max_rows)
        imputer = _OtherColumns(
            max_iter=rounds if k else 0,
            n_nearest_features=k if d > self.wide else None,
            keep_empty_features=True,
            random_state=self.seed,
            min_value=self.low,
            max_value=self.high,
            **self.regression(),
        )
        imputer.group = np.arange(d) if self.group is None else self.group
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the number of rounds is the user's choice
            filled = imputer.fit_transform(with_gaps(x, m))
        steps = imputer.imputation_sequence_ if k else []
        arrays: Arrays = dict(
            mean=imputer.initial_imputer_.statistics_.astype(np.float32),
            empty=np.asarray(~m.any(0)),
            target=np.array([step.feat_idx for step in steps], np.int32),
            inputs=np.array([_inputs(step, k) for step in steps], np.int32).reshape(len(steps), k),
            **self.learned(imputer, k),
        )
        self.keep(**arrays)
        features, column = self._told_by_logits()
        if len(features):
            last = {int(target): step for step, target in enumerate(self.target)}
            predicted = np.stack([self._predicted(last.get(j), j, filled) for j in features], axis=1)
            self.keep(**arrays, **logits(predicted, x[:, features], m[:, features], column))

    def _predicted(self, step: int | None, target: int, filled: Cells) -> Cells:
        """Return what a step predicts (n,) of training rows (n, d)."""
        return filled[:, target] if step is None else self.predicted(step, filled[:, self.inputs[step]])

    def _told_by_logits(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the features (c,) whose categories are told by logits, and their columns (c,)."""
        return categorical(self.group if self.by_logits else None)

    def prepare(self) -> None:
        """Check how many inputs a step has."""
        steps, k = self.inputs.shape
        if k != self.n_inputs(len(self.mean)):
            raise damaged(f"{steps} steps have {k} inputs, not {self.n_inputs(len(self.mean))}")

    def impute(self, x: Rows, m: Mask) -> Rows:
        """Return x with its unknown cells filled, (n, d)."""
        missing = ~m & ~self.empty
        # Columns are contiguous as in scikit-learn, since products are rounded by how factors lie in memory.
        filled = np.asfortranarray(without_gaps(x, m, self.mean))
        self.begin()
        for step, (target, inputs) in enumerate(zip(self.target, self.inputs, strict=True)):
            tell(step / len(self.target))
            rows = missing[:, target]
            if rows.any():
                filled[rows, target] = self.predicted(step, filled[:, inputs][rows])
        features, column = self._told_by_logits()
        if len(features):
            likely = probabilities(filled[:, features], column, self.logit_weights, self.logit_bias)
            filled[:, features] = np.where(missing[:, features], likely, filled[:, features])
        return np.ascontiguousarray(filled)


class _OtherColumns(IterativeImputer):
    """Regresses a feature on those of other columns only, and tells how far it is.

    Attributes:
        group: (d,) column of each feature.
        begun: how many regressions have begun.
    """

    group: NDArray[np.int64]
    begun: int = 0

    def _get_neighbor_feat_idx(self, n_features: int, feat_idx: int, abs_corr_mat: Any) -> Any:
        tell(self.begun / (self.max_iter * n_features))
        self.begun += 1
        others = np.flatnonzero(self.group != self.group[feat_idx])
        if len(others) == n_features - 1:
            return super()._get_neighbor_feat_idx(n_features, feat_idx, abs_corr_mat)
        if abs_corr_mat is None or len(others) <= self.n_nearest_features:
            return others
        nearness = abs_corr_mat[others, feat_idx]
        return self.random_state_.choice(others, self.n_nearest_features, replace=False, p=nearness / nearness.sum())


def _inputs(step: Any, k: int) -> NDArray[np.int64]:
    """Return the features (k,) that a step of scikit-learn's imputer regresses on."""
    few: NDArray[np.int64] = step.neighbor_feat_idx
    return np.pad(few, (0, k - len(few)), constant_values=step.feat_idx)
