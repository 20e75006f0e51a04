"""What classifiers share: unlabelled rows are left out, and each class of the table gets a column."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.utils.extmath import softmax

from ganx.baselines.baseline import Baseline, Labels, Mask, Rows, with_gaps
from ganx.baselines.kept import Arrays, Forms, check, damaged, indices

Scores = NDArray[np.floating]


class Classifier(Baseline):
    """Has a score of each class, or only one of the second where there are two.

    Where training rows of one class only have a label, there is nothing else to learn: only `classes` is kept.
    """

    kept: ClassVar[Forms] = {"classes": indices("classes", below="n_classes")}  # that have a training row
    classes: Labels

    def learned(self, x: Rows, y: Labels) -> Arrays:
        """Return what is learned from rows x (n, d), NaN where unknown, of two classes or more."""
        raise NotImplementedError

    def scores(self, x: Rows) -> Scores:
        """Return scores (n, `n_scores`) of rows x (n, d), NaN where unknown."""
        raise NotImplementedError

    @property
    def n_scores(self) -> int:
        """How many scores a row has."""
        return 1 if len(self.classes) == 2 else len(self.classes)

    def fit(self, x: Rows, m: Mask, y: Labels) -> None:
        """Learn from the labelled training rows."""
        known = y >= 0
        classes = np.unique(y[known])
        self.keep(classes=classes, **(self.learned(with_gaps(x, m)[known], y[known]) if len(classes) > 1 else {}))

    def load_state(self, arrays: Arrays) -> None:
        """See `Baseline.load_state`."""
        if set(arrays) != set(Classifier.kept):
            super().load_state(arrays)
            return
        check(arrays, Classifier.kept, n_classes=self.n_classes)
        if len(arrays["classes"]) > 1:
            raise damaged(f"nothing tells {len(arrays['classes'])} classes apart")
        self.keep(**arrays)

    def prepare(self) -> None:
        """Check the order of the classes."""
        if (np.diff(self.classes) <= 0).any():
            raise damaged("classes do not ascend")

    def classify(self, x: Rows, m: Mask) -> NDArray[np.float64]:
        """Return class probabilities, (n, K); a class without a training row has 0."""
        probability = np.zeros((len(x), self.n_classes))
        probability[:, self.classes] = _probability(self.scores(with_gaps(x, m))) if len(self.classes) > 1 else 1.0
        return probability


def _probability(scores: Scores) -> Scores:
    if scores.shape[1] > 1:
        found: Scores = softmax(scores)
        return found
    second = expit(scores[:, 0])
    return np.stack([1 - second, second], axis=1)
