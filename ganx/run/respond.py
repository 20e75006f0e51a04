"""What the models of a blend say of rows, and what the blend makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ganx.data.splits import Split
from ganx.engine.capabilities import Answers, about
from ganx.engine.views import GivenCells
from ganx.run.blending import blended
from ganx.run.chain import method_in
from ganx.run.experiment import Experiment, State

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]
Index = NDArray[np.int64]

#: (name of a model, capability, cells x (n, d), known ones m (n, d)) -> (n, d) or (n, K).
Ask = Callable[[str, str, Floats, Mask], Floats]


def respond(
    state: State, replica: int, x: Floats, m: Mask, ask: Ask, names: Sequence[str] = ("impute", "classify")
) -> Answers:
    """Return what a replica of a blend says of rows.

    Args:
        state: of `Blend`.
        x, m: (n, d) cells, scaled for the replica, and which of them are known.
        ask: gives a candidate's answer.
        names: what is wanted.

    Returns:
        `impute`: (n, d), scaled; `classify`: (n, K) probabilities, where the blend tells classes.
    """
    answers: Answers = {}
    if "impute" in names:
        weights = {name: w for name, one in state["weights"].items() if (w := np.asarray(one[replica])).any()}
        answers["impute"] = blended(weights, {name: ask(name, "impute", x, m) for name in weights})
    if "classify" in names and "label_weights" in state:
        of_labels = {name: w for name, one in state["label_weights"].items() if (w := np.asarray(one[replica])) > 0}
        told = {name: ask(name, "classify", *read(state, name, x, m, ask)) for name in of_labels}
        answers["classify"] = _levelled(blended(of_labels, told), np.asarray(state["factors"][replica]))
    return answers


def read(state: State, name: str, x: Floats, m: Mask, ask: Ask) -> tuple[Floats, Mask]:
    """Return rows as a classifier reads them: as they are where it fills gaps itself, else filled."""
    if name not in state["reads_filled"]:
        return x, m
    return ask(state["filler"], "impute", x, m).astype(np.float32), np.ones_like(m)


def given(experiment: Experiment, split: Split, rows: Index, seen: Mask) -> tuple[Floats, Mask]:
    """Return rows as a replica sees them: scaled cells (n, d), 0 where unknown, and which are known (n, d)."""
    m = experiment.encoding.expand(seen)
    scaled = (experiment.encoding.encode(experiment.table.x[rows]) - split.low) / split.span
    return np.where(m, scaled, np.float32(0)), m


def answer_of(stage: Experiment, state: State, replica: int, capability: str, x: Floats, m: Mask) -> Floats:
    """Return what a replica of a candidate answers about rows, (n, ...)."""
    view = GivenCells(x.astype(np.float32), m)
    method = method_in(stage, state, replica, view, capability)
    answer: Floats = about(method, view, np.arange(len(x)), [capability])[capability]
    return answer


def _levelled(probability: Floats, factors: Floats) -> Floats:
    levelled: Floats = probability * factors
    total: Floats = levelled.sum(1, keepdims=True)
    return levelled / total
