"""What a candidate of a blend costs, estimated from a short try."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from torch import Tensor

from ganx.files import make_folder, read_json, write_json
from ganx.run.chain import STAGE, of_stage
from ganx.run.context import Context
from ganx.run.experiment import Experiment, State
from ganx.run.folder import RunFolder
from ganx.text import duration

TRIED = 10, 40  # steps of two trainings: the difference in time is free of what both take to start
STARTUP = 1.0  # seconds that a first fit may take to import what it needs


class Cost(NamedTuple):
    """Of all of a candidate's replicas.

    Attributes:
        seconds: of fitting or training, with as many processes as the run has.
        megabytes: of what is kept.
    """

    seconds: float
    megabytes: float


def costs(stages: Mapping[str, Experiment], path: Path, context: Context) -> dict[str, Cost]:
    """Return what each candidate costs, and keep it in the file `path`, so that a run that goes on plans the same."""
    found = _known(path)
    if found.keys() == stages.keys():
        return found
    found = {}
    for name, stage in stages.items():
        found[name] = cost = _cost(stage, context)
        context.console.print(
            f"{name}: about {duration(cost.seconds)}, keeps {cost.megabytes:.0f} MB", highlight=False, soft_wrap=True
        )
    make_folder(path.parent)
    write_json(path, found)
    return found


def _known(path: Path) -> dict[str, Cost]:
    """Return what an interrupted run has found; nothing where that is damaged."""
    try:
        found = {name: Cost(*map(float, cost)) for name, cost in read_json(path).items()}
    except (ValueError, TypeError, AttributeError):
        return {}
    return found if all(np.isfinite(cost).all() for cost in found.values()) else {}


def affordable(costs: Mapping[str, Cost], needed: str, minutes: float | None) -> set[str]:
    """Return the candidates that end within `minutes` together, the cheapest first, and the one that is needed."""
    left = np.inf if minutes is None else 60 * minutes - costs[needed].seconds
    chosen = {needed}
    for name in sorted(costs.keys() - chosen, key=lambda name: costs[name].seconds):
        left -= costs[name].seconds
        if left < 0:
            break
        chosen.add(name)
    return chosen


def _cost(stage: Experiment, context: Context) -> Cost:
    layout = of_stage(stage, context).layout
    n = layout["chunks"][0]  # replicas that are tried: a stack, or a single estimator
    one = replace(stage, splits=stage.splits[:n])
    share = len(stage.splits) / n
    if stage.spec.fitter == "estimator":
        seconds, state = _tried(one, context)
        if seconds < STARTUP:
            seconds, state = _tried(one, context)
    else:
        tries = [_tried(_of_steps(one, steps), context) for steps in TRIED]
        per_step = max(0.0, tries[1][0] - tries[0][0]) / (TRIED[1] - TRIED[0])
        seconds, state = per_step * stage.config["model"]["steps"], tries[1][1]
    return Cost(seconds * share / min(layout["workers"], share), _bytes(state) * share / 1e6)


def _of_steps(stage: Experiment, steps: int) -> Experiment:
    return stage.with_model({**stage.config["model"], "steps": steps, "validate_every": steps})


def _tried(stage: Experiment, context: Context) -> tuple[float, State]:
    """Return the seconds that a fit takes in this process, and its state."""
    quiet = Context(Console(quiet=True), {**of_stage(stage, context).layout, "workers": 1})
    with tempfile.TemporaryDirectory() as folder:
        place = RunFolder(Path(folder))
        make_folder(place.checkpoints)
        start = time.perf_counter()
        state = STAGE[stage.spec.fitter].fit(stage, place, quiet)
        return time.perf_counter() - start, state


def _bytes(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_bytes, value.values()))
    if isinstance(value, list):
        return sum(map(_bytes, value))
    return int(value.nbytes) if isinstance(value, np.ndarray | Tensor) else 0
