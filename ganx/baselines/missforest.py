"""MissForest: predict each column from the others by a forest, round after round (Stekhoven and Bühlmann, 2012)."""

from __future__ import annotations

from typing import Any

from sklearn.ensemble import RandomForestRegressor

from ganx.baselines.iterative import Iterative
from ganx.types import PositiveFraction, PositiveInt


class MissForest(Iterative):
    """`Iterative` with random forests. Unlike the paper's, they are kept, so that new rows can be filled.

    Args:
        rounds: passes over all columns, at most.
        n_trees: of each forest. There is one forest for each column and round, all kept in memory.
        max_features: share of the features that a split chooses from.
        max_rows: training rows, drawn at random from more.
        wide, n_nearest_features, rounds_when_wide: see `Iterative`.
    """

    def __init__(
        self,
        *,
        rounds: PositiveInt,
        n_trees: PositiveInt,
        max_features: PositiveFraction,
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
        self.n_trees, self.max_features = n_trees, max_features

    def regression(self) -> dict[str, Any]:
        """Return keywords of `IterativeImputer`: forests, from column means on, fewest missing cells first."""
        forest = RandomForestRegressor(self.n_trees, max_features=self.max_features, random_state=self.seed)
        return {"estimator": forest, "initial_strategy": "mean", "imputation_order": "ascending"}
