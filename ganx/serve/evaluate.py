"""`ganx eval`: a finished run, scored once more from what it has kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ganx.run.context import Context, lay_out
from ganx.run.finding import find_run
from ganx.run.fitters import fitter_of
from ganx.run.life import network_for, scores_of
from ganx.run.opened import open_run
from ganx.run.report import show_result, summarise
from ganx.targets import added_by
from ganx.terminal import Terminal


def evaluate(config: dict[str, Any], argv: Sequence[str]) -> int:
    """Score a finished run once more. Returns 0 if the metrics are those of result.json, else 1.

    Raises:
        UserError: no such run, an unfinished one, or one whose data have changed.
        DamagedError: it is not what the run has left.
    """
    console = Terminal()
    folder = find_run(config["run"], config["outputs"])
    opened = open_run(folder, added_by(argv))
    experiment, stored = opened.experiment(), opened.result
    fitter, context = fitter_of(experiment), Context(console, lay_out(experiment))
    answers = fitter.answers(experiment, fitter.state(experiment, folder, context), context)
    scores = scores_of(experiment, answers, network_for(experiment, console))
    metrics = {name: summarise(values, experiment.replicas) for name, values in scores.items()}
    show_result(console, {**stored, "metrics": metrics}, folder)
    if {name: metrics.get(name) for name in stored["metrics"]} != stored["metrics"]:
        console.print("these are not the figures of result.json", style="red")
        return 1
    console.print("the same figures as in result.json")
    return 0
