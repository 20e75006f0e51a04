"""Normal distributions of mean 0 and variance 1, learned by EM from rows with unknown cells.

Rows z are (n, d), and m (n, d) says which cells are known. `Correlations` has a whole matrix; `Factors`, for wide
tables, one of low rank and a diagonal.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Index = NDArray[np.intp]

AT_ONCE = 1 << 21  # numbers in the matrices that are inverted at a time; more take memory and no less time
LEAST_MASS = 1e-12  # of an interval; below, rounding spoils its moments
MOST_SHARED = 0.99  # of a variance that factors may explain


class Normal(NamedTuple):
    """Mean and variance of cells, arrays of one shape."""

    mean: Floats
    variance: Floats


class Gaussian(Protocol):
    """What both forms of a correlation matrix do."""

    @property
    def weights(self) -> Floats:
        """What is kept: (d, d) correlations, or (d, rank) loadings."""

    def unknown(self, z: Floats, m: Mask) -> Normal:
        """Return the distribution (n, d) of each unknown cell given the known ones, which have variance 0."""

    def left_out(self, z: Floats, m: Mask, columns: Index) -> Normal:
        """Return the distribution (n, c) of the known cells of c columns, each given all other known cells."""

    def draw(self, z: Floats, m: Mask, random: np.random.Generator) -> Floats:
        """Return z (n, d) with the unknown cells of a row drawn from their joint distribution given the known ones."""

    def improved(self, z: Floats, m: Mask, spread: Floats, ridge: float) -> Gaussian:
        """Return what a round of EM makes of it.

        Args:
            spread: (n, d) variance of known cells that are not known exactly.
            ridge: added to the diagonal, so that no column is a sum of others.
        """


class Correlations:
    """All correlations.

    With P the inverse of the matrix, unknown cells u have the covariance inv(P_uu) given the known cells k, and the
    mean -inv(P_uu) P_uk z_k. So matrices of the size of the gaps are inverted, not of the size of the rest.

    Args:
        weights: (d, d), symmetric, 1 on the diagonal.

    Raises:
        LinAlgError: it is not positive definite.
    """

    def __init__(self, weights: Floats) -> None:
        np.linalg.cholesky(weights)
        self.weights, self.inverse = weights, np.linalg.inv(weights)

    @classmethod
    def of(cls, moments: Floats, ridge: float) -> Correlations:
        """Return the correlations of second moments (d, d)."""
        deviation = np.sqrt(moments.diagonal())
        deviation = np.where(deviation > 0, deviation, 1.0)
        weights = moments / deviation / deviation[:, None] / (1 + ridge)
        weights = (weights + weights.T) / 2  # to the bit
        np.fill_diagonal(weights, 1.0)
        return cls(weights)

    def unknown(self, z: Floats, m: Mask) -> Normal:
        """See `Gaussian`."""
        mean, variance = np.where(m, z, 0.0), np.zeros(z.shape)
        pull = mean @ self.inverse
        for rows, gaps in _by_gaps(m):
            at = rows[:, None], gaps
            covariance = self._covariance(gaps)
            mean[at] = -(covariance @ pull[at][..., None])[..., 0]
            variance[at] = covariance.diagonal(axis1=1, axis2=2)
        return Normal(mean, variance)

    def left_out(self, z: Floats, m: Mask, columns: Index) -> Normal:
        """See `Gaussian`."""
        precision = np.tile(self.inverse.diagonal()[columns], (len(z), 1))
        for rows, gaps in _by_gaps(m):
            links = self.inverse[columns[:, None], gaps[:, None]]
            precision[rows] -= (links @ self._covariance(gaps) * links).sum(2)
        precision = np.where(m[:, columns], precision, 1.0)
        mean = self.unknown(z, m).mean
        return Normal(mean[:, columns] - mean @ self.inverse[:, columns] / precision, 1 / precision)

    def draw(self, z: Floats, m: Mask, random: np.random.Generator) -> Floats:
        """See `Gaussian`."""
        drawn = self.unknown(z, m).mean
        for rows, gaps in _by_gaps(m):
            normal = random.normal(size=(*gaps.shape, 1))
            drawn[rows[:, None], gaps] += (np.linalg.cholesky(self._covariance(gaps)) @ normal)[..., 0]
        return drawn

    def improved(self, z: Floats, m: Mask, spread: Floats, ridge: float) -> Correlations:
        """See `Gaussian`."""
        d = z.shape[1]
        mean = self.unknown(z, m).mean
        moments = mean.T @ mean + np.diag(spread.sum(0))
        for _, gaps in _by_gaps(m):
            place = gaps[:, :, None] * d + gaps[:, None]
            moments += np.bincount(place.ravel(), self._covariance(gaps).ravel(), d * d).reshape(d, d)
        return Correlations.of(moments, ridge)

    def _covariance(self, gaps: Index) -> Floats:
        """Return the conditional covariances (b, k, k) of rows whose k unknown cells are `gaps` (b, k)."""
        covariance: Floats = np.linalg.inv(self.inverse[gaps[:, :, None], gaps[:, None]])
        return (covariance + covariance.swapaxes(1, 2)) / 2


class Factors:
    """Factor analysis: z = A f + noise, with independent standard normal factors f (Rubin and Thayer, 1982).

    Args:
        weights: A (d, rank), each row of a length below 1; what is missing to 1 is noise.
    """

    def __init__(self, weights: Floats) -> None:
        self.weights, self.noise = weights, 1 - (weights**2).sum(1)

    @classmethod
    def of(cls, z: Floats, rank: int) -> Factors:
        """Return the principal components of rows z (n, d), where EM may start."""
        length = np.sqrt((z**2).sum(0))
        columns = z / np.where(length > 0, length, 1.0)
        if len(z) < z.shape[1]:  # the singular vectors of few rows are quickly had, a (d, d) matrix is not
            _, roots, vectors = np.linalg.svd(columns, full_matrices=False)
            weights = vectors[:rank].T * roots[:rank]
        else:
            values, vectors = np.linalg.eigh(columns.T @ columns)
            weights = vectors[:, -rank:] * np.sqrt(values[-rank:].clip(0))
        return cls(_shortened(np.pad(weights, [(0, 0), (0, rank - weights.shape[1])]), 0.0))

    def unknown(self, z: Floats, m: Mask) -> Normal:
        """See `Gaussian`."""
        mean, covariance = self._factors(z, m)
        return Normal(np.where(m, z, mean @ self.weights.T), np.where(m, 0.0, self._explained(covariance) + self.noise))

    def left_out(self, z: Floats, m: Mask, columns: Index) -> Normal:
        """See `Gaussian`."""
        mean, covariance = self._factors(z, m)
        noise, weights = self.noise[columns], self.weights[columns]
        explained = np.where(m, self._explained(covariance), 0.0)[:, columns]
        variance = noise / (1 - explained / noise)
        return Normal(z[:, columns] - (z[:, columns] - mean @ weights.T) * variance / noise, variance)

    def draw(self, z: Floats, m: Mask, random: np.random.Generator) -> Floats:
        """See `Gaussian`."""
        mean, covariance = self._factors(z, m)
        factors = mean + (np.linalg.cholesky(covariance) @ random.normal(size=(*mean.shape, 1)))[..., 0]
        return np.where(m, z, factors @ self.weights.T + random.normal(size=z.shape) * np.sqrt(self.noise))

    def improved(self, z: Floats, m: Mask, spread: Floats, ridge: float) -> Factors:
        """See `Gaussian`."""
        mean, covariance = self._factors(z, m)
        n, rank = mean.shape
        squares = (covariance + mean[:, :, None] * mean[:, None]).reshape(n, -1)
        known = np.where(m, z, 0.0)
        products = known.T @ mean
        of_column = (m.T.astype(float) @ squares).reshape(-1, rank, rank) + np.eye(rank)
        weights = np.linalg.solve(of_column, products[..., None])[..., 0]
        noise = ((known**2 + np.where(m, spread, 0)).sum(0) - (products * weights).sum(1)) / np.maximum(m.sum(0), 1)
        noise = np.maximum(noise, 0)
        return Factors(_shortened(weights, noise + ridge * (noise + (weights**2).sum(1))))

    def _factors(self, z: Floats, m: Mask) -> tuple[Floats, Floats]:
        """Return mean (n, rank) and covariance (n, rank, rank) of the factors given the known cells."""
        rank = self.weights.shape[1]
        squares = (self.weights[:, :, None] * self.weights[:, None]).reshape(-1, rank * rank)
        precision = (m / self.noise @ squares).reshape(-1, rank, rank) + np.eye(rank)
        covariance = np.linalg.inv(precision)
        pull = np.where(m, z, 0.0) / self.noise @ self.weights
        return (covariance @ pull[..., None])[..., 0], (covariance + covariance.swapaxes(1, 2)) / 2

    def _explained(self, covariance: Floats) -> Floats:
        """Return the variances (n, d) of A f, given those of f (n, rank, rank)."""
        rank = self.weights.shape[1]
        squares = (self.weights[:, :, None] * self.weights[:, None]).reshape(-1, rank * rank)
        return covariance.reshape(len(covariance), -1) @ squares.T


def _shortened(weights: NDArray[Any], noise: Any) -> Floats:
    """Return loadings (d, rank) in units of the whole deviation, noise (d,) included."""
    length = (weights**2).sum(1)
    whole = np.maximum(length + noise, length / MOST_SHARED)
    return weights / np.sqrt(np.where(whole > 0, whole, 1.0))[:, None]


def _by_gaps(m: Mask) -> Iterator[tuple[Index, Index]]:
    """Yield rows (b,) with equally many unknown cells, and which these are (b, k)."""
    n_gaps = (~m).sum(1)
    for k in np.unique(n_gaps[n_gaps > 0]):
        rows = np.flatnonzero(n_gaps == k)
        size = max(1, AT_ONCE // (k * m.shape[1]))
        for start in range(0, len(rows), size):
            some = rows[start : start + size]
            yield some, np.nonzero(~m[some])[1].reshape(len(some), k)


def truncated(normal: Normal, low: Floats, high: Floats) -> Normal:
    """Return mean and variance of normal variables that are known to lie in intervals."""
    deviation = np.sqrt(normal.variance)
    a, b = (low - normal.mean) / deviation, (high - normal.mean) / deviation
    a, b, sign = np.where(a > 0, -b, a), np.where(a > 0, -a, b), np.where(a > 0, -1, 1)  # tails are exact on the left
    mass = ndtr(b) - ndtr(a)
    inside = mass > LEAST_MASS
    mass = np.where(inside, mass, 1.0)
    at_a, at_b = _density(a) / mass, _density(b) / mass
    shift = at_a - at_b
    shrunk = 1 + np.where(np.isfinite(a), a, 0) * at_a - np.where(np.isfinite(b), b, 0) * at_b - shift**2
    mean = np.where(inside, normal.mean + sign * shift * deviation, normal.mean)
    return Normal(mean.clip(low, high), np.where(inside, shrunk.clip(0, 1), 0.0) * normal.variance)


def _density(z: Floats) -> Floats:
    density: Floats = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return density
