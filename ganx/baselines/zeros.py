"""Fill missing cells with 0, the smallest value of a scaled column: the floor of the HexaGAN paper's tables."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ganx.baselines.baseline import Baseline, Labels, Mask, Rows, without_gaps
from ganx.baselines.kept import Forms


class Zeros(Baseline):
    """Knows nothing and learns nothing."""

    kept: ClassVar[Forms] = {}

    def fit(self, x: Rows, m: Mask, y: Labels) -> None:
        """Learn nothing from the training rows."""

    def impute(self, x: Rows, m: Mask) -> Rows:
        """Return x with 0 in the cells that are not observed, (n, d)."""
        return without_gaps(x, m, np.zeros_like(x))
