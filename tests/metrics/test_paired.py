"""What rows add to an error, and when a difference between two ways to fill cells counts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_rel

from ganx.metrics.paired import beats, moments, p_values, row_losses

NAN = np.nan


def test_what_a_row_adds_to_the_whole() -> None:
    losses = np.array([[4.0, 12.0, 1.0], [NAN, NAN, 0.0], [9.0, NAN, NAN]])
    whole = row_losses(losses, np.array([True, True, False]))[:, 3:]
    np.testing.assert_allclose(whole, [[16, np.sqrt(8), 1], [NAN, NAN, 0], [9, 3, NAN]])


def test_one_seed_is_the_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 40, 3))
    b[:, 1] += 2
    differences = a - b
    differences[::2, 2] = NAN
    folds = moments(differences[:15]) + moments(differences[15:])
    expected = [ttest_rel(a[:, j], b[:, j]).pvalue for j in (0, 1)] + [ttest_rel(a[1::2, 2], b[1::2, 2]).pvalue]
    np.testing.assert_allclose(p_values([folds]), expected)
    assert p_values([folds])[1] < 1e-6 < p_values([folds])[0]


def test_more_seeds_of_the_same_rows_are_no_further_evidence() -> None:
    one = moments(np.random.default_rng(1).normal(0.2, size=(30, 4)))
    np.testing.assert_allclose(p_values([one] * 5), p_values([one]))


def test_where_there_is_nothing_to_test_on() -> None:
    known = np.array([[0.1, 0.5, 0.0, 0.5], [NAN, 0.5, 0.0, 0.7]])
    assert p_values([moments(known)])[:3].tolist() == [1, 0, 1]  # one row; always the same; no difference


@pytest.mark.parametrize(
    ("error", "p", "counts"), [(0.97, 0.01, True), (0.99, 0.01, False), (0.97, 0.1, False), (1.5, 0.0, False)]
)
def test_a_gain_counts_when_it_is_large_and_no_chance(error: float, p: float, counts: bool) -> None:
    assert beats(error, 1.0, p) == counts


def test_beside_what_is_always_right() -> None:
    assert beats(0.0, 0.0, 1.0)
    assert not beats(1e-3, 0.0, 0.0)
