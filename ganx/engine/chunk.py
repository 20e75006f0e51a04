"""A chunk: the replicas that are trained as one stack in one process, and what it takes to train them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from ganx.data.encoding import Encoding
from ganx.data.splits import Split
from ganx.data.table import Table
from ganx.engine.views import Completed, View, open_view
from ganx.targets import MethodSpec

#: What asks a training to save a checkpoint and stop: Ctrl-C, `kill`, and SLURM's warning as submitit arranges it.
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2)

#: Seconds that Ctrl-C leaves for a checkpoint. Who has pressed it waits; a cluster, which sends the others, has time.
PATIENCE = 0.8

WORTH_TWO_STACKS = 10  # replicas; below this, starting another process costs more than it saves


@dataclass(frozen=True)
class Progress:
    """A sign of life from a chunk: losses and validation figures are means over its replicas.

    `best` has the figures that the replicas would be selected by now; there is a report for every validation, and it is
    empty in all others.
    """

    chunk: int
    step: int
    losses: dict[str, float]
    scores: dict[str, float]
    best: dict[str, float]
    memory_mb: float


@dataclass(frozen=True)
class Chunk:
    """Everything a process needs to train some replicas of a run.

    Attributes:
        number: which chunk of the run this is.
        config: the resolved config of the run.
        spec: what its method says of itself.
        splits: one per replica of this chunk.
        folder: where this chunk writes its checkpoint, metrics.csv and TensorBoard events.
        extra_targets: class paths that the user's own config folders may name.
        identity: of the experiment; a checkpoint of another one is refused.
        completed: the rows as an earlier stage has made them for each replica, in a chain.
    """

    number: int
    config: dict[str, Any]
    spec: MethodSpec
    table: Table
    encoding: Encoding
    splits: Sequence[Split]
    folder: Path
    identity: str
    extra_targets: frozenset[str] = frozenset()
    completed: Sequence[Completed] | None = None

    @property
    def checkpoint(self) -> Path:
        """Where this chunk stores what it needs to go on."""
        return self.folder / "checkpoints" / "last.ckpt"

    def view_on(self, device: torch.device) -> View:
        """Return the rows that the replicas of this chunk read, on `device`."""
        return open_view(self.spec, self.table, self.encoding, self.splits, device, self.completed)

    @property
    def replicas(self) -> list[tuple[int, int]]:
        """(seed, fold) of each replica."""
        return [(split.seed, split.fold) for split in self.splits]


Report = Callable[[Progress], None]


class Interrupted(Exception):  # noqa: N818 (nothing went wrong)
    """Training was asked to stop and stopped, with a checkpoint if there was time. `signal` says who asked."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = number


def hear_stop_signals(wish: Callable[[int], None], give_up: Callable[[], None]) -> None:
    """Call `wish(number)` when one of `STOP_SIGNALS` comes, and `give_up()` when Ctrl-C has not been answered since."""

    def stop(number: int, frame: FrameType | None) -> None:
        wish(number)
        if number == signal.SIGINT:
            signal.setitimer(signal.ITIMER_REAL, PATIENCE)

    for number in STOP_SIGNALS:
        signal.signal(number, stop)
    signal.signal(signal.SIGALRM, lambda number, frame: give_up())


@contextmanager
def signals_put_back() -> Iterator[None]:
    """Undo what `hear_stop_signals` does meanwhile."""
    before = {number: signal.getsignal(number) for number in (*STOP_SIGNALS, signal.SIGALRM)}
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def resolve_workers(workers: int | str, n_stacks: int, accelerator: str) -> int:
    """Turn `hardware.workers=auto` into a number: how many stacks train at a time. A GPU trains one."""
    if workers != "auto":
        return min(int(workers), n_stacks)
    if accelerator == "gpu":
        return 1
    cores = int(os.environ.get("SLURM_CPUS_PER_TASK", len(os.sched_getaffinity(0))))  # not every cluster binds jobs
    return max(1, min(cores, n_stacks))


def layout(n_replicas: int, largest: int) -> list[int]:
    """Return how many replicas each stack has: none above `largest`, all about equal, two stacks from ten replicas on.

    It depends on no machine: the layout alters rounding, and training carries such differences on.
    """
    n_stacks = max(-(-n_replicas // largest), 2 if n_replicas >= WORTH_TWO_STACKS else 1)
    base, rest = divmod(n_replicas, n_stacks)
    return [base + (i < rest) for i in range(n_stacks)]
