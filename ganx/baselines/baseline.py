"""What baselines share: the attributes that a run sets, row caps, and scikit-learn's way of writing gaps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
Mask = NDArray[np.bool_]
Labels = NDArray[np.int64]


class Baseline:
    """A method that is fitted, not trained by gradient.

    Attributes:
        seed: of everything random; set before `fit`.
        n_classes: K of the whole table, 0 without a target; set before `fit`.
        positive: class that a binary F1 is about, None with more classes; set before `fit`.
        notes: what was capped, a phrase each, for whoever reads the figures; filled by `fit`.
    """

    seed: int = 0
    n_classes: int = 0
    positive: int | None = None

    def __init__(self) -> None:
        self.notes: list[str] = []

    def check(self) -> None:
        """Refuse data that cannot be learned from, before anything is written; raises UserError."""

    def fit(self, x: Rows, m: Mask, y: Labels) -> None:
        """Learn from the training rows."""
        raise NotImplementedError

    def capped(self, x: Rows, m: Mask, max_rows: int | None) -> tuple[Rows, Mask]:
        """Return x and m, (n, d), with at most `max_rows` rows, drawn at random, and note it."""
        if max_rows is None or len(x) <= max_rows:
            return x, m
        self.notes.append(f"fitted on {max_rows} of {len(x)} rows")
        rows = np.sort(np.random.default_rng(self.seed).choice(len(x), max_rows, replace=False))
        return x[rows], m[rows]


def with_gaps(x: Rows, m: Mask) -> Rows:
    """Return x with NaN in the cells that are not observed."""
    return np.where(m, x, np.float32(np.nan))


def without_gaps(x: Rows, m: Mask, filled: NDArray[np.floating]) -> Rows:
    """Return x with the cells of `filled` where it is not observed."""
    return np.where(m, x, filled).astype(np.float32)
