"""Gradient boosting of histogram trees, which take missing cells as they are (Friedman, 2001; Ke et al., NIPS 2017)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from ganx.baselines.baseline import Labels, Rows
from ganx.baselines.classifier import Classifier, Scores
from ganx.baselines.kept import Arrays, Forms, damaged, floats, indices
from ganx.baselines.trees import FORMS, MISSING, Trees, gather
from ganx.types import PositiveFloat, Repeats


class Boosting(Classifier):
    """scikit-learn's `HistGradientBoostingClassifier`; over 10,000 rows it stops when a tenth of them says so.

    Args:
        trees: for each class, at most.
        learning_rate: share of each tree's answer that is added.
        class_weight: `balanced` weighs each class by the inverse of its frequency.
    """

    kept: ClassVar[Forms] = (
        Classifier.kept
        | {"start": floats("scores"), "n_features": indices(1, first=1, below=1 << 31)}
        | FORMS
        | MISSING
    )
    start: NDArray[np.float64]
    n_features: Labels

    def __init__(
        self, *, trees: Repeats, learning_rate: PositiveFloat, class_weight: Literal["none", "balanced"]
    ) -> None:
        super().__init__()
        self.trees, self.learning_rate, self.class_weight = trees, learning_rate, class_weight

    def learned(self, x: Rows, y: Labels) -> Arrays:
        """Return where scores start, and the trees, one for each score in each iteration."""
        x = np.where(np.isnan(x).all(0), np.float32(0), x)  # scikit-learn wants a cell in every column
        boosting = HistGradientBoostingClassifier(
            max_iter=self.trees,
            learning_rate=self.learning_rate,
            class_weight=None if self.class_weight == "none" else self.class_weight,
            random_state=self.seed,
        ).fit(x, y)
        # Private, and nowhere else to be had; the tests compare answers with scikit-learn's.
        trees = [_nodes(tree.nodes) for iteration in boosting._predictors for tree in iteration]
        return {
            "start": boosting._baseline_prediction.reshape(-1),
            "n_features": np.array([x.shape[1]]),
            **gather(trees, x.shape[1]),
        }

    def prepare(self) -> None:
        """Make trees of the arrays."""
        super().prepare()
        if len(self.classes) > 1:
            self.forest = Trees(vars(self), int(self.n_features[0]))
            if len(self.start) != self.n_scores or len(self.forest) % self.n_scores:
                raise damaged(f"{len(self.classes)} classes have {len(self.start)} scores, {len(self.forest)} trees")

    def scores(self, x: Rows) -> Scores:
        """Return scores (n, `n_scores`) of rows x (n, d), NaN where unknown."""
        if x.shape[1] != self.n_features:
            raise damaged(f"its trees are for {self.n_features[0]} features, not {x.shape[1]}")
        # Columns are contiguous as in scikit-learn, since sums over classes are rounded by how they lie in memory.
        scores = np.tile(self.start, (len(x), 1)).copy(order="F")
        for k in range(self.n_scores):
            self.forest.add(scores[:, k], x, slice(k, None, self.n_scores))
        return scores


def _nodes(nodes: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return the nodes of a tree of scikit-learn."""
    return {
        "left": nodes["left"],
        "feature": nodes["feature_idx"],
        "threshold": nodes["num_threshold"],
        "value": nodes["value"],
        "missing_left": nodes["missing_go_to_left"],
    }
