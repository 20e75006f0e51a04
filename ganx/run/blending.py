"""Weights of a blend: non-negative, with sum 1, learned from what candidates answered where the truth is known.

Stacking by convex combination: D. H. Wolpert, "Stacked generalization", Neural Networks 5 (1992); L. Breiman, "Stacked
regressions", Machine Learning 24 (1996), who found the weights' being non-negative to be what makes it work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from ganx.metrics.classification import f1

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]
Index = NDArray[np.int64]
Objective = Literal["rmse", "rmse_row"]

PRIOR_CELLS = 30.0  # a column's own weights start from the pooled ones, as if these had so many cells to say for them
ROUNDS = 50  # of reweighting rows, at most
LEAST_PROBABILITY = 1e-3  # of a true class: nobody is ruled out by one row
ROUNDS_OF_LABELS = 200
FACTORS = np.geomspace(1 / 3, 3, 25)  # on the probability of a class
LEAST_ROW_ERROR = 1e-3  # of a row, in units of the range: a row that is nearly right does not rule all others


@dataclass(frozen=True, eq=False)
class Evidence:
    """What C candidates answered about n rows, in cells that they were not shown.

    Attributes:
        errors: (C, n, d) answer less truth, in units of the range; 0 where nothing was hidden.
        hidden: (n, d) the cells that were.
    """

    errors: Floats
    hidden: Mask

    def of(self, features: Mask) -> Evidence:
        """Return what there is about some of the features (d,)."""
        return Evidence(self.errors[:, :, features], self.hidden[:, features])


def blended(weights: Mapping[str, Floats], answers: Mapping[str, Floats]) -> Floats:
    """Return the blend (n, ...) of answers (n, ...), each weighted by a number or by (...) numbers."""
    total: Floats = sum(weights[name] * answer for name, answer in answers.items())  # type: ignore[assignment]
    return total


def least_squares(gram: Floats) -> Floats:
    """Return the weights (C,) that minimise w' G w, non-negative and with sum 1, for products of errors G (C, C).

    On a ray s w the objective s² w' G w + (s - 1)² has the minimum q / (1 + q), q = w' G w: so the non-negative least
    squares solution of it has the direction of the constrained one.
    """
    n = len(gram)
    scale = np.trace(gram) / n or 1.0
    factor = np.linalg.cholesky(gram / scale + 1e-9 * np.eye(n)).T
    weights, _ = nnls(np.vstack([factor, np.ones(n)]), np.r_[np.zeros(n), 1.0])
    found: Floats = weights / weights.sum()
    return found


def pooled_weights(evidence: Evidence, objective: Objective) -> tuple[Floats, Floats]:
    """Return the weights (C,) that minimise an objective over all cells, and how much each row (n,) counts in it.

    The mean over rows of a row's root mean squared error is minimised by reweighted least squares.
    """
    counts = np.maximum(evidence.hidden.sum(1), 1)
    importance = np.ones(len(counts))
    weights = least_squares(_products(evidence.errors, importance))
    for _ in range(ROUNDS if objective == "rmse_row" else 0):
        squared = (np.tensordot(weights, evidence.errors, 1) ** 2).sum(1)
        importance = 1 / (counts * np.maximum(np.sqrt(squared / counts), LEAST_ROW_ERROR))
        before, weights = weights, least_squares(_products(evidence.errors, importance))
        if np.abs(weights - before).max() < 1e-4:
            break
    return weights, importance / importance.mean()


def column_weights(evidence: Evidence, columns: Index, categorical: Mask, objective: Objective) -> Floats:
    """Return weights (C, d): each column's own, drawn towards those pooled over numeric or over categorical columns.

    The more cells of a column were hidden, the further may its weights depart. Features of one categorical column have
    the same weights; their squared error is the Brier score.

    Args:
        columns: (d,) column of each feature.
        categorical: (d,) features of categorical columns.
    """
    weights = np.full((len(evidence.errors), len(columns)), 1 / len(evidence.errors))
    for features, aim in ((~categorical, objective), (categorical, "rmse")):
        kind = evidence.of(features)
        if not kind.hidden.any():
            continue
        pooled, importance = pooled_weights(kind, aim)
        pool = _products(kind.errors, importance)
        for column in np.unique(columns[features]):
            one = columns == column
            own = _products(evidence.errors[:, :, one], importance)
            cells = evidence.hidden[:, one].any(1).sum()
            known = np.trace(own) > 0 and np.trace(pool) > 0
            prior = PRIOR_CELLS * np.trace(own) / max(1, cells) / np.trace(pool) if known else 0.0
            weights[:, one] = (least_squares(own + prior * pool) if known else pooled)[:, None]
    return weights


def _products(errors: Floats, importance: Floats) -> Floats:
    """Return the weighted products of errors of each two candidates. (C, n, d), (n,) -> (C, C)."""
    flat = (errors * np.sqrt(importance)[:, None]).reshape(len(errors), -1).astype(np.float64)
    products: Floats = flat @ flat.T
    return products


def label_weights(probabilities: Floats, y: Index) -> Floats:
    """Return the weights (C,) under which the blend has the greatest likelihood, all classes counting the same.

    Each round of expectation maximisation gives a candidate its share in the probability of the true classes.

    Args:
        probabilities: (C, n, K) of rows that the candidates have not learned from.
        y: (n,) their classes.
    """
    weights = np.full(len(probabilities), 1 / len(probabilities))
    if not y.size:
        return weights
    likelihood = np.maximum(probabilities[:, np.arange(len(y)), y], LEAST_PROBABILITY)
    importance = 1 / np.bincount(y)[y]
    for _ in range(ROUNDS_OF_LABELS):
        share = weights[:, None] * likelihood
        weights = share / share.sum(0) @ importance
        weights /= weights.sum()
    return weights


def class_factors(probability: Floats, y: Index, positive: int | None) -> Floats:
    """Return factors (K,) on class probabilities that raise F1: ones, unless they do in both halves of the rows.

    Args:
        probability: (n, K) of rows that were not learned from.
        y: (n,) their classes.
        positive: class that F1 is about; None: the mean over classes.
    """
    factors = np.ones(probability.shape[1])
    half = np.zeros(len(y), dtype=np.bool_)
    half[np.argsort(y, kind="stable")[::2]] = True  # both have their share of every class
    for judged in (half, ~half):
        found = _factors(probability[~judged], y[~judged], positive)
        before = f1(y[judged], probability[judged], positive)
        if not f1(y[judged], probability[judged] * found, positive) > before:
            return factors
    return _factors(probability, y, positive)


def _factors(probability: Floats, y: Index, positive: int | None) -> Floats:
    """Return the factors with the greatest F1, found for one class after another."""
    factors = np.ones(probability.shape[1])
    for k in range(len(factors)) if positive is None else [positive]:
        tried = [np.where(np.arange(len(factors)) == k, factor, factors) for factor in FACTORS]
        reached = np.array([f1(y, probability * factors, positive) for factors in tried])
        best = np.flatnonzero(reached == reached.max())
        factors = tried[best[len(best) // 2]]  # the middle of those that are as good
    return factors
