"""Tables of numbers and categories: a category's features are unknown together, and one of them is the answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.baselines.examples import IMPUTERS

GROUP = np.array([0, 1, 2, 2, 2, 3, 3])
N_TRAIN = 300
LEARNING = [name for name in IMPUTERS if name not in ("zeros", "mean")]


def table() -> tuple[np.ndarray, np.ndarray]:
    """Return two numbers, and two categories that follow from them, (n, 7), with a fifth of the cells unknown."""
    random = np.random.default_rng(0)
    a = random.normal(size=500)
    b = a + 0.2 * random.normal(size=500)
    x = np.column_stack([a, b, np.eye(3)[np.digitize(a, [-0.4, 0.4])], np.eye(2)[(b > 0).astype(int)]])
    return x.astype(np.float32), (random.random((500, 4)) < 0.8)[:, GROUP]


def fitted(name: str, x: np.ndarray, m: np.ndarray, group: np.ndarray = GROUP) -> Any:
    imputer: Any = IMPUTERS[name]()
    imputer.group = group
    imputer.fit(np.where(m, x, 0)[:N_TRAIN], m[:N_TRAIN], np.full(N_TRAIN, -1))
    return imputer


def answer(imputer: Any, x: np.ndarray, m: np.ndarray) -> np.ndarray:
    return imputer.impute(np.where(m, x, 0)[N_TRAIN:], m[N_TRAIN:])  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", LEARNING)
def test_categories_that_follow_from_numbers_are_found(name: str) -> None:
    x, m = table()
    filled = answer(fitted(name, x, m), x, m)
    wrong = []
    for features in (slice(2, 5), slice(5, 7)):
        hidden = ~m[N_TRAIN:, features.start]
        wrong.append((filled[hidden, features].argmax(1) != x[N_TRAIN:][hidden, features].argmax(1)).mean())
    assert np.mean(wrong) < (0.45 if name in ("mice_posterior", "copula_draw") else 0.2)  # the mode: .6


@pytest.mark.parametrize("name", ["mice", "matrix", "copula", "copula_median"])
def test_answers_are_probabilities(name: str) -> None:
    x, m = table()
    filled = answer(fitted(name, x, m), x, m)
    for features in (slice(2, 5), slice(5, 7)):
        np.testing.assert_allclose(filled[:, features].sum(1), 1, atol=1e-5)
        assert (filled[:, features] >= 0).all()


@pytest.mark.parametrize("name", LEARNING)
def test_what_is_kept_of_categories_answers_to_the_bit(name: str) -> None:
    x, m = table()
    before, after = fitted(name, x, m), IMPUTERS[name]()
    after.group = GROUP
    after.load_state(before.state())
    np.testing.assert_array_equal(answer(after, x, m), answer(before, x, m))


@pytest.mark.parametrize("name", ["mice", "mice_posterior", "missforest"])
def test_no_step_reads_another_feature_of_its_column(name: str) -> None:
    x, m = table()
    wide = np.repeat(np.arange(7), [1, 1, 3, 2, 8, 8, 8])  # of more features than `wide`
    more = np.random.default_rng(1).integers(8, size=(3, 500))
    x, m = np.hstack([x, *np.eye(8)[more]]).astype(np.float32), np.hstack([m, np.ones((500, 24), bool)])
    for features, group in ((7, GROUP), (31, wide)):
        imputer = fitted(name, x[:, :features], m[:, :features], group)
        same = group[imputer.inputs] == group[imputer.target][:, None]
        if "coefficient" in imputer.state():
            assert not imputer.coefficient[same].any()
        assert (imputer.inputs[same] == np.broadcast_to(imputer.target[:, None], same.shape)[same]).all()


def test_a_table_of_one_category_is_filled_with_its_shares() -> None:
    x, m = table()
    x, m = x[:, 2:5], m[:, 2:5]
    for name in ("mice", "missforest", "matrix", "copula"):
        filled = answer(fitted(name, x, m, np.zeros(3, int)), x, m)
        assert (
            filled.argmax(1)[~m[N_TRAIN:, 0]].tolist()
            == [x[:N_TRAIN][m[:N_TRAIN, 0]].sum(0).argmax()] * (~m[N_TRAIN:, 0]).sum()
        )
