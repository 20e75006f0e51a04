"""Logistic regression on standardised features, column means in the place of missing cells."""

from __future__ import annotations

from typing import Literal

from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from ganx.baselines.sklearn_classifier import SklearnClassifier
from ganx.types import PositiveFloat


class Logistic(SklearnClassifier):
    """scikit-learn's `LogisticRegression`.

    Args:
        c: inverse of the strength of the L2 penalty.
        class_weight: `balanced` weighs each class by the inverse of its frequency.
    """

    def __init__(self, *, c: PositiveFloat, class_weight: Literal["none", "balanced"]) -> None:
        super().__init__()
        self.c, self.class_weight = c, class_weight

    def estimator(self) -> Pipeline:
        """Return the estimator, not fitted."""
        weight = None if self.class_weight == "none" else self.class_weight
        regression = LogisticRegression(C=self.c, class_weight=weight, max_iter=1000)
        return make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), regression)
