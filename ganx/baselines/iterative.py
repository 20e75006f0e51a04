"""Regress each column on the others, round after round: what MICE and MissForest share."""

from __future__ import annotations

import warnings
from typing import Any

from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  (makes the next import possible)
from sklearn.impute import IterativeImputer

from ganx.baselines.baseline import Baseline, Labels, Mask, Rows, with_gaps, without_gaps


class Iterative(Baseline):
    """scikit-learn's `IterativeImputer`, with caps that keep wide and long tables affordable.

    A table of more than `wide` features has each column regressed on the `n_nearest_features` that correlate most with
    it, in `rounds_when_wide` rounds.
    """

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

    def fit(self, x: Rows, m: Mask, y: Labels) -> None:
        """Learn the regressions from the training rows."""
        rounds, nearest = self.rounds, None
        if x.shape[1] > self.wide:
            rounds = min(rounds, self.rounds_when_wide)
            nearest = min(self.n_nearest_features, x.shape[1] - 1)
            passes = f"{rounds} rounds" if rounds > 1 else "one round"
            self.notes.append(f"regressed on {nearest} of {x.shape[1]} features, {passes}")
        x, m = self.capped(x, m, self.max_rows)
        self.imputer = IterativeImputer(
            max_iter=rounds,
            n_nearest_features=nearest,
            keep_empty_features=True,
            random_state=self.seed,
            **self.regression(),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the number of rounds is the user's choice
            self.imputer.fit(with_gaps(x, m))

    def impute(self, x: Rows, m: Mask) -> Rows:
        """Return x with its unknown cells filled, (n, d)."""
        return without_gaps(x, m, self.imputer.transform(with_gaps(x, m)))
