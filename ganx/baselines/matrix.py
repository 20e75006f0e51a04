"""Soft-Impute: a matrix of low rank, by singular values that are shrunk (Mazumder, Hastie, Tibshirani; JMLR 2010)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ganx.baselines.baseline import Baseline, Labels, Mask, Rows, without_gaps
from ganx.baselines.categories import FORMS, categorical, logits, probabilities
from ganx.baselines.kept import Forms, damaged, floats
from ganx.types import OpenFraction, PositiveInt, Repeats

Floats = NDArray[np.float64]

THRESHOLDS = 0.5, 0.005  # greatest and least, as shares of the largest singular value
TOLERANCE = 1e-6  # relative squared change of the filled matrix that ends the rounds


class Matrix(Baseline):
    """Minimises 1/2 |P(X - Z)|² + λ |Z|_* over Z; P keeps the observed cells, |.|_* adds up singular values.

    The solution is Z = A Bᵀ, with B (d, rank) = V S^½ of its singular value decomposition. Given B, a row of A is the
    ridge regression, with penalty λ, of the row's observed cells on B: so new rows are filled without entering the fit.
    Columns are standardised. Categories are told by logits of what fills their features.

    Args:
        n_thresholds: values of λ on the path, greatest first. One is chosen by the error of held-out cells.
        rounds: of filling and shrinking for a value of λ, at most.
        held_out: share of the observed training cells that λ is chosen on.
        max_rows: training rows, drawn at random from more.
    """

    kept: ClassVar[Forms] = {
        "mean": floats("d"),
        "deviation": floats("d"),
        "factor": floats("rank", "d"),  # Bᵀ
        "penalty": floats(1),  # λ
    }
    mean: Floats
    deviation: Floats
    factor: Floats
    penalty: Floats
    logit_weights: Floats
    logit_bias: Floats

    def __init__(
        self, *, n_thresholds: Repeats, rounds: Repeats, held_out: OpenFraction, max_rows: PositiveInt | None
    ) -> None:
        super().__init__()
        self.path = np.geomspace(*THRESHOLDS, n_thresholds)
        self.rounds, self.held_out, self.max_rows = rounds, held_out, max_rows

    def fit(self, x: Rows, m: Mask, y: Labels) -> None:
        """Learn means, deviations and the factor B from the training rows."""
        x, m = self.capped(x, m, self.max_rows)
        n = np.maximum(m.sum(0), 1)
        self.mean = np.where(m, x, 0).sum(0, dtype=np.float64) / n
        deviation = np.sqrt((np.where(m, x - self.mean, 0) ** 2).sum(0) / n)
        self.deviation = np.where(deviation > 1e-6, deviation, 1.0)
        standard = self._standardise(x, m)
        penalty, filled = self._choose(standard, m)
        _, factor = self._solve(standard, m, penalty, filled)
        arrays = {
            "mean": self.mean,
            "deviation": self.deviation,
            "factor": factor.T,
            "penalty": np.array([penalty]),
        }
        self.keep(**arrays)
        features, column = categorical(self.group)
        if len(features):
            predicted = np.concatenate([self._hidden(x, m, number) for number in np.unique(column)], axis=1)
            self.keep(**arrays, **logits(predicted, x[:, features], m[:, features], column))

    def _hidden(self, x: Rows, m: Mask, number: int) -> Floats:
        """Return what fills the features (n, K) of a column where it is hidden, also if known."""
        of_column = np.asarray(self.group) == number
        return self._filled(x, m & ~of_column)[:, of_column]

    def forms(self) -> Forms:
        """Return what this instance keeps."""
        return super().forms() | (FORMS if len(categorical(self.group)[0]) else {})

    def prepare(self) -> None:
        """Check what is divided by."""
        if not (self.deviation > 0).all() or not self.penalty > 0:
            raise damaged("a deviation or the penalty is not above 0")

    def impute(self, x: Rows, m: Mask) -> Rows:
        """Return x with its unknown cells filled, (n, d)."""
        filled = self._filled(x, m)
        features, column = categorical(self.group)
        if len(features):
            filled[:, features] = probabilities(filled[:, features], column, self.logit_weights, self.logit_bias)
        return without_gaps(x, m, filled)

    def _filled(self, x: Rows, m: Mask) -> Floats:
        """Return the low-rank matrix (n, d) of rows, in units of x."""
        return self._project(self._standardise(x, m), m) * self.deviation + self.mean

    def _standardise(self, x: Rows, m: Mask) -> Floats:
        return np.where(m, (x - self.mean) / self.deviation, 0.0)

    def _choose(self, x: Floats, m: Mask) -> tuple[float, Floats]:
        """Return the λ with the least error on held-out cells, in units of x, and what it fills in."""
        column = np.arange(m.shape[1]) if self.group is None else np.asarray(self.group)
        drawn = np.random.default_rng(self.seed).random((len(m), column.max() + 1))
        kept = m & (drawn[:, column] >= self.held_out)  # all features of a category, or none
        held_out = m & ~kept
        largest = float(np.linalg.norm(np.where(kept, x, 0), 2)) or 1.0
        filled = np.zeros_like(x)
        least, chosen = np.inf, (self.path[0] * largest, filled)
        for share in self.path:
            filled, _ = self._solve(x, kept, share * largest, filled)
            error = np.sum((((filled - x) * self.deviation)[held_out]) ** 2)
            if error < least:
                least, chosen = error, (share * largest, filled)
        return chosen

    def _solve(self, x: Floats, m: Mask, penalty: float, filled: Floats) -> tuple[Floats, Floats]:
        """Return Z (n, d) and its factor B (d, rank), starting from Z = `filled`: algorithm 1 of the paper."""
        for _ in range(self.rounds):
            complete = np.where(m, x, filled)
            squares, vectors = np.linalg.eigh(complete.T @ complete)  # cheaper than the SVD of many rows
            values = np.sqrt(np.maximum(squares, 0))
            kept = values > penalty
            values, vectors = values[kept], vectors[:, kept]
            shrunk = values - penalty
            before, filled = filled, (complete @ vectors) * (shrunk / values) @ vectors.T
            if np.sum((filled - before) ** 2) <= TOLERANCE * np.sum(before**2):
                break
        return filled, vectors * np.sqrt(shrunk)

    def _project(self, x: Floats, m: Mask) -> Floats:
        """Return A Bᵀ (n, d) for new rows."""
        filled, factor = np.empty_like(x), self.factor.T
        ridge = self.penalty * np.eye(factor.shape[1])
        for i, seen in enumerate(m):
            b = factor[seen]
            filled[i] = factor @ np.linalg.solve(b.T @ b + ridge, b.T @ x[i, seen])
        return filled
