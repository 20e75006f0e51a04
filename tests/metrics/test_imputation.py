from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import root_mean_squared_error

from ganx.metrics.imputation import error_rate_categorical, rmse, rmse_row

TRUTH = np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]])
IMPUTED = np.array([[0.3, 0.6], [0.5, 0.5], [9.0, 0.2]])
HIDDEN = np.array([[True, True], [False, False], [False, True]])


def test_by_hand() -> None:
    assert rmse(TRUTH, IMPUTED, HIDDEN) == pytest.approx(math.sqrt((0.09 + 0.16 + 0.04) / 3))
    # The row without a hidden cell counts as 0.
    assert rmse_row(TRUTH, IMPUTED, HIDDEN) == pytest.approx((math.sqrt((0.09 + 0.16) / 2) + 0 + 0.2) / 3)
    assert error_rate_categorical(TRUTH, IMPUTED, HIDDEN) == 1.0
    assert error_rate_categorical(TRUTH, np.array([[0, 0], [0, 0], [1.0, 0]]), HIDDEN) == pytest.approx(1 / 3)


def test_against_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth, imputed = rng.random((50, 7)), rng.random((50, 7))
    hidden = rng.random((50, 7)) < 0.3
    assert rmse(truth, imputed, hidden) == pytest.approx(root_mean_squared_error(truth[hidden], imputed[hidden]))
    rows = [
        root_mean_squared_error(t[h], i[h]) if h.any() else 0 for t, i, h in zip(truth, imputed, hidden, strict=True)
    ]
    assert rmse_row(truth, imputed, hidden) == pytest.approx(np.mean(rows))


@pytest.mark.parametrize("metric", [rmse, rmse_row, error_rate_categorical])
def test_only_hidden_cells_are_looked_at(metric: object) -> None:
    poisoned = np.where(HIDDEN, TRUTH, np.nan)
    assert metric(poisoned, np.where(HIDDEN, IMPUTED, np.inf), HIDDEN) == metric(TRUTH, IMPUTED, HIDDEN)
    assert math.isnan(metric(TRUTH, IMPUTED, np.zeros_like(HIDDEN)))
