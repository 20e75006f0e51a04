"""Categories from linear predictions of their indicators, by multinomial logistic regression on the predictions.

The largest prediction is no good answer: a category between two others on a line is never the largest (Hastie,
Tibshirani, Friedman, The Elements of Statistical Learning, 4.2).

Arrays are over the c features of all categorical columns; `column` (c,) says which one a feature belongs to.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from ganx.baselines.kept import Arrays, Forms, floats

Floats = NDArray[np.floating]
Index = NDArray[np.intp]

FORMS: Forms = {"logit_weights": floats("c", "c"), "logit_bias": floats("c")}
PENALTY = 0.1  # on squared weights of standardised predictions
NEVER = -1e3  # bias of a category without a training cell


def categorical(group: NDArray[np.int64] | None) -> tuple[Index, Index]:
    """Return the features (c,) of columns that have several, and the columns (c,) that they belong to.

    Args:
        group: (d,) column of each feature; None: one each.
    """
    if group is None:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    features = np.flatnonzero(np.bincount(group)[group] > 1)
    return features, group[features]


def logits(predicted: Floats, truth: Floats, m: NDArray[np.bool_], column: Index) -> Arrays:
    """Return what `probabilities` asks for.

    Args:
        predicted: (n, c) of training rows.
        truth: (n, c), 1 for the category of a row.
        m: (n, c), whether it is known.
    """
    weights, bias = np.zeros((len(column), len(column))), np.full(len(column), NEVER)
    for features in (np.flatnonzero(column == number) for number in np.unique(column)):
        known = m[:, features[0]]
        number = truth[known][:, features].argmax(1)
        seen = features[np.unique(number)]
        if len(seen) > 1:
            weights[np.ix_(features, seen)], bias[seen] = _regression(predicted[known][:, features], number)
        else:  # nothing to tell apart
            bias[seen] = 0.0
    return {"logit_weights": weights, "logit_bias": bias}


def _regression(predicted: Floats, number: Index) -> tuple[Floats, Floats]:
    """Return weights (K, classes) and bias (classes,) that tell the classes that occur in `number` (n,)."""
    mean, deviation = predicted.mean(0), predicted.std(0)
    deviation = np.where(deviation > 0, deviation, 1.0)
    model = LogisticRegression(C=1 / PENALTY, max_iter=1000).fit((predicted - mean) / deviation, number)
    weights, bias = model.coef_ / deviation, model.intercept_
    if len(weights) == 1:  # of two classes, scikit-learn has the difference
        weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    return weights.T, bias - weights @ mean


def probabilities(predicted: Floats, column: Index, weights: Floats, bias: Floats) -> Floats:
    """Return the probability of each category, (n, c), given predictions (n, c)."""
    score = predicted @ weights + bias
    _, first, number = np.unique(column, return_index=True, return_inverse=True)
    likely = np.exp(score - np.maximum.reduceat(score, first, axis=1)[:, number])
    return likely / np.add.reduceat(likely, first, axis=1)[:, number]
