"""How well classes are predicted. Rows of unknown class must be left out by the caller.

`prob` is (N, K), the probability of each class; where only the decision matters, (N,) class indices do as well.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

Labels = NDArray[np.int64]
Floats = NDArray[np.floating]


def positive_class(y: Labels, n_classes: int) -> int | None:
    """Return the class that binary metrics are about: the smaller of two, the second if they are equal; else None.

    Args:
        y: (N,) class indices of the whole table, -1 = unknown.
        n_classes: K.
    """
    if n_classes != 2:
        return None
    return 1 if np.sum(y == 1) <= np.sum(y == 0) else 0


def f1(y: Labels, prob: Floats | Labels, positive: int | None) -> float:
    """Return the F1 of the positive class, or the mean F1 over classes if there is none (K > 2).

    Args:
        y: (N,) true class indices.
        prob: (N, K) probabilities or (N,) class indices.
        positive: `positive_class` of the table.
    """
    if y.size == 0:
        return float("nan")
    decided = _decided(prob)
    if positive is None:
        return float(metrics.f1_score(y, decided, average="macro", zero_division=0))
    return float(metrics.f1_score(y == positive, decided == positive, zero_division=0))


def accuracy(y: Labels, prob: Floats | Labels) -> float:
    """Return the share of rows whose class is right. Arguments as in `f1`."""
    return float(np.mean(y == _decided(prob))) if y.size else float("nan")


def roc_auc(y: Labels, prob: Floats, positive: int | None) -> float:
    """Return the area under the ROC curve of the positive class, or its mean over classes against the rest (K > 2).

    NaN if `y` lacks both sides of every such comparison. Arguments as in `f1`, with probabilities.
    """
    return _one_against_rest(metrics.roc_auc_score, y, prob, positive)


def pr_auc(y: Labels, prob: Floats, positive: int | None) -> float:
    """Return the average precision of the positive class, or its mean over classes (K > 2). See `roc_auc`."""
    return _one_against_rest(metrics.average_precision_score, y, prob, positive)


def _decided(prob: Floats | Labels) -> NDArray[np.integer]:
    return np.asarray(prob.argmax(axis=1) if prob.ndim == 2 else prob)


def _one_against_rest(score: Callable[..., float], y: Labels, prob: Floats, positive: int | None) -> float:
    classes = range(prob.shape[1]) if positive is None else [positive]
    scores = [score(y == k, prob[:, k]) for k in classes if 0 < np.sum(y == k) < y.size]
    return float(np.mean(scores)) if scores else float("nan")
