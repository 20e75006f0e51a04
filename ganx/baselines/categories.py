"""Categories from linear predictions of their indicators, by discriminant analysis (Hastie, Tibshirani, Buja, 1994).

The largest prediction is no good answer: a category between two others on a line is never the largest. Normal
distributions of the predictions, one for each category, tell it from both.

Arrays are over the c features of all categorical columns; `column` (c,) says which one a feature belongs to.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ganx.baselines.kept import Arrays, Forms, floats

Floats = NDArray[np.floating]
Index = NDArray[np.intp]

FORMS: Forms = {"discriminant": floats("c", "c"), "bias": floats("c")}
RIDGE = 1e-3  # of the mean variance: predictions of a column's features add up to 1, or nearly so
NEVER = -1e3  # log of the share of a category without a training cell


def categorical(group: NDArray[np.int64] | None) -> tuple[Index, Index]:
    """Return the features (c,) of columns that have several, and the columns (c,) that they belong to.

    Args:
        group: (d,) column of each feature; None: one each.
    """
    if group is None:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    features = np.flatnonzero(np.bincount(group)[group] > 1)
    return features, group[features]


def discriminants(predicted: Floats, truth: Floats, m: NDArray[np.bool_], column: Index) -> Arrays:
    """Return what `probabilities` asks for.

    Args:
        predicted: (n, c) of training rows.
        truth: (n, c), 1 for the category of a row.
        m: (n, c), whether it is known.
    """
    weights, bias = np.zeros((len(column), len(column))), np.full(len(column), NEVER)
    for features in (np.flatnonzero(column == number) for number in np.unique(column)):
        known = m[:, features[0]]
        if known.any():
            block = np.ix_(features, features)
            weights[block], bias[features] = _discriminant(
                predicted[np.ix_(known, features)], truth[known][:, features]
            )
    return {"discriminant": weights, "bias": bias}


def _discriminant(predicted: Floats, truth: Floats) -> tuple[Floats, Floats]:
    """Return weights (K, K) and bias (K,) of a column's linear discriminant functions."""
    count = truth.sum(0)
    centre = truth.T @ predicted / np.maximum(count, 1)[:, None]
    within = np.cov((predicted - truth @ centre).T, bias=True)
    weights = np.linalg.pinv(within + RIDGE * np.trace(within) / len(within) * np.eye(len(within))) @ centre.T
    with np.errstate(divide="ignore"):
        share = np.maximum(np.log(count / len(truth)), NEVER)
    return weights, share - (centre.T * weights).sum(0) / 2


def probabilities(predicted: Floats, column: Index, discriminant: Floats, bias: Floats) -> Floats:
    """Return the probability of each category, (n, c), given predictions (n, c)."""
    score = predicted @ discriminant + bias
    _, first, number = np.unique(column, return_index=True, return_inverse=True)
    likely = np.exp(score - np.maximum.reduceat(score, first, axis=1)[:, number])
    return likely / np.add.reduceat(likely, first, axis=1)[:, number]
