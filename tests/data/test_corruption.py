from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganx.data.corruption import MECHANISMS, hide_by_patterns, hide_cells, keep_imbalanced, mar, mnar, own, show_labels
from ganx.errors import UserError

Mechanism = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
X = np.random.default_rng(1).normal(size=(3000, 8)) @ np.random.default_rng(2).normal(size=(8, 8))


DRAWN = [mechanism for name, mechanism in MECHANISMS.items() if name != "own"]  # whatever the table lacks


@pytest.mark.parametrize("mechanism", DRAWN)
@settings(max_examples=15, deadline=None)
@given(rate=st.just(0.0) | st.floats(1e-6, 0.85), seed=st.integers(0, 2**32))
def test_realised_rate(mechanism: Mechanism, rate: float, seed: int) -> None:
    hidden = mechanism(X, rate, np.random.default_rng(seed))
    assert abs(hidden.mean() - rate) < 6 * np.sqrt(rate * (1 - rate) / hidden.size) + 10 / hidden.size
    np.testing.assert_array_equal(hidden, mechanism(X, rate, np.random.default_rng(seed)))


@pytest.mark.parametrize("seed", range(5))
def test_mar_depends_on_observed_columns_alone(seed: int) -> None:
    hidden = mar(X, 0.4, np.random.default_rng(seed))
    always_observed = ~hidden.any(axis=0)
    assert 1 <= always_observed.sum() < X.shape[1] / 2
    other = np.where(always_observed, X, -X[::-1])
    np.testing.assert_array_equal(mar(other, 0.4, np.random.default_rng(seed)), hidden)
    other = np.where(always_observed, -X[::-1], X)
    assert (mar(other, 0.4, np.random.default_rng(seed)) != hidden).any()


def test_mnar_depends_on_the_value_itself() -> None:
    hidden = mnar(X, 0.3, np.random.default_rng(0))
    for j in range(X.shape[1]):
        shift = X[hidden[:, j], j].mean() - X[~hidden[:, j], j].mean()
        assert abs(shift) > 0.5 * X[:, j].std()
        assert abs(hidden[:, j].mean() - 0.3) < 0.05
    other = X.copy()
    other[:, 1:] = 0
    np.testing.assert_array_equal(mnar(other, 0.3, np.random.default_rng(0))[:, 0], hidden[:, 0])


@pytest.mark.parametrize("mechanism", DRAWN)
def test_constant_and_missing_cells_are_no_obstacle(mechanism: Mechanism) -> None:
    x = X.copy()
    x[:, 0] = 3.0
    x[:, 1] = np.nan
    x[::2, 2] = np.nan
    for seed in range(8):
        hidden = mechanism(x, 0.3, np.random.default_rng(seed))
        assert abs(hidden.mean() - 0.3) < 0.02


@pytest.mark.parametrize("n_columns", [1, 2])
def test_mar_refuses_what_it_cannot_reach(n_columns: int) -> None:
    with pytest.raises(UserError, match="missing_rate must be below"):
        mar(X[:, :n_columns], 0.9, np.random.default_rng(0))


def with_holes(n_rows: int = 2000) -> np.ndarray:
    """Columns 0 and 1 are missing together, 2 alone, and 3 never."""
    x = X[:n_rows, :4].copy()
    kind = np.random.default_rng(3).random(n_rows)
    x[kind < 0.1, :2] = np.nan
    x[(kind > 0.1) & (kind < 0.15), 2] = np.nan
    return x


@pytest.mark.parametrize("rate", [0.0, 0.02, 0.2, 0.6])
def test_own_patterns_come_to_the_rate(rate: float) -> None:
    x = with_holes()
    assert not own(X, 0.0, np.random.default_rng(0)).any()  # nothing to hide: no pattern is needed
    hidden = own(x, rate, np.random.default_rng(0))
    known = ~np.isnan(x)
    assert not (hidden & ~known).any()
    assert not hidden[:, 3].any()
    assert hidden.sum() == pytest.approx(rate * known.sum(), abs=4)
    np.testing.assert_array_equal(hidden, own(np.where(known, -x, np.nan), rate, np.random.default_rng(0)))


