"""The replicas of an estimator, shared by processes, and how far they are."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from threadpoolctl import threadpool_limits

from ganx.engine.share import heard_by
from ganx.run.context import Context
from ganx.run.experiment import Experiment
from ganx.text import duration

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_LOOKS = 0.2


def in_processes(work: Any, experiment: Experiment, jobs: Sequence[Any], context: Context, verb: str) -> list[Any]:
    """Return what `work` returns of each replica, and show how far they are: a bar, or lines where it takes longer."""
    n_jobs = min(context.layout["workers"], len(experiment.splits))
    with TemporaryDirectory(prefix="ganx-") as folder:
        shares = Path(folder) / "shares"
        shares.write_bytes(bytes(8 * len(jobs)))
        parallel = Parallel(n_jobs=n_jobs, return_as="generator")
        results = parallel(delayed(_limited)(work, experiment, job, shares, i) for i, job in enumerate(jobs))
        with Watched(context.console, verb, shares):
            return list(results)


def _limited(work: Any, experiment: Experiment, job: Any, shares: Path, i: int) -> Any:
    """Do one job; what it tells, number i of the file `shares` says to whoever looks."""
    told = np.memmap(shares, np.float64, "r+")

    def hear(share: float) -> None:
        told[i] = share

    with heard_by(hear), threadpool_limits(experiment.config["hardware"]["threads"]):
        result = work(experiment, job)
    hear(1.0)
    return result


class Watched:
    """Shows, while a block runs, how far jobs are: on a terminal a bar, elsewhere a line every ten seconds.

    Args:
        shares: a file with a float64 for each job, the share of it that is done.
    """

    def __init__(self, console: Console, verb: str, shares: Path) -> None:
        self.console, self.verb = console, verb
        self._shares = np.memmap(shares, np.float64, "r")
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        columns = TextColumn(verb), BarColumn(bar_width=16), MofNCompleteColumn(), TaskProgressColumn()
        self._bar = Progress(
            *columns, TimeElapsedColumn(), TextColumn("{task.fields[left]}"), console=console, transient=True
        )

    def __enter__(self) -> Watched:
        self._start = time.monotonic()
        if self.console.is_terminal:
            self._task = self._bar.add_task("", total=len(self._shares), left="")
            self._bar.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()
        if self.console.is_terminal:
            self._bar.stop()

    def _look(self) -> None:
        live = self.console.is_terminal
        while not self._end.wait(SECONDS_BETWEEN_LOOKS if live else SECONDS_BETWEEN_LINES):
            done, n = float(self._shares.sum()), len(self._shares)
            if live:
                self._bar.update(self._task, completed=done, left=self._left(done / n))
            else:
                left = self._left(done / n) or f"{duration(self._elapsed)} so far"
                self.console.print(f"{self.verb} {int(done)}/{n} ({done / n:.0%}), {left}", highlight=False)

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._start

    def _left(self, share: float) -> str:
        """Say how long it takes at the rate so far; nothing while that is not known."""
        known = share > 0 and self._elapsed > SECONDS_BETWEEN_LOOKS
        return f"{duration(self._elapsed / share * (1 - share))} left" if known else ""
