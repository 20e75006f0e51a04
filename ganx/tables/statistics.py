"""Figures of a cell, and which of them differ."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping

from ganx.schema import HOLDOUT_FOLDS, Folds

#: (seed, fold)
Replica = tuple[int, int]

#: A difference counts when chance alone would give as large a one in less than this share of repetitions.
LEVEL = 0.05


def mean(values: Mapping[Replica, float]) -> float:
    """Return the mean over replicas."""
    return statistics.fmean(values.values())


def sd(values: Mapping[Replica, float]) -> float | None:
    """Return the standard deviation over seeds of the mean over folds (ddof 1); None for one seed."""
    folds: dict[int, list[float]] = {}
    for (seed, _), value in values.items():
        folds.setdefault(seed, []).append(value)
    means = [statistics.fmean(fold) for fold in folds.values()]
    return statistics.stdev(means) if len(means) > 1 else None


def split_ratio(folds: Folds, validation: float) -> float | None:
    """Return n_test / n_train of a cross-validation; None where all rows are fitted on.

    With `holdout` it is that of a fifth, the most that is held out: the p-value never comes out too small.
    """
    folds = HOLDOUT_FOLDS if folds == "holdout" else folds
    return 1 / ((folds - 1) * (1 - validation)) if folds else None


def p_value(a: Mapping[Replica, float], b: Mapping[Replica, float], ratio: float | None) -> float | None:
    """Return the two-sided p of the corrected resampled t-test on the replicas that `a` and `b` share.

    Training sets of folds and repeats overlap, so that differences are not independent; the variance of their mean is
    taken as (1/J + n_test/n_train) s^2 over J replicas instead of s^2/J.

    Source: Nadeau, Bengio: Inference for the generalization error, Machine Learning 52 (2003), section 3.

    Args:
        ratio: n_test / n_train, see `split_ratio`.

    Returns:
        None where there is nothing to test on: fewer than two shared replicas, or no folds.
    """
    from scipy.special import stdtr  # Student's distribution; scipy.stats would take a second to import

    differences = [a[replica] - b[replica] for replica in sorted(a.keys() & b.keys())]
    n = len(differences)
    if n < 2 or ratio is None:
        return None
    centre, variance = statistics.fmean(differences), statistics.variance(differences)
    if variance == 0:
        return 1.0 if centre == 0 else 0.0
    t = centre / math.sqrt((1 / n + ratio) * variance)
    return float(2 * stdtr(n - 1, -abs(t)))


def best_of(means: Iterable[float], better: str) -> float:
    """Return the lowest or the highest."""
    return min(means) if better == "lower" else max(means)
