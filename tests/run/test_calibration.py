"""Probabilities after calibration: as sure as they are right, and no worse on rows that come later."""

from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from ganx import cli
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


def test_a_row_that_is_answered_for_several_times_counts_once() -> None:
    """25 rows are no evidence (see above), and are none when 400 seeds have answered for each of them."""
    probability, y = answers(3, 25, 1.1, [0.0, 0.1])
    rows = np.tile(np.arange(25), 400)
    often = np.tile(probability, (400, 1)), np.tile(y, 400)
    assert calibrate(*often, rows) == {"slope": 1.0, "shift": [0.0, 0.0]}
    assert calibrate(*often) != {"slope": 1.0, "shift": [0.0, 0.0]}


def test_repeated_answers_are_no_further_evidence() -> None:
    probability, y = answers(0, 400, 3.0, [0.0, 0.0])
    once, twice = (
        calibrate(probability, y),
        calibrate(np.tile(probability, (2, 1)), np.tile(y, 2), np.arange(800) % 400),
    )
    assert once["slope"] < 0.5
    assert twice["slope"] == pytest.approx(once["slope"], rel=1e-3)
    assert twice["shift"] == pytest.approx(once["shift"], abs=1e-3)


def test_rows_that_are_answered_for_once_may_have_any_numbers() -> None:
    probability, y = answers(0, 400, 3.0, [0.0, 0.0])
    assert calibrate(probability, y, 7 * np.arange(400)) == calibrate(probability, y)


def test_all_seeds_teach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = []
    monkeypatch.setattr("ganx.run.calibration.calibrate", lambda *given: told.append(given) or calibrate(*given))
    assert cli.main(["train", "model=logistic", "dataset=wine", "protocol.folds=2", "seeds=2", "refit=true"]) == 0
    ((probability, y, rows),) = told
    assert len(probability) == len(y) == len(rows)
    values, counts = np.unique(rows, return_counts=True)
    assert len(values) > 100
    assert counts.max() == 2
    assert all(len(set(y[rows == row])) == 1 for row in values)


def test_a_group_of_rows_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"p{i // 3},{i % 7},{'ab'[i // 3 % 2]}" for i in range(60)]
    Path("visits.csv").write_text("\n".join(["patient,x,y", *rows]))
    told = []
    monkeypatch.setattr("ganx.run.calibration.calibrate", lambda *given: told.append(given) or calibrate(*given))
    table = ["dataset=csv", "dataset.path=visits.csv", "dataset.target=y", "dataset.group=patient"]
    assert cli.main(["train", "model=logistic", *table, "protocol.folds=2", "protocol.label_rate=1"]) == 0
    assert sorted(told[0][2]) == [i // 3 for i in range(60)]
