"""How well categories that were found without labels agree with classes.

y (n,) are class indices, c (n,) category indices; rows of unknown class must be left out by the caller. A map from
categories to classes is fixed on training rows (`one_to_one` or `majority`) and scored on others (`error_rate`). It
goes from categories to classes, never back: a score that looks for the commonest category of every class, as the code
of GAN-EM does, finds no error where all rows share one category.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn import metrics

Labels = NDArray[np.int64]


def one_to_one(y: Labels, c: Labels, n_classes: int, n_categories: int) -> Labels:
    """Return the class of each category, (n_categories,): the one-to-one map with the fewest errors (Kuhn, 1955).

    Raises:
        ValueError: there are not as many categories as classes.
    """
    if n_classes != n_categories:
        raise ValueError(f"{n_categories} categories cannot be mapped one to one to {n_classes} classes")
    return np.asarray(linear_sum_assignment(_counts(y, c, n_classes, n_categories), maximize=True)[1])


def majority(y: Labels, c: Labels, n_classes: int, n_categories: int) -> Labels:
    """Return the class of each category, (n_categories,): the commonest among its rows.

    A category without rows gets the commonest class of all. The error under this map falls as categories are added,
    so compare only figures of equal `n_categories`.
    """
    counts = _counts(y, c, n_classes, n_categories)
    return np.asarray(np.where(counts.any(axis=1), counts.argmax(axis=1), counts.sum(axis=0).argmax()))


def error_rate(y: Labels, c: Labels, class_of: Labels) -> float:
    """Return the share of rows whose category stands for another class.

    Args:
        y, c: (n,) indices.
        class_of: (n_categories,) from `one_to_one` or `majority`.
    """
    return float(np.mean(class_of[c] != y)) if y.size else float("nan")


def nmi(y: Labels, c: Labels) -> float:
    """Return the mutual information of classes and categories over the mean of their entropies, in [0, 1]."""
    return float(metrics.normalized_mutual_info_score(y, c)) if y.size else float("nan")


def ari(y: Labels, c: Labels) -> float:
    """Return the Rand index adjusted for chance (Hubert and Arabie, 1985): 0 by chance, 1 if categories are classes."""
    return float(metrics.adjusted_rand_score(y, c)) if y.size else float("nan")


def _counts(y: Labels, c: Labels, n_classes: int, n_categories: int) -> Labels:
    """(n_categories, n_classes) rows of each category and class."""
    cells = np.bincount(c * n_classes + y, minlength=n_categories * n_classes)
    return cells.reshape(n_categories, n_classes)
