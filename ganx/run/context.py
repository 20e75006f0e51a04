"""What a fitter is, and what it is given: where and in which portions a run executes, whom to tell how far it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from rich.console import Console

from ganx.engine.capabilities import Answers
from ganx.engine.chunk import layout, resolve_workers
from ganx.engine.process import device_of
from ganx.run.experiment import Experiment, State
from ganx.run.folder import RunFolder
from ganx.targets import last_stage, spec

#: Device, precision, threads, workers, and replicas of each stack.
Layout = dict[str, Any]

STACKED_FEATURES = 1000  # of a table, at most: networks for more keep a processor busy alone, and stacks take memory
REPLICAS_PER_PROCESS = 5  # of an estimator: for fewer, starting another process costs more than it saves

#: Is told the step, and the last one.
Beat = Callable[[int, int], None]

#: Is told the step and the best validation metrics so far, {metric: mean over the replicas}; true: the run may stop.
Watch = Callable[[int, dict[str, float]], bool]


@dataclass(frozen=True)
class Context:
    """What a fitter is given beside the experiment.

    Attributes:
        watch: asked at each validation that all stacks have reached.
    """

    console: Console
    layout: Layout
    beat: Beat = lambda step, steps: None
    watch: Watch | None = None


class Fitter(Protocol):
    """What the life of a run asks for, whatever the method.

    A state has at least `failed`, {"seed,fold": why}.
    """

    def check(self, experiment: Experiment) -> None:
        """Refuse what cannot be trained, before anything is written; raises UserError."""

    def fit(self, experiment: Experiment, folder: RunFolder, context: Context) -> State:
        """Train or fit all replicas, keep them in the folder, and return them; raises Interrupted, RunError."""

    def state(self, experiment: Experiment, folder: RunFolder, context: Context) -> State:
        """Return what a finished run has kept, without writing; raises RunError."""

    def answers(self, experiment: Experiment, state: State, context: Context) -> list[Answers | None]:
        """Ask every replica for all that it can do; None: it failed."""


def lay_out(experiment: Experiment) -> Layout:
    """Say where and in which portions the replicas of a run train.

    Raises:
        UserError: a GPU is asked for and there is none.
    """
    hardware, n_replicas = experiment.config["hardware"], len(experiment.splits)
    model = last_stage(experiment.config["model"])  # the stage with the checkpoint that ends the run
    trained = spec(model).fitter == "gradient"
    wide = trained and spec(model).reads == "cells" and len(experiment.encoding.group) > STACKED_FEATURES
    chunks = layout(n_replicas, 1 if wide else model["max_replicas"]) if trained else [1] * n_replicas
    worthwhile = len(chunks) if trained else max(1, n_replicas // REPLICAS_PER_PROCESS)
    workers = resolve_workers(hardware["workers"], worthwhile, hardware["accelerator"] if trained else "cpu")
    device = str(device_of(hardware)) if trained else "cpu"
    kept = {key: hardware[key] for key in ("precision", "threads")}
    return {"device": device, **kept, "workers": workers, "chunks": chunks}
