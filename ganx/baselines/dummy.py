"""The same answer for every row: the best one, so that a published F1 can be seen against it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ganx.baselines.baseline import Baseline, Labels, Mask, Rows
from ganx.baselines.kept import Forms, indices


class Dummy(Baseline):
    """Answers with the positive of two classes, the only constant with an F1 above 0; of more, with the most frequent.

    Where a share p of the rows is positive, its F1 is 2 p / (1 + p).
    """

    kept: ClassVar[Forms] = {"answer": indices(1, below="n_classes")}
    answer: Labels

    def fit(self, x: Rows, m: Mask, y: Labels) -> None:
        """Count the labelled training rows of each class."""
        most_frequent = int(np.bincount(y[y >= 0], minlength=1).argmax())
        self.keep(answer=np.array([most_frequent if self.positive is None else self.positive]))

    def classify(self, x: Rows, m: Mask) -> NDArray[np.float64]:
        """Return 1 for the answer and 0 for the other classes, (n, K)."""
        return np.tile(np.eye(self.n_classes)[self.answer], (len(x), 1))
