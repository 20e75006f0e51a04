"""Fill missing cells with 0, the smallest value of a scaled column: the floor of the HexaGAN paper's tables."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Zeros:
    """Knows nothing and learns nothing."""

    def fit(self, x: NDArray[np.float32], m: NDArray[np.bool_], y: NDArray[np.int64]) -> None:
        """Learn nothing from the training rows."""

    def impute(self, x: NDArray[np.float32], m: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return x with 0 in the cells that are not observed, (n, d)."""
        return np.where(m, x, 0.0).astype(np.float32)