def test_own_patterns_are_hidden_as_a_whole() -> None:
    x = with_holes()
    hidden = own(x, 0.1, np.random.default_rng(0))
    both = ~np.isnan(x[:, 0])
    np.testing.assert_array_equal(hidden[both, 0], hidden[both, 1])
    assert hidden[:, 0].sum() == pytest.approx(2 * hidden[:, 2].sum(), rel=0.2)  # as often as in the table


@pytest.mark.parametrize(
    ("x", "rate", "told"),
    [
        (X, 0.2, "none is missing; choose mcar, mar or mnar"),
        (with_holes(), 0.8, r"can hide 0\.7\d? of the known cells, so protocol\.missing_rate must be below that"),
    ],
    ids=["none", "few"],
)
def test_own_patterns_refuse_what_they_cannot_reach(x: np.ndarray, rate: float, told: str) -> None:
    with pytest.raises(UserError, match=told):
        own(x, rate, np.random.default_rng(0))


def test_patterns_hide_what_they_can_where_that_is_little() -> None:
    hidden = hide_by_patterns(np.eye(3, dtype=bool), np.array([[True, False, False]]), 0.9, np.random.default_rng(0))
    assert hidden.tolist() == [[True, False, False], [False] * 3, [False] * 3]


def test_unknown_mechanism() -> None:
    with pytest.raises(UserError, match="did you mean 'mnar'"):
        hide_cells(X, "mnarr", 0.2, np.random.default_rng(0))


@given(st.lists(st.integers(-1, 3), min_size=1, max_size=60), st.floats(0, 1))
def test_label_rate(labels: list[int], rate: float) -> None:
    y = np.array(labels)
    shown = show_labels(y, rate, np.random.default_rng(0))
    known = (y >= 0).sum()
    assert (y[shown] >= 0).all()
    assert shown.sum() == (max(round(rate * known), int(rate > 0)) if known else 0)


@pytest.mark.parametrize("ratio", [1, 1.5, 2, 5.5, 20])
@pytest.mark.parametrize("sizes", [(400, 100), (100, 400), (250, 250)])
def test_binary_imbalance_is_exact(sizes: tuple[int, int], ratio: float) -> None:
    y = np.repeat([0, 1], sizes)
    small, large = sorted(np.bincount(y[keep_imbalanced(y, ratio, np.random.default_rng(0))]))
    assert abs(large - small * ratio) <= ratio / 2 + 1e-9
    # As many rows as the ratio allows: the rarer or the more frequent class is whole, to rounding.
    assert large >= max(sizes) - 1 or small >= min(sizes) - 1


@given(st.lists(st.integers(30, 200), min_size=3, max_size=6), st.floats(1, 20))
def test_long_tail(sizes: list[int], ratio: float) -> None:
    y = np.concatenate([np.repeat(np.arange(len(sizes)), sizes), [-1, -1]])
    kept = keep_imbalanced(y, ratio, np.random.default_rng(0))
    counts = np.bincount(y[kept & (y >= 0)], minlength=len(sizes))
    assert kept[y < 0].all()
    assert (counts <= sizes).all()
    ranked = counts[np.argsort(-np.array(sizes), kind="stable")]
    profile = ranked[0] * ratio ** -(np.arange(len(sizes)) / (len(sizes) - 1))
    assert np.abs(ranked - profile).max() <= 0.5 + 1e-6


@pytest.mark.parametrize(
    ("y", "ratio", "message"),
    [
        ([0, 0, 1], 50, "would leave the class of 1 rows empty"),
        ([0, 1], 0.5, "at least 1"),
        ([0, 0, -1], 2, "two classes"),
        ([], 2, "two classes"),
    ],
)
def test_imbalance_refused(y: list[int], ratio: float, message: str) -> None:
    with pytest.raises(UserError, match=message):
        keep_imbalanced(np.array(y, dtype=np.int64), ratio, np.random.default_rng(0))
