"""Fill missing cells with the mean of the column: what every imputer has to beat."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from sklearn.impute import SimpleImputer

from ganx.baselines.baseline import Baseline, Labels, Mask, Rows, with_gaps, without_gaps
from ganx.baselines.kept import Forms, floats


class Mean(Baseline):
    """scikit-learn's `SimpleImputer`: the mean of the observed training cells, 0 where a column has none."""

    kept: ClassVar[Forms] = {"mean": floats("d")}
    mean: Rows

    def fit(self, x: Rows, m: Mask, y: Labels) -> None:
        """Learn the column means."""
        imputer = SimpleImputer(keep_empty_features=True).fit(with_gaps(x, m))
        self.keep(mean=imputer.statistics_.astype(np.float32))

    def impute(self, x: Rows, m: Mask) -> Rows:
        """Return x with its unknown cells filled, (n, d)."""
        return without_gaps(x, m, self.mean)
