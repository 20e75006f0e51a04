"""Gaussian copula: each column has normal scores, and all scores one normal distribution (Zhao and Udell, KDD 2020)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr, ndtri

from ganx.baselines.baseline import Baseline, Labels, Mask, Rows, without_gaps
from ganx.baselines.gaussian import Correlations, Factors, Gaussian, truncated
from ganx.baselines.kept import Forms, damaged, floats
from ganx.engine.share import part, tell
from ganx.errors import UserError
from ganx.types import PositiveFloat, PositiveInt, Repeats, Units

Floats = NDArray[np.float64]

QUANTILES = 2000  # of a column that are kept, at most
LEVELS = 10  # a column of as many values or fewer is discrete
NODES = 32  # equally likely scores that a mean is taken over
PASSES = 5  # over the discrete columns of a row to fill: each cell's score depends on the others'
TOLERANCE = 1e-3  # greatest change of a correlation or loading that ends the rounds
CHOICE_ROWS = 2000  # that a ridge is chosen on: more rows need less of it, and hardly tell the values apart
CHOICE_CELLS = 50_000  # a smaller table is held out from several times, as few cells tell little, ...
CHOICE_REPEATS = 4  # ... but no more often
HELD_OUT = 0.1  # share of the known cells that a ridge is chosen by

_BOOTSTRAP, _CHOICE, _DRAWS = 1, 2, 3  # streams of random numbers, independent of each other


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
        ridge: added to the variances before they are divided by: it shrinks correlations, so that few rows of many
            columns do not pass for more than they tell, and no column is a sum of others. Of a list, ascending, the
            value that has the least error on held-out cells.
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
        rounds: Repeats,
        ridge: PositiveFloat | list[PositiveFloat],
        wide: PositiveInt,
        rank: Units,
    ) -> None:
        super().__init__()
        self.answer, self.rounds, self.wide, self.rank = answer, rounds, wide, rank
        self.n_quantiles: int | None = None  # None: as many as there are rows, QUANTILES at most
        self.ridges = sorted(ridge) if isinstance(ridge, list) else [ridge]

    def check(self, n_rows: int) -> None:
        """Refuse an empty list."""
        if not self.ridges:
            raise UserError("model.ridge=[]: expected a number, or a list of numbers to choose from")

    def fit(self, x: Rows, m: Mask, y: Labels) -> None:
        """Learn quantiles and correlations from the training rows."""
        self._read(x, m)
        choose = len(self.ridges) > 1
        with part(0, 2):
            ridge = self._chosen(x, m) if choose else self.ridges[0]
        if self.answer == "draw":
            rows = np.random.default_rng([self.seed, _BOOTSTRAP]).integers(len(x), size=len(x))
            x, m = x[rows], m[rows]
            self._read(x, m)
        with part(int(choose), 1 + choose):
            gaussian = self._learned(*self._scores(x, m), m, ridge)
        self.keep(values=self.values, weights=gaussian.weights)

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
        if self.answer == "draw":
            return without_gaps(x, m, self._draws(z, m))
        n_nodes = NODES if self.answer == "mean" else 1
        answer = self._centres(self.gaussian, z, m, self.values, n_nodes)
        return without_gaps(x, m, answer)

    def _read(self, x: Rows, m: Mask) -> None:
        """Find the quantiles of the columns."""
        self.values = _quantiles(x, m, self.n_quantiles or min(len(x), QUANTILES))
        self._tell_apart()

    def _tell_apart(self) -> None:
        """Find the column of each feature, features of categorical columns, (d,), and all that are discrete."""
        self.column = np.arange(self.values.shape[1]) if self.group is None else self.group
        self.categorical = np.bincount(self.column)[self.column] > 1
        self.discrete = np.flatnonzero((np.diff(self.values, axis=0) > 0).sum(0) < LEVELS)

    def _chosen(self, x: Rows, m: Mask) -> float:
        """Return the ridge with the least squared error on held-out cells, in units that no change of units changes.

        Values ascend, and the first that is no better than the one before ends the search: long tables need little.
        """
        random = np.random.default_rng([self.seed, _CHOICE])
        if len(x) > CHOICE_ROWS:
            rows = np.sort(random.choice(len(x), CHOICE_ROWS, replace=False))
            x, m = x[rows], m[rows]
        z, low, high = self._scores(x, m)
        repeats = int(np.clip(CHOICE_CELLS // max(x.size, 1), 1, CHOICE_REPEATS))
        drawn = random.random((repeats, len(m), self.column.max() + 1))[:, :, self.column]  # once for each category
        truth = np.where(self.categorical, x, z)
        least, chosen = np.inf, self.ridges[0]
        for k, ridge in enumerate(self.ridges):
            with part(k, len(self.ridges)):
                error = 0.0
                for share in drawn:
                    kept = m & (share >= HELD_OUT)
                    error += np.sum((self._refilled(z, low, high, kept, ridge) - truth)[m & ~kept] ** 2)
            if error >= least:
                break
            least, chosen = error, ridge
        return chosen

    def _refilled(self, z: Floats, low: Floats, high: Floats, kept: Mask, ridge: float) -> Floats:
        """Return mean scores (n, d) of cells that are not kept, learned from those that are; of categories, shares."""
        seen = np.where(kept, z, 0.0)
        gaussian = self._learned(seen, low, high, kept, ridge)
        settled, _ = self._settled(gaussian, seen, kept, low, high)
        of_values = self._scores(self.values, np.ones(self.values.shape, bool))[0]
        return self._centres(gaussian, settled, kept, of_values, NODES)

    def _learned(self, z: Floats, low: Floats, high: Floats, m: Mask, ridge: float) -> Gaussian:
        """Return what EM makes of scores and their thresholds."""
        d, rank = z.shape[1], min(self.rank, z.shape[1] - 1)
        gaussian: Gaussian = Factors.of(z, rank) if d > self.wide else Correlations.of(z.T @ z, ridge)
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

    def _centres(self, gaussian: Gaussian, z: Floats, m: Mask, values: NDArray[Any], n_nodes: int) -> Floats:
        """Return means (n, d) of unknown cells, medians with one node, in units of `values`; of categories, shares."""
        mean, variance = gaussian.unknown(z, m)
        deviation = np.sqrt(variance)
        nodes = ndtri((np.arange(n_nodes) + 0.5) / n_nodes)
        at = np.nonzero(~m & ~self.categorical)
        centre = np.zeros(z.shape)
        for node in nodes:
            centre[at] += _value(values, mean[at] + node * deviation[at], at[1]) / n_nodes
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
        drawn = self.gaussian.draw(z, m, np.random.default_rng([self.seed, _DRAWS, self.portion]))
        at = np.nonzero(~m & ~self.categorical)
        answer = np.zeros(z.shape)
        answer[at] = _value(self.values, drawn[at], at[1])
        features = np.flatnonzero(self.categorical)
        if len(features):
            time = -log_ndtr(drawn[:, features]) / self._share(features)
            _, first, column = np.unique(self.column[features], return_index=True, return_inverse=True)
            answer[:, features] = time == np.minimum.reduceat(time, first, axis=1)[:, column]
        return answer

    def _share(self, features: NDArray[np.intp]) -> Floats:
        """Return the shares of categories, none of them 0 or 1."""
        q = len(self.values)
        share: Floats = (self.values[:, features] > 0.5).mean(0).clip(0.5 / q, 1 - 0.5 / q)
        return share


def _value(values: NDArray[Any], z: Floats, column: NDArray[np.intp]) -> NDArray[Any]:
    """Return the values of columns (k,) at scores z (k,)."""
    q = len(values)
    cells: NDArray[Any] = values[(ndtr(z) * q).astype(np.int64).clip(0, q - 1), column]
    return cells


def _quantiles(x: Rows, m: Mask, q: int) -> Rows:
    """Return q equally likely cells of each column, (q, d), ascending; 0 where none is known."""
    middle = (np.arange(q) + 0.5) / q
    values = np.zeros((q, x.shape[1]), np.float32)
    for j in np.flatnonzero(m.any(0)):
        cells = np.sort(x[m[:, j], j])
        values[:, j] = cells[(middle * len(cells)).astype(np.int64)]
    return values
