"""Probabilities after calibration: as sure as they are right, and no worse on rows that come later."""

import numpy as np
import pytest
from scipy.special import softmax

from ganx.run.calibration import calibrate, calibrated


def answers(seed: int, n: int, slope: float, shift: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities (n, K) whose logits are tilted, and classes (n,) drawn from the right ones."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, len(shift)))
    right = softmax(logits, axis=1)
    y = (rng.random((n, 1)) > right.cumsum(1)).sum(1)
    return softmax(slope * logits + np.array(shift), axis=1), y


def log_loss(probability: np.ndarray, y: np.ndarray) -> float:
    return float(-np.log(probability[np.arange(len(y)), y]).mean())


@pytest.mark.parametrize(("slope", "shift"), [(3.0, [0.0, 0.0]), (1.0, [0.0, 2.0]), (0.4, [1.0, 0.0, -1.0])])
def test_slope_and_shift_are_found_and_later_rows_gain(slope: float, shift: list[float]) -> None:
    calibration = calibrate(*answers(0, 4000, slope, shift))
    assert calibration["slope"] == pytest.approx(1 / slope, rel=0.15)
    later, y = answers(1, 4000, slope, shift)
    assert log_loss(calibrated(later, calibration), y) < log_loss(later, y) - 0.01


def test_right_probabilities_stay_nearly_as_they_are() -> None:
    probability, y = answers(2, 300, 1.0, [0.0, 0.0, 0.0])
    assert np.abs(calibrated(probability, calibrate(probability, y)) - probability).mean() < 0.05


def test_no_evidence_leaves_probabilities_as_they_are() -> None:
    probability, y = answers(3, 25, 1.1, [0.0, 0.1])
    np.testing.assert_allclose(calibrated(probability, calibrate(probability, y)), probability, atol=1e-5)


def test_a_sure_answer_that_was_wrong_is_no_longer_impossible() -> None:
    probability = np.array([[1.0, 0.0]] * 100)
    found = calibrated(probability, calibrate(probability, np.array([0] * 9 + [1] + [0] * 80 + [1] * 10)))
    np.testing.assert_allclose(found.sum(1), 1)
    assert 0.05 < found[0, 1] < 0.2
