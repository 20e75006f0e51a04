"""MICE: regress each column on the others, round after round (van Buuren and Groothuis-Oudshoorn, 2011)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import truncnorm

from ganx.baselines.iterative import Cells, Iterative
from ganx.baselines.kept import Arrays, Forms, floats, indices
from ganx.types import PositiveInt, Repeats

#: What draws need besides the mean: of each step's predictive distribution, and of the Mersenne twister.
POSTERIOR: Forms = {
    "offset": floats("steps", "k"),
    "covariance": floats("steps", "k", "k"),
    "precision": floats("steps"),
    "random_key": indices(624, below=1 << 32),
    "random_place": indices(2, below=625),  # position in the key, whether a Gaussian number is saved
    "random_saved": floats(1),
}


class MICE(Iterative):
    """`Iterative` with Bayesian ridge regression.

    Answers stay within thrice the observed range, which is 0 ... 1: with most cells missing, regressions run away.

    Args:
        rounds: passes over all columns, at most.
        posterior: fill in a draw from each regression's predictive distribution, as MICE is meant, not its mean. A draw
            is farther from the truth, but leaves the spread of the data as it is.
        max_rows: training rows, drawn at random from more.
        wide, n_nearest_features, rounds_when_wide: see `Iterative`.
    """

    kept: ClassVar[Forms] = Iterative.kept | {"coefficient": floats("steps", "k"), "intercept": floats("steps")}
    coefficient: Cells
    intercept: Cells
    offset: Cells
    covariance: Cells
    precision: Cells
    random_key: NDArray[np.int64]
    random_place: NDArray[np.int64]
    random_saved: Cells

    low, high = np.float64(-1), np.float64(2)

    def __init__(
        self,
        *,
        rounds: Repeats,
        posterior: bool,
        max_rows: PositiveInt | None,
        wide: PositiveInt,
        n_nearest_features: PositiveInt,
        rounds_when_wide: Repeats,
    ) -> None:
        super().__init__(
            rounds=rounds,
            max_rows=max_rows,
            wide=wide,
            n_nearest_features=n_nearest_features,
            rounds_when_wide=rounds_when_wide,
        )
        self.posterior, self.by_logits = posterior, not posterior

    def forms(self) -> Forms:
        """Return what this instance keeps; draws need more."""
        return super().forms() | (POSTERIOR if self.posterior else {})

    def regression(self) -> dict[str, Any]:
        """Return keywords of `IterativeImputer`, whose regression is Bayesian ridge."""
        return {"sample_posterior": self.posterior}

    def learned(self, imputer: Any, k: int) -> Arrays:
        """Return the coefficients of all steps and, for draws, the rest of the posterior and where the draws stand."""
        ridges = [step.estimator for step in imputer.imputation_sequence_]
        arrays = {
            "coefficient": _stack([_padded(r.coef_, k) for r in ridges], k),
            "intercept": _stack([r.intercept_ for r in ridges]),
        }
        if not self.posterior:
            return arrays
        _, key, *place, saved = imputer.random_state_.get_state()
        return arrays | {
            "offset": _stack([_padded(r.X_offset_, k) for r in ridges], k),
            "covariance": _stack([_padded(r.sigma_, k) for r in ridges], k, k),
            "precision": _stack([r.alpha_ for r in ridges]),
            "random_key": key.astype(np.int64),  # torch keeps no unsigned integers
            "random_place": np.array(place),
            "random_saved": np.array([saved]),
        }

    def begin(self) -> None:
        """Let the draws begin where the fit has ended, so that the same table is filled in the same way again.

        Portions of a long table after the first have random numbers of their own.
        """
        if self.posterior:
            self.random = np.random.RandomState()
            self.random.set_state(("MT19937", self.random_key, *self.random_place, *self.random_saved))
            if self.portion:
                self.random.seed([self.portion, *self.random.randint(2**31, size=4)])

    def predicted(self, step: int, x: Cells) -> Cells:
        """Return the mean or a draw, within `low` and `high`."""
        mean = x @ self.coefficient[step] + self.intercept[step]
        return self._draw(mean, self._deviation(step, x)) if self.posterior else mean.clip(self.low, self.high)

    def _deviation(self, step: int, x: Cells) -> Cells:
        """Return the standard deviation (n,) of the predictive distribution."""
        x = x - self.offset[step]
        variance: Cells = (np.dot(x, self.covariance[step]) * x).sum(axis=1) + 1.0 / self.precision[step]
        return np.sqrt(variance)

    def _draw(self, mean: Cells, deviation: Cells) -> Cells:
        """Return draws (n,) from truncated normal distributions, in scikit-learn's precision and order."""
        drawn = mean.clip(self.low, self.high)
        free = (deviation > 0) & (mean >= self.low) & (mean <= self.high)
        mean, deviation = mean[free], deviation[free]
        low, high = (self.low - mean) / deviation, (self.high - mean) / deviation
        drawn[free] = truncnorm(a=low, b=high, loc=mean, scale=deviation).rvs(random_state=self.random)
        return drawn


def _padded(array: Cells, k: int) -> Cells:
    """Return an array with zeros added to each axis, up to length k."""
    return np.pad(array, [(0, k - len(array))] * array.ndim)


def _stack(parts: list[Any], *shape: int) -> Cells:
    """Return arrays of one shape, which there may be none of, as one array."""
    return np.array(parts).reshape(len(parts), *shape) if parts else np.zeros((0, *shape))
