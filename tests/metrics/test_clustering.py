from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ganx.metrics.clustering import ari, error_rate, majority, nmi, one_to_one

Y = np.array([0, 0, 0, 1, 1, 2, 2, 2])
C = np.array([1, 1, 2, 1, 0, 2, 2, 0])


@st.composite
def clusterings(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Rows of four classes in four categories."""
    n = draw(st.integers(1, 40))
    y, c = draw(hnp.arrays(np.int64, (2, n), elements=st.integers(0, 3)))
    return y, c


def errors(y: np.ndarray, c: np.ndarray) -> tuple[float, float]:
    """One to one, and by majority."""
    return error_rate(y, c, one_to_one(y, c, 4, 4)), error_rate(y, c, majority(y, c, 4, 4))


def test_by_hand() -> None:
    np.testing.assert_array_equal(one_to_one(Y, C, 3, 3), [1, 0, 2])
    assert error_rate(Y, C, one_to_one(Y, C, 3, 3)) == pytest.approx(3 / 8)
    np.testing.assert_array_equal(majority(Y, C, 3, 5), [1, 0, 2, 0, 0])  # a tie goes to the first class
    other = np.array([0, 2, 2]), np.array([1, 2, 4])
    assert error_rate(*other, majority(Y, C, 3, 5)) == pytest.approx(1 / 3)


def test_a_category_without_rows_gets_the_commonest_class() -> None:
    np.testing.assert_array_equal(majority(np.array([2, 2, 1, 1, 2]), np.array([0, 0, 1, 1, 0]), 3, 3), [2, 1, 2])


def test_as_many_categories_as_classes() -> None:
    with pytest.raises(ValueError, match="20 categories cannot be mapped one to one to 10 classes"):
        one_to_one(Y, C, 10, 20)


@settings(deadline=None)
@given(clusterings())
def test_one_to_one_is_the_best_of_all(clustering: tuple[np.ndarray, np.ndarray]) -> None:
    y, c = clustering
    best = min(error_rate(y, c, np.array(order)) for order in permutations(range(4)))
    found = one_to_one(y, c, 4, 4)
    assert sorted(found) == [0, 1, 2, 3]
    assert error_rate(y, c, found) == pytest.approx(best)


@settings(deadline=None)
@given(clusterings())
def test_majority_is_never_worse_than_one_to_one(clustering: tuple[np.ndarray, np.ndarray]) -> None:
    exact, by_majority = errors(*clustering)
    assert by_majority <= exact


@settings(deadline=None)
@given(clusterings(), st.permutations(range(4)))
def test_names_of_categories_mean_nothing(clustering: tuple[np.ndarray, np.ndarray], names: list[int]) -> None:
    y, c = clustering
    renamed = np.array(names)[c]
    assert errors(y, renamed) == pytest.approx(errors(y, c))
    assert nmi(y, renamed) == pytest.approx(nmi(y, c))
    assert ari(y, renamed) == pytest.approx(ari(y, c))


@settings(deadline=None)
@given(st.permutations(range(4)), st.integers(1, 10))
def test_classes_under_other_names(names: list[int], repeats: int) -> None:
    y = np.repeat(np.arange(4), repeats)
    c = np.array(names)[y]
    assert errors(y, c) == (0.0, 0.0)
    assert nmi(y, c) == pytest.approx(1)
    assert ari(y, c) == pytest.approx(1)


@settings(deadline=None)
@given(clusterings())
def test_collapse_to_one_cluster_is_no_success(clustering: tuple[np.ndarray, np.ndarray]) -> None:
    """The score of GAN-EM's code, which maps classes to clusters, finds no error here."""
    y = np.concatenate([clustering[0], np.arange(4)])
    c = np.zeros_like(y)
    missed = 1 - np.bincount(y).max() / len(y)
    assert errors(y, c) == pytest.approx((missed, missed))
    assert missed > 0
    assert nmi(y, c) == pytest.approx(0)
    assert ari(y, c) == pytest.approx(0)


def test_two_classes_in_one_cluster_and_one_in_two() -> None:
    y = np.repeat(np.arange(4), 100)
    c = np.concatenate([np.zeros(200), np.ones(100), np.full(50, 2), np.full(50, 3)]).astype(np.int64)
    assert errors(y, c) == (pytest.approx(150 / 400), pytest.approx(100 / 400))


def test_categories_by_chance() -> None:
    rng = np.random.default_rng(0)
    y, c = rng.integers(4, size=(2, 20_000))
    assert ari(y, c) == pytest.approx(0, abs=1e-3)
    assert nmi(y, c) == pytest.approx(0, abs=1e-3)
    assert errors(y, c)[0] == pytest.approx(0.75, abs=0.02)


def test_nothing_to_score() -> None:
    none = np.array([], dtype=np.int64)
    assert math.isnan(error_rate(none, none, np.array([0, 1])))
    assert math.isnan(nmi(none, none))
    assert math.isnan(ari(none, none))
    assert sorted(one_to_one(none, none, 2, 2)) == [0, 1]
    np.testing.assert_array_equal(majority(none, none, 2, 2), [0, 0])
