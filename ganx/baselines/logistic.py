"""Logistic regression on standardised features, column means in the place of missing cells."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ganx.baselines.baseline import Labels, Rows
from ganx.baselines.classifier import Classifier, Scores
from ganx.baselines.kept import Arrays, Forms, damaged, floats
from ganx.types import PositiveFloat


class Logistic(Classifier):
    """scikit-learn's `LogisticRegression`.

    Args:
        c: inverse of the strength of the L2 penalty.
        class_weight: `balanced` weighs each class by the inverse of its frequency.
    """

    kept: ClassVar[Forms] = Classifier.kept | {
        "mean": floats("d"),  # of the column, in the place of missing cells
        "centre": floats("d"),
        "scale": floats("d"),
        "coefficient": floats("d", "scores"),
        "intercept": floats("scores"),
    }
    mean: Rows
    centre: Rows
    scale: Rows
    coefficient: Scores
    intercept: Scores

    def __init__(self, *, c: PositiveFloat, class_weight: Literal["none", "balanced"]) -> None:
        super().__init__()
        self.c, self.class_weight = c, class_weight

    def learned(self, x: Rows, y: Labels) -> Arrays:
        """Return means, scales and coefficients, in the precision of x."""
        weight = None if self.class_weight == "none" else self.class_weight
        imputer, scaler = SimpleImputer(keep_empty_features=True), StandardScaler()
        regression = LogisticRegression(C=self.c, class_weight=weight, max_iter=1000)
        make_pipeline(imputer, scaler, regression).fit(x, y)
        return {
            "mean": imputer.statistics_.astype(x.dtype),
            "centre": scaler.mean_.astype(x.dtype),
            "scale": scaler.scale_.astype(x.dtype),
            "coefficient": regression.coef_.T,
            "intercept": regression.intercept_,
        }

    def prepare(self) -> None:
        """Check what is divided by, and that each score has its coefficients."""
        super().prepare()
        if len(self.classes) > 1 and (len(self.intercept) != self.n_scores or not (self.scale > 0).all()):
            raise damaged("intercept does not fit classes, or a scale is not above 0")

    def scores(self, x: Rows) -> Scores:
        """Return scores (n, `n_scores`) of rows x (n, d), NaN where unknown."""
        filled = np.where(np.isnan(x), self.mean, x)
        return (filled - self.centre) / self.scale @ self.coefficient + self.intercept
