"""K-NN: fill a missing cell with the mean of that cell over the nearest training rows (Troyanskaya et al., 2001)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.impute import KNNImputer

from ganx.types import PositiveInt


class KNN:
    """scikit-learn's `KNNImputer`.

    Args:
        n_neighbors: rows that a missing cell is averaged over.
    """

    def __init__(self, *, n_neighbors: PositiveInt) -> None:
        self.imputer = KNNImputer(n_neighbors=n_neighbors, keep_empty_features=True)

    def fit(self, x: NDArray[np.float32], m: NDArray[np.bool_], y: NDArray[np.int64]) -> None:
        """Keep the training rows."""
        self.imputer.fit(np.where(m, x, np.nan))

    def impute(self, x: NDArray[np.float32], m: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return x with its unknown cells filled, (n, d)."""
        return np.where(m, x, self.imputer.transform(np.where(m, x, np.nan))).astype(np.float32)
