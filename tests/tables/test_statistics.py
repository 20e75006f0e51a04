"""Means, deviations, and the corrected resampled t-test, beside cases worked by hand."""

from __future__ import annotations

import math
import statistics as reference

import pytest
from scipy import stats

from ganx.tables.statistics import best_of, mean, p_value, sd, split_ratio

A = {(0, 0): 0.10, (0, 1): 0.12, (1, 0): 0.14, (1, 1): 0.16}


def test_the_deviation_is_over_seeds_of_the_mean_over_folds():
    assert mean(A) == pytest.approx(0.13)
    assert sd(A) == pytest.approx(reference.stdev([0.11, 0.15]))
    assert sd({(0, 0): 1.0, (0, 1): 2.0}) is None


def test_nadeau_and_bengio_by_hand():
    """Differences .01 .02 .03 .04 under 2 folds: t = .025 / sqrt((1/4 + 1) * .0001667) with 3 degrees of freedom."""
    b = {replica: value - 0.01 * (i + 1) for i, (replica, value) in enumerate(A.items())}
    t = 0.025 / math.sqrt((1 / 4 + 1) * reference.variance([0.01, 0.02, 0.03, 0.04]))
    assert t == pytest.approx(1.7320508)
    assert p_value(A, b, split_ratio(2, 0)) == pytest.approx(2 * stats.t.sf(t, 3))
    assert p_value(A, b, split_ratio(2, 0)) == pytest.approx(0.18169, abs=1e-5)


def test_without_the_correction_it_is_the_paired_t_test():
    b = {replica: value * value for replica, value in A.items()}
    assert p_value(A, b, 0.0) == pytest.approx(stats.ttest_rel(list(A.values()), list(b.values())).pvalue)


def test_only_shared_replicas_are_compared():
    b = {(0, 0): 0.2, (7, 0): 0.3}
    assert p_value(A, b, 0.25) is None
    assert p_value(A, A, None) is None


def test_equal_figures_are_tied_and_constant_differences_are_not():
    assert p_value(A, A, 0.25) == 1.0
    assert p_value({(0, 0): 1.0, (1, 0): 1.0}, {(0, 0): 0.5, (1, 0): 0.5}, 0.25) == 0.0


@pytest.mark.parametrize(
    ("folds", "validation", "ratio"), [(5, 0.0, 0.25), (5, 0.2, 0.3125), (2, 0.0, 1.0), ("holdout", 0.0, 0.25)]
)
def test_shares_of_test_and_training_rows(folds, validation, ratio):
    assert split_ratio(folds, validation) == pytest.approx(ratio)


def test_fitting_on_all_rows_leaves_nothing_to_test_on():
    assert split_ratio(0, 0.2) is None


def test_best():
    assert (best_of([3.0, 1.0], "lower"), best_of([3.0, 1.0], "higher")) == (1.0, 3.0)
