"""K-NN: fill a missing cell with the mean of that cell over the nearest training rows (Troyanskaya et al., 2001)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from sklearn import config_context
from sklearn.impute import KNNImputer

from ganx.baselines.baseline import Baseline, Labels, Mask, Rows, with_gaps, without_gaps
from ganx.baselines.kept import Forms, damaged, floats
from ganx.engine.share import tell
from ganx.types import PositiveInt

WORKING_MEMORY = 64  # MB for a block of distances; the imputer takes several times as much


class KNN(Baseline):
    """scikit-learn's `KNNImputer`, which has nothing to learn: its training rows are kept.

    Args:
        n_neighbors: rows that a missing cell is averaged over.
        max_rows: training rows to look for neighbours in, drawn at random from more.
    """

    kept: ClassVar[Forms] = {"rows": floats("n", "d", finite=False)}  # NaN: not observed
    rows: Rows

    def __init__(self, *, n_neighbors: PositiveInt, max_rows: PositiveInt | None) -> None:
        super().__init__()
        self.max_rows = max_rows
        self.imputer = KNNImputer(n_neighbors=n_neighbors, keep_empty_features=True)

    def fit(self, x: Rows, m: Mask, y: Labels) -> None:
        """Keep the training rows."""
        self.keep(rows=with_gaps(*self.capped(x, m, self.max_rows)))

    def prepare(self) -> None:
        """Hand the rows to the imputer."""
        if not self.rows.size or np.isinf(self.rows).any():
            raise damaged("rows is empty or infinite")
        self.imputer.fit(self.rows)

    def impute(self, x: Rows, m: Mask) -> Rows:
        """Return x with its unknown cells filled, (n, d)."""
        gaps, filled = with_gaps(x, m), x.copy()
        rows = np.flatnonzero(~m.all(1))
        # In the imputer's own portions of incomplete rows, since distances are rounded by what is multiplied at once.
        size = max(1, int(WORKING_MEMORY * 2**20) // (8 * len(self.rows)))
        # Distances from numbers far beyond those of the training are infinite, which the imputer takes as such.
        with config_context(working_memory=WORKING_MEMORY), np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, len(rows), size):
                tell(start / len(rows))
                some = rows[start : start + size]
                filled[some] = self.imputer.transform(gaps[some])
        return without_gaps(x, m, filled)
