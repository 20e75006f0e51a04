"""Baselines as the runs call them: observed cells stay, nothing is learnt from rows to fill, caps are noted."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import config_context

from ganx.baselines.baseline import with_gaps
from ganx.baselines.dummy import Dummy
from ganx.baselines.knn import KNN
from ganx.baselines.mice import MICE
from ganx.engine.share import heard_by
from ganx.metrics.classification import f1
from tests.baselines.examples import CAPS, CLASSIFIERS, IMPUTERS, low_rank_table


def filled(name: str, x: np.ndarray, m: np.ndarray, n_train: int = 80) -> np.ndarray:
    baseline = IMPUTERS[name]()
    baseline.fit(np.where(m, x, 0)[:n_train], m[:n_train], np.full(n_train, -1))
    return baseline.impute(np.where(m, x, 0)[n_train:], m[n_train:])  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("name", IMPUTERS)
def test_observed_cells_stay_and_all_are_filled(name: str) -> None:
    x, m = low_rank_table()
    m[:80, 3] = False  # a column that no training row shows
    answer = filled(name, x, m)
    assert answer.dtype == np.float32
    assert np.isfinite(answer).all()
    np.testing.assert_array_equal(answer[m[80:]], x[80:][m[80:]])


@pytest.mark.parametrize("something_is_known", [True, False])
@pytest.mark.parametrize("name", [name for name in IMPUTERS if name not in ("mice_posterior", "copula_draw")])
def test_a_row_is_filled_from_the_training_rows_alone(name: str, something_is_known: bool) -> None:
    x, m = low_rank_table()
    m[80] &= something_is_known
    together = filled(name, x, m)
    alone = filled(name, x[:81], m[:81])
    np.testing.assert_allclose(together[0], alone[0], atol=1e-5)


def test_methods_use_the_other_columns() -> None:
    x, m = low_rank_table()
    hidden = ~m[80:]
    errors = {name: float(np.sqrt(((filled(name, x, m) - x[80:])[hidden] ** 2).mean())) for name in IMPUTERS}
    assert errors["mean"] < errors["zeros"]
    for name in ("knn", "mice", "missforest", "copula", "copula_median"):
        assert errors[name] < 0.8 * errors["mean"], (name, errors)
    assert errors["matrix"] < 0.3 * errors["mean"]  # the table has rank 2


def test_knn_in_portions_is_knn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It tells how far it is between portions, and they are those that scikit-learn makes anyway: not a bit differs."""
    monkeypatch.setattr("ganx.baselines.knn.WORKING_MEMORY", 0.005)
    x, m = low_rank_table(300)
    m[80::7] = True  # rows that are complete
    knn, told = KNN(n_neighbors=3, max_rows=None), list[float]()
    knn.fit(np.where(m, x, 0)[:80], m[:80], np.full(80, -1))
    with heard_by(told.append):
        answer = knn.impute(np.where(m, x, 0)[80:], m[80:])
    with config_context(working_memory=0.005):
        whole = knn.imputer.transform(with_gaps(x[80:], m[80:]))
    np.testing.assert_array_equal(answer, whole)
    assert len(told) > 10
    assert sorted(told) == told


def test_posterior_draws_differ_and_stay_near_the_mean() -> None:
    x, m = low_rank_table()
    x = x + np.random.default_rng(2).normal(scale=0.05, size=x.shape).astype(np.float32)
    hidden = ~m[80:]
    mean, draw = (filled(name, x, m)[hidden] for name in ("mice", "mice_posterior"))
    truth = x[80:][hidden]
    assert np.abs(draw - mean).mean() > 0.01
    assert ((mean - truth) ** 2).mean() < ((draw - truth) ** 2).mean()


def test_caps_are_noted() -> None:
    x, m = low_rank_table(60, 30)
    baseline = MICE(rounds=2, posterior=False, **CAPS)
    baseline.fit(np.where(m, x, 0), m, np.full(60, -1))
    assert baseline.notes == ["regressed on 5 of 30 features, one round", "fitted on 50 of 60 rows"]
    small = KNN(n_neighbors=5, max_rows=60)
    small.fit(x, m, np.full(60, -1))
    assert small.notes == []


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("known", [[0, 1, 2], [0, 2], [1]])
def test_every_class_of_the_table_has_a_column(name: str, known: list[int]) -> None:
    x, m = low_rank_table()
    y = np.random.default_rng(1).choice([-1, *known], len(x))
    baseline = CLASSIFIERS[name]()
    baseline.n_classes = 3
    baseline.fit(x, m, y)
    probability = baseline.classify(x, m)  # type: ignore[attr-defined]
    assert probability.shape == (len(x), 3)
    np.testing.assert_allclose(probability.sum(1), 1)
    absent = [k for k in range(3) if k not in known]
    assert name == "dummy" or not probability[:, absent].any()


def test_boosting_learns_beside_a_column_that_no_labelled_row_shows() -> None:
    x, m = low_rank_table()
    m[:, 3] = False
    baseline = CLASSIFIERS["boosting"]()
    baseline.n_classes = 2
    y = (x[:, 0] > np.median(x[:, 0])).astype(np.int64)
    baseline.fit(np.where(m, x, 0), m, y)
    m[:, 3] = True  # what a test row shows of it says nothing
    assert f1(y, baseline.classify(x, m), 1) > 0.9  # type: ignore[attr-defined]


def test_always_positive_is_what_dummy_says() -> None:
    y = np.array([0] * 30 + [1] * 10)
    dummy = Dummy()
    dummy.n_classes, dummy.positive = 2, 1
    dummy.fit(np.zeros((40, 1), np.float32), np.ones((40, 1), bool), y)
    assert f1(y, dummy.classify(np.zeros((40, 1), np.float32), np.ones((40, 1), bool)), 1) == pytest.approx(0.4)
