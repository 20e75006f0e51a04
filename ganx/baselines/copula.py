"""Gaussian copula: each column has normal scores, and all scores one normal distribution (Zhao and Udell, KDD 2020)."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr, ndtri

from ganx.baselines.baseline import Baseline, Labels, Mask, Rows, without_gaps
from ganx.baselines.gaussian import Correlations, Factors, Gaussian, truncated
from ganx.baselines.kept import Forms, damaged, floats
from ganx.engine.share import tell
from ganx.types import PositiveFloat, PositiveInt

Floats = NDArray[np.float64]

QUANTILES = 2000  # of a column that are kept, at most
LEVELS = 10  # a column of as many values or fewer is discrete
NODES = 32  # equally likely scores that a mean is taken over
PASSES = 5  # over the discrete columns of a row to fill: each cell's score depends on the others'
TOLERANCE = 1e-3  # greatest change of a correlation or loading that ends the rounds


class Copula(Baseline):
    """Normal scores of mid-ranks; their correlations by EM; answers through the quantiles of the training cells.

    A cell of a discrete column, and each feature of a categorical one, says only between which thresholds its score
    lies: the score is then the mean of a truncated normal distribution given the row's other cells (Zhao and Udell,
    section 3). Categories compete by their probabilities.

    Args:
        answer: to a missing cell: `mean`, which has the least squared error, `median`, which has the least absolute
            error and values that occur, or `draw`, a random one. Draws are proper: each replica learns from a bootstrap
            sample of the rows. Missing cells of a row are drawn together. Of a category, `mean` and `median` give
            probabilities.
        rounds: of EM, at most.
        ridge: added to the variances before they are divided by, so that no column is a sum of others.
        wide: features above which correlations have low rank.
        rank: theirs.
    """

    kept: ClassVar[Forms] = {
        "values": floats("q", "d"),  # equally likely training cells, ascending
        "weights": floats("d", "rank"),  # correlations, or loadings where there are fewer of them
    }
    values: Rows
    weights: Floats

    def __init__(
        self,
        *,
        answer: Literal["mean", "median", "draw"],
        rounds: PositiveInt,
        ridge: PositiveFloat,
        wide: PositiveInt,
        rank: PositiveInt,
    ) -> None:
        super().__init__()
        self.answer, self.rounds, self.ridge, self.wide, self.rank = answer, rounds, ridge, wide, rank

    def fit(self, x: Rows, m: Mask, y: Labels) -> None:
        """Learn quantiles and correlations from the training rows."""
        if self.answer == "draw":
            rows = np.random.default_rng(self.seed).integers(len(x), size=len(x))
            x, m = x[rows], m[rows]
        self.values = _quantiles(x, m)
        self._tell_apart()
        self.keep(values=self.values, weights=self._learned(x, m).weights)

    def prepare(self) -> None:
        """Make a distribution of the arrays."""
        if not self.values.size or (np.diff(self.values, axis=0) < 0).any():
            raise damaged("values do not ascend")
        d, rank = self.weights.shape
        try:
            self.gaussian: Gaussian = Correlations(self.weights) if d == rank else Factors(self.weights)
        except np.linalg.LinAlgError:
            raise damaged("weights are no correlations") from None
        if d == rank and not (np.array_equal(self.weights, self.weights.T) and (self.weights.diagonal() == 1).all()):
            raise damaged("weights are no correlations")
        if d != rank and ((self.weights**2).sum(1) >= 1).any():
            raise damaged("weights are no loadings")
        self._tell_apart()

    def impute(self, x: Rows, m: Mask) -> Rows:
        """Return x with its unknown cells filled, (n, d)."""
        z, low, high = self._scores(x, m)
        for done in range(PASSES):
            tell(done / (PASSES + 1))
            z, _ = self._settled(self.gaussian, z, m, low, high)
        tell(PASSES / (PASSES + 1))
        answer = self._draws(z, m) if self.answer == "draw" else self._centres(z, m)
        return without_gaps(x, m, answer)

    def _tell_apart(self) -> None:
        """Find the column of each feature, features of categorical columns, (d,), and all that are discrete."""
        self.column = np.arange(self.values.shape[1]) if self.group is None else self.group
        self.categorical = np.bincount(self.column)[self.column] > 1
        self.discrete = np.flatnonzero((np.diff(self.values, axis=0) > 0).sum(0) < LEVELS)

    def _learned(self, x: Rows, m: Mask) -> Gaussian:
        d = x.shape[1]
        z, low, high = self._scores(x, m)
        rank, ridge = min(self.rank, d - 1), self.ridge
        gaussian: Gaussian = Factors.of(z.T @ z, rank) if d > self.wide else Correlations.of(z.T @ z, ridge)
        for done in range(self.rounds):
            tell(done / self.rounds)
            z, spread = self._settled(gaussian, z, m, low, high)
            before, gaussian = gaussian, gaussian.improved(z, m, spread, ridge)
            if np.abs(gaussian.weights - before.weights).max() < TOLERANCE:
                break
        return gaussian

    def _scores(self, x: Rows, m: Mask) -> tuple[Floats, Floats, Floats]:
        """Return scores of mid-ranks (n, d), 0 where unknown, and the thresholds around them."""
        q = len(self.values)
        rank = np.empty((2, *x.shape))
        for j, column in enumerate(self.values.T):
            rank[:, :, j] = [np.searchsorted(column, x[:, j], side) for side in ("left", "right")]
        least, most = 0.5 / q, 1 - 0.5 / q  # of a cell, also of one beyond all training cells
        low, high = ndtri((rank[0] / q).clip(max=most)), ndtri((rank[1] / q).clip(min=least))
        return np.where(m, ndtri((rank.mean(0) / q).clip(least, most)), 0.0), low, high

    def _settled(self, gaussian: Gaussian, z: Floats, m: Mask, low: Floats, high: Floats) -> tuple[Floats, Floats]:
        """Return scores (n, d) with those of discrete columns as the other cells suggest, and their variances."""
        settled, spread, columns = z.copy(), np.zeros(z.shape), self.discrete
        if len(columns):
            cell = truncated(gaussian.left_out(z, m, columns), low[:, columns], high[:, columns])
            settled[:, columns] = np.where(m[:, columns], cell.mean, 0.0)
            spread[:, columns] = np.where(m[:, columns], cell.variance, 0.0)
        return settled, spread

    def _centres(self, z: Floats, m: Mask) -> Floats:
        """Return means or medians (n, d) of the unknown cells; of categories, probabilities."""
        mean, variance = self.gaussian.unknown(z, m)
        deviation = np.sqrt(variance)
        nodes = ndtri((np.arange(NODES) + 0.5) / NODES) if self.answer == "mean" else np.zeros(1)
        at = np.nonzero(~m & ~self.categorical)
        centre = np.zeros(z.shape)
        for node in nodes:
            centre[at] += self._value(mean[at] + node * deviation[at], at[1]) / len(nodes)
        features = np.flatnonzero(self.categorical)
        if len(features):
            threshold = ndtri(1 - self._share(features))
            likely = ndtr((mean[:, features] - threshold) / np.where(m[:, features], 1.0, deviation[:, features]))
            siblings = self.column[features, None] == self.column[features]
            centre[:, features] = likely / (likely @ siblings)
        return centre

    def _draws(self, z: Floats, m: Mask) -> Floats:
        """Return random answers (n, d) for the unknown cells.

        Of a column's categories the one whose clock rings first: clocks run at the speed of the category's share, for
        times that have an exponential distribution if nothing else is known of the row. So each keeps its share.
        """
        drawn = self.gaussian.draw(z, m, np.random.default_rng(self.seed))
        at = np.nonzero(~m & ~self.categorical)
        answer = np.zeros(z.shape)
        answer[at] = self._value(drawn[at], at[1])
        features = np.flatnonzero(self.categorical)
        if len(features):
            time = -log_ndtr(drawn[:, features]) / self._share(features)
            _, first, column = np.unique(self.column[features], return_index=True, return_inverse=True)
            answer[:, features] = time == np.minimum.reduceat(time, first, axis=1)[:, column]
        return answer

    def _value(self, z: Floats, column: NDArray[np.intp]) -> Rows:
        """Return the training cells of columns (k,) that have scores z (k,)."""
        q = len(self.values)
        cells: Rows = self.values[(ndtr(z) * q).astype(np.int64).clip(0, q - 1), column]
        return cells

    def _share(self, features: NDArray[np.intp]) -> Floats:
        """Return the shares of categories, none of them 0 or 1."""
        q = len(self.values)
        share: Floats = (self.values[:, features] > 0.5).mean(0).clip(0.5 / q, 1 - 0.5 / q)
        return share


def _quantiles(x: Rows, m: Mask) -> Rows:
    """Return at most QUANTILES equally likely cells of each column, (q, d), ascending; 0 where none is known."""
    q = min(len(x), QUANTILES)
    middle = (np.arange(q) + 0.5) / q
    values = np.zeros((q, x.shape[1]), np.float32)
    for j in np.flatnonzero(m.any(0)):
        cells = np.sort(x[m[:, j], j])
        values[:, j] = cells[(middle * len(cells)).astype(np.int64)]
    return values
