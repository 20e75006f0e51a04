"""Probabilities of classes as they ought to be, learned from rows that a method had not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from ganx.engine.capabilities import Answers, rows_asked
from ganx.engine.score import TRUTHS, Data
from ganx.run.experiment import Experiment

Floats = NDArray[np.floating]
Index = NDArray[np.int64]
Calibration = dict[str, Any]

LEAST = 1e-6  # probability that a class has at least: none is impossible because few rows were seen
PARTS = 5  # of the rows; each judges what the others have found
SIGNIFICANT = 2.0  # standard errors by which the likelihood of such rows has to grow
PULL = 1.0  # of slope 1 and shift 0, as strong as a row or two: a handful of labels must not tilt everything


def calibrate(probability: Floats, y: Index, units: Index | None = None) -> Calibration:
    """Fit a slope and a shift of each class to logits, log p -> slope log p + shift (Platt; Guo et al., ICML 2017).

    The slope takes back what is too sure, the shifts what class weights have added to rare classes.

    Args:
        probability: (n, K) answers for rows that were not learned from.
        y: (n,) their classes.
        units: (n,) what each is about, a row of the table or the group that the row belongs to: one with several
            answers, as by several seeds, judges only what others have found, and counts once. None: all are different.

    Returns:
        {"slope": number, "shift": [K numbers]}: 1 and zeros, unless rows that had no say in others speak for them.
    """
    names, unit = np.unique(np.arange(len(y)) if units is None else units, return_inverse=True)
    n, weight = len(names), (1 / np.bincount(unit))[unit]
    gain = np.empty(len(y))
    parts = (np.random.default_rng(0).permutation(n) % PARTS)[unit]
    for part in range(PARTS):
        judged = parts == part
        found = _fitted(probability[~judged], y[~judged], weight[~judged])
        gain[judged] = _log_of(calibrated(probability[judged], found), y[judged]) - _log_of(
            probability[judged], y[judged]
        )
    of_unit = np.bincount(unit, weight * gain)
    if n <= PARTS or of_unit.mean() <= SIGNIFICANT * of_unit.std(ddof=1) / np.sqrt(n):
        return {"slope": 1.0, "shift": [0.0] * probability.shape[1]}
    return _fitted(probability, y, weight)


def _fitted(probability: Floats, y: Index, weight: Floats) -> Calibration:
    logits, k = _logits(probability), probability.shape[1]

    def loss(parameters: Floats) -> float:
        slope, shift = np.exp(parameters[0]), parameters[1:]
        chosen = log_softmax(slope * logits + shift, axis=1)[np.arange(len(y)), y]
        return float(-(weight * chosen).sum() + PULL * np.square(parameters).sum())

    found = minimize(loss, np.zeros(1 + k), method="L-BFGS-B").x
    return {"slope": float(np.exp(found[0])), "shift": found[1:].tolist()}


def calibrated(probability: Floats, calibration: Mapping[str, Any]) -> Floats:
    """Return probabilities (n, K) by what `calibrate` has found."""
    answer: Floats = softmax(calibration["slope"] * _logits(probability) + np.asarray(calibration["shift"]), axis=1)
    return answer


def calibration_of(experiment: Experiment, answers: Sequence[Answers | None]) -> Calibration | None:
    """Learn from the scored rows of all replicas; None where no class was asked for, or known."""
    groups = experiment.table.groups
    probabilities, classes, units = [], [], []
    for replica, answer in enumerate(answers):
        if answer is None or "classify" not in answer:
            continue
        view = experiment.view(replica)
        labels = TRUTHS["labels"](Data(view, experiment.encoding), answer)
        if labels is not None:
            probabilities.append(answer["classify"][labels.scored])
            classes.append(labels.y[labels.scored])
            rows = rows_asked(view, "test")[labels.scored]
            units.append(rows if groups is None else groups[rows])
    return calibrate(*map(np.concatenate, (probabilities, classes, units))) if probabilities else None


def _log_of(probability: Floats, y: Index) -> Floats:
    """Return the logarithm of the probability (n,) of each row's class."""
    chosen: Floats = _logits(probability)[np.arange(len(y)), y]
    return chosen


def _logits(probability: Floats) -> Floats:
    return np.log(np.clip(np.asarray(probability, np.float64), LEAST, None))
