"""What data sets share that are drawn by ganx."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def rounded(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Drop the last bits, in which the sines and logarithms of two machines may differ."""
    return np.round(x, 6)
