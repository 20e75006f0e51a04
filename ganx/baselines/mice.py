"""MICE: regress each column on the others, round after round (van Buuren and Groothuis-Oudshoorn, 2011)."""

from __future__ import annotations

from typing import Any

from ganx.baselines.iterative import Iterative
from ganx.types import PositiveInt


class MICE(Iterative):
    """`Iterative` with Bayesian ridge regression.

    Args:
        rounds: passes over all columns, at most.
        posterior: fill in a draw from each regression's predictive distribution, as MICE is meant, not its mean. A draw
            is farther from the truth, but leaves the spread of the data as it is.
        max_rows: training rows, drawn at random from more.
        wide, n_nearest_features, rounds_when_wide: see `Iterative`.
    """

    def __init__(
        self,
        *,
        rounds: PositiveInt,
        posterior: bool,
        max_rows: PositiveInt | None,
        wide: PositiveInt,
        n_nearest_features: PositiveInt,
        rounds_when_wide: PositiveInt,
    ) -> None:
        super().__init__(
            rounds=rounds,
            max_rows=max_rows,
            wide=wide,
            n_nearest_features=n_nearest_features,
            rounds_when_wide=rounds_when_wide,
        )
        self.posterior = posterior

    def regression(self) -> dict[str, Any]:
        """Return keywords of `IterativeImputer`, whose regression is Bayesian ridge.

        Answers stay within thrice the observed range, which is 0 ... 1: with most cells missing, regressions run away.
        """
        return {"sample_posterior": self.posterior, "min_value": -1.0, "max_value": 2.0}
