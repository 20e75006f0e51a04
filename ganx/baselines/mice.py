"""MICE: regress each column on the others, round after round (van Buuren and Groothuis-Oudshoorn, 2011)."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  (makes the next import possible)
from sklearn.impute import IterativeImputer

from ganx.types import PositiveInt


class MICE:
    """scikit-learn's `IterativeImputer` with Bayesian ridge regression, without posterior draws.

    Args:
        rounds: passes over all columns, at most.
    """

    def __init__(self, *, rounds: PositiveInt) -> None:
        self.imputer = IterativeImputer(max_iter=rounds, keep_empty_features=True, random_state=0)

    def fit(self, x: NDArray[np.float32], m: NDArray[np.bool_], y: NDArray[np.int64]) -> None:
        """Learn the regressions from the training rows."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the number of rounds is the user's choice
            self.imputer.fit(np.where(m, x, np.nan))

    def impute(self, x: NDArray[np.float32], m: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return x with its unknown cells filled, (n, d)."""
        return np.where(m, x, self.imputer.transform(np.where(m, x, np.nan))).astype(np.float32)
