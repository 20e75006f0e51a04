"""MissForest: predict each column from the others by a forest, round after round (Stekhoven and Bühlmann, 2012)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

from ganx.baselines.iterative import Cells, Iterative
from ganx.baselines.kept import Arrays, Forms, damaged
from ganx.baselines.trees import FORMS, Trees, gather
from ganx.types import PositiveFraction, PositiveInt, Repeats


class MissForest(Iterative):
    """`Iterative` with random forests. Unlike the paper's, they are kept, so that new rows can be filled.

    Args:
        rounds: passes over all columns, at most.
        n_trees: of each forest. There is one forest for each column and round, all kept in memory.
        max_features: share of the features that a split chooses from.
        splits: the `best` ones, of trees that each see a bootstrap of the rows (Breiman, 2001), or `random` ones, of
            trees that see all (extremely randomised trees: Geurts et al., 2006), which are fitted faster.
        max_rows: training rows, drawn at random from more.
        wide, n_nearest_features, rounds_when_wide: see `Iterative`.
    """

    kept: ClassVar[Forms] = Iterative.kept | FORMS

    def __init__(
        self,
        *,
        rounds: Repeats,
        n_trees: Repeats,
        max_features: PositiveFraction,
        splits: Literal["best", "random"],
        max_rows: PositiveInt | None,
        wide: PositiveInt,
        n_nearest_features: PositiveInt,
        rounds_when_wide: Repeats,
    ) -> None:
        super().__init__(
            rounds=rounds,
            max_rows=max_rows,
            wide=wide,
            n_nearest_features=n_nearest_features,
            rounds_when_wide=rounds_when_wide,
        )
        self.n_trees, self.max_features, self.splits = n_trees, max_features, splits

    def regression(self) -> dict[str, Any]:
        """Return keywords of `IterativeImputer`: forests, from column means on, fewest missing cells first."""
        kind = RandomForestRegressor if self.splits == "best" else ExtraTreesRegressor
        forest = kind(self.n_trees, max_features=self.max_features, random_state=self.seed)
        return {"estimator": forest, "initial_strategy": "mean", "imputation_order": "ascending"}

    def learned(self, imputer: Any, k: int) -> Arrays:
        """Return the trees of all steps."""
        forests = (step.estimator.estimators_ for step in imputer.imputation_sequence_)
        return gather([_nodes(tree.tree_) for forest in forests for tree in forest], k)

    def prepare(self) -> None:
        """Make trees of the arrays."""
        super().prepare()
        self.trees = Trees(vars(self), self.inputs.shape[1])
        if len(self.trees) != self.n_trees * len(self.target):
            raise damaged(f"{len(self.target)} forests of {self.n_trees} trees have {len(self.trees)} trees")

    def predicted(self, step: int, x: Cells) -> Cells:
        """Return the mean of a forest's trees."""
        total = np.zeros(len(x))
        self.trees.add(total, x, slice(step * self.n_trees, (step + 1) * self.n_trees))
        return total / self.n_trees


def _nodes(tree: Any) -> dict[str, NDArray[Any]]:
    """Return the nodes of a tree of scikit-learn, which never meets a missing cell."""
    return {
        "left": tree.children_left,
        "feature": tree.feature,
        "threshold": tree.threshold,
        "value": tree.value[:, 0, 0],
    }
