"""What classifiers of scikit-learn share: unlabelled rows are left out, and each class of the table gets a column."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganx.baselines.baseline import Baseline, Labels, Mask, Rows, with_gaps


class SklearnClassifier(Baseline):
    """A scikit-learn estimator that takes NaN for unknown cells."""

    def estimator(self) -> Any:
        """Return the estimator, not fitted."""
        raise NotImplementedError

    def fit(self, x: Rows, m: Mask, y: Labels) -> None:
        """Learn from the labelled training rows."""
        known = y >= 0
        self.classes = np.unique(y[known])
        if len(self.classes) > 1:
            self.fitted = self.estimator().fit(with_gaps(x, m)[known], y[known])

    def classify(self, x: Rows, m: Mask) -> NDArray[np.float64]:
        """Return class probabilities, (n, K); a class without a training row has 0."""
        probability = np.zeros((len(x), self.n_classes))
        if len(self.classes) > 1:
            probability[:, self.classes] = self.fitted.predict_proba(with_gaps(x, m))
        else:
            probability[:, self.classes] = 1.0  # nothing else was seen
        return probability
