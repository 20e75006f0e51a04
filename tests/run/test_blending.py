"""Weights of a blend: what they minimise, and how far a column's own depart."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from ganx.run.blending import (
    Evidence,
    blended,
    class_factors,
    column_weights,
    label_weights,
    least_squares,
    pooled_weights,
)


def evidence_of(errors: np.ndarray) -> Evidence:
    """Of errors (C, n, d) in cells of which each third was hidden."""
    hidden = np.random.default_rng(1).random(errors.shape[1:]) < 1 / 3
    return Evidence(errors * hidden, hidden)


def test_the_weights_are_a_constrained_minimum() -> None:
    errors = np.random.default_rng(0).normal(size=(4, 50)) + np.array([[0.0], [0.2], [2.0], [0.1]])
    gram = errors @ errors.T
    found = minimize(
        lambda w: w @ gram @ w / 50,
        np.full(4, 0.25),
        bounds=[(0, 1)] * 4,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
    )
    weights = least_squares(gram)
    np.testing.assert_allclose(weights, found.x, atol=1e-3)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1)


def test_candidates_that_are_all_right_have_weights_of_sum_1() -> None:
    assert least_squares(np.zeros((3, 3))).sum() == pytest.approx(1)


def test_rows_count_alike_under_rmse_row() -> None:
    rng = np.random.default_rng(0)
    errors = np.stack([rng.normal(size=(300, 4)), rng.normal(size=(300, 4))])
    errors[0, :15] *= 12  # the first is far off in a few rows, and better in all others
    errors[1, 15:] *= 2
    evidence = evidence_of(errors)
    squares, _ = pooled_weights(evidence, "rmse")
    roots, _ = pooled_weights(evidence, "rmse_row")
    assert roots[0] > 0.5 > squares[0]

    def objective(w: np.ndarray) -> float:
        counts = np.maximum(evidence.hidden.sum(1), 1)
        return float(np.sqrt((np.tensordot(w, evidence.errors, 1) ** 2).sum(1) / counts).mean())

    best = min(objective(np.array([w, 1 - w])) for w in np.linspace(0, 1, 201))
    assert objective(roots) == pytest.approx(best, rel=1e-3)


def test_a_column_departs_as_far_as_its_evidence_goes() -> None:
    errors = np.random.default_rng(0).normal(size=(2, 2000, 20))
    errors[0, :, 18:] *= 2.5  # elsewhere both are as good, to within chance
    evidence = evidence_of(errors)
    evidence.hidden[20:, 18] = False
    evidence.errors[:, 20:, 18] = 0
    first, *_ = column_weights(evidence, np.arange(20), np.zeros(20, dtype=bool), "rmse")
    assert np.ptp(first[:18]) < 0.15
    assert first[19] < 0.2 < first[18] < first[:18].min()


def test_the_features_of_a_category_share_weights_of_their_own_kind() -> None:
    errors = np.random.default_rng(0).normal(size=(2, 200, 4))
    errors[1, :, 0] *= 5
    errors[0, :, 1:] *= 5
    hidden = np.random.default_rng(1).random((200, 2)) < 1 / 3
    cells = hidden[:, [0, 1, 1, 1]]
    evidence = Evidence(errors * cells, cells)
    weights = column_weights(evidence, np.array([0, 1, 1, 1]), np.array([False, True, True, True]), "rmse")
    assert weights[0, 0] > 0.9
    assert weights[1, 1] > 0.9
    assert (weights[:, 1:] == weights[:, 1:2]).all()


def test_without_evidence_all_candidates_count_the_same() -> None:
    nothing = Evidence(np.zeros((4, 5, 3)), np.zeros((5, 3), dtype=bool))
    weights = column_weights(nothing, np.arange(3), np.zeros(3, dtype=bool), "rmse_row")
    assert (weights == 0.25).all()


def test_a_blend_is_a_weighted_sum() -> None:
    answers = {"a": np.array([[1.0, 2.0]]), "b": np.array([[3.0, 4.0]])}
    weights = {"a": np.array([1.0, 0.5]), "b": np.array([0.0, 0.5])}
    np.testing.assert_array_equal(blended(weights, answers), [[1.0, 3.0]])


def test_the_classifier_that_knows_has_the_weight() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 90)
    knows, guesses = np.full((90, 3), 0.1), rng.dirichlet(np.ones(3), 90)
    knows[np.arange(90), y] = 0.8
    weights = label_weights(np.stack([guesses, knows]), y)
    assert weights[1] > 0.95
    assert weights.sum() == pytest.approx(1)


def test_factors_raise_f1_of_a_rare_class_and_leave_good_probabilities_alone() -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(2000) < 0.2).astype(np.int64)
    score = np.clip(0.15 + 0.2 * y + 0.1 * rng.normal(size=2000), 0, 1)
    factors = class_factors(np.stack([1 - score, score], 1), y, 1)
    assert factors[0] == 1
    assert factors[1] > 1.5
    sure = np.eye(2)[y] * 0.8 + 0.1
    np.testing.assert_array_equal(class_factors(sure, y, 1), [1, 1])
