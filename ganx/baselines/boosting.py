"""Gradient boosting of histogram trees, which take missing cells as they are (Friedman, 2001; Ke et al., NIPS 2017)."""

from __future__ import annotations

from typing import Literal

from sklearn.ensemble import HistGradientBoostingClassifier

from ganx.baselines.sklearn_classifier import SklearnClassifier
from ganx.types import PositiveFloat, PositiveInt


class Boosting(SklearnClassifier):
    """scikit-learn's `HistGradientBoostingClassifier`; over 10,000 rows it stops when a tenth of them says so.

    Args:
        trees: for each class, at most.
        learning_rate: share of each tree's answer that is added.
        class_weight: `balanced` weighs each class by the inverse of its frequency.
    """

    def __init__(
        self, *, trees: PositiveInt, learning_rate: PositiveFloat, class_weight: Literal["none", "balanced"]
    ) -> None:
        super().__init__()
        self.trees, self.learning_rate, self.class_weight = trees, learning_rate, class_weight

    def estimator(self) -> HistGradientBoostingClassifier:
        """Return the estimator, not fitted."""
        return HistGradientBoostingClassifier(
            max_iter=self.trees,
            learning_rate=self.learning_rate,
            class_weight=None if self.class_weight == "none" else self.class_weight,
            random_state=self.seed,
        )
