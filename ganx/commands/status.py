"""`ganx status`: the sweeps and runs that are there, what went wrong first. It reads, and never writes."""

from __future__ import annotations

import math
import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ganx.commands import Parser, with_outputs
from ganx.errors import UserError
from ganx.launch.folder import Sweep, SweepFolder, all_sweeps, find_sweep
from ganx.launch.queue import queue
from ganx.launch.state import Queue, Status, SweepState, is_over, statuses
from ganx.metrics.registry import by_telling
from ganx.run.folder import RunFolder, all_runs
from ganx.run.lock import Heartbeat
from ganx.text import plural

_COLOURS = {"done": "32", "running": "36", "failed": "31", "stale": "33", "interrupted": "33"}
_ORDER: tuple[SweepState, ...] = ("failed", "stale", "interrupted", "running", "queued", "done")
_TOLD = 3  # metrics of a run in one line
_LATEST = 10  # sweeps that are shown even when nothing of them is left to do


def run(argv: list[str]) -> int:
    """Print what went wrong, the sweeps, and a line for each run, the latest last."""
    parser = Parser(
        prog="ganx status",
        description="Show what went wrong, then the sweeps, then the runs: state, age, and progress or key metrics. "
        "With the name of a sweep (or its beginning), show each of its runs, with the job and the log.",
    )
    parser.add_argument("sweep", nargs="?", help="the name of a sweep")
    default = os.environ.get("GANX_OUTPUTS", "outputs")
    parser.add_argument(
        "--outputs", type=Path, default=default, help=f"where they are; also outputs=DIR (default: {default})"
    )
    args = parser.parse_args(with_outputs(argv))
    if args.sweep is not None:
        return _one_sweep(find_sweep(args.sweep, args.outputs))
    _sweeps(all_sweeps(args.outputs))
    runs = all_runs(args.outputs)
    if not runs:
        print(f"no runs in {args.outputs / 'runs'}")
    _print(map(_row, runs), coloured=1)
    return 0


def _sweeps(folders: Sequence[SweepFolder]) -> None:
    """Print the errors of the sweeps that matter, then a line for each."""
    asked = _Queue()
    shown: list[tuple[Sweep, list[Status]]] = []
    for age, folder in enumerate(reversed(folders)):
        try:
            sweep = folder.read()
        except UserError as error:
            print(f"ganx: {error}", file=sys.stderr)
            continue
        if age < _LATEST or not is_over(folder, sweep, asked.of(sweep)):
            shown.insert(0, (sweep, statuses(folder, sweep, asked.of(sweep))))
    told: set[str] = set()
    for _, states in reversed(shown):  # a later sweep may have mended what an earlier one broke
        for status in states:
            if status.state == "failed" and status.run.folder not in told:
                print(_problem(status))
            told.add(status.run.folder)
    _print((_line(sweep, states) for sweep, states in shown), coloured=None)
    if shown:
        print()


class _Queue:
    """squeue, asked at most once, and only for sweeps that have jobs in it."""

    @cached_property
    def _asked(self) -> Queue:
        return queue()

    def of(self, sweep: Sweep) -> Queue:
        """Return what concerns a sweep."""
        return self._asked if any(job.id for job in sweep.jobs) else None


def _problem(status: Status) -> str:
    log = f"  (log: {status.log})" if status.log else ""
    return f"{_painted('failed')}  {status.run.name or status.run.folder}: {status.told}{log}"


def _line(sweep: Sweep, states: Sequence[Status]) -> list[str]:
    counted = Counter(status.state for status in states)
    told = ", ".join(f"{counted[state]} {state}" for state in _ORDER if counted[state])
    return [f"sweep {sweep.name}", sweep.launcher, f"{plural(len(states), 'run')}: {told}"]


def _one_sweep(folder: SweepFolder) -> int:
    """Print every run of a sweep."""
    sweep = folder.read()
    states = statuses(folder, sweep, _Queue().of(sweep))
    for status in states:
        if status.state == "failed":
            print(_problem(status))
    print("  ".join(_line(sweep, states)))
    print(sweep.command)
    _print((_run_of_sweep(status) for status in states), coloured=1)
    return 0


def _run_of_sweep(status: Status) -> list[str]:
    job = f"job {status.job.id}" if status.job and status.job.id else ""
    log = str(status.log or "")
    return [status.run.name or status.run.folder, status.state, _age(status.age), status.told, job, log]


def _row(folder: RunFolder) -> list[str]:
    name = f"{folder.path.parent.name}/{folder.path.name}"
    try:
        state = folder.state()
    except UserError as error:
        return [name, "failed", _age(folder.age()), str(error)]
    result = folder.read_result() or {}
    if state == "failed":
        told = " ".join(str(result.get("error", "")).split())
    elif state == "done":
        told = _metrics(result.get("metrics", {}))
    else:
        beat = Heartbeat.read(folder.heartbeat)
        told = f"step {beat.step} of {beat.steps}" if beat and beat.steps else ""
    return [name, state, _age(folder.age()), told]


def _print(rows: Iterable[list[str]], coloured: int | None) -> None:
    """Print rows in columns; the state in column `coloured` is painted on a terminal."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)]
        cells[-1] = row[-1]
        if coloured is not None:
            cells[coloured] = _painted(row[coloured]) + cells[coloured][len(row[coloured]) :]
        print("  ".join(cells).rstrip())


def _painted(state: str) -> str:
    return f"\033[{_COLOURS.get(state, '0')}m{state}\033[0m" if sys.stdout.isatty() else state


def _metrics(metrics: dict[str, Any]) -> str:
    known = [name for name, metric in metrics.items() if _is_number(metric.get("mean"))]
    return "  ".join(f"{name} {_mean_sd(metrics[name])}" for name in by_telling(known or metrics)[:_TOLD])


def _mean_sd(metric: dict[str, Any]) -> str:
    mean, sd = metric.get("mean"), metric.get("sd")
    if not _is_number(mean):
        return "-"
    return f"{mean:.4f}" + (f" ± {sd:.4f}" if _is_number(sd) else "")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _age(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}" if math.isfinite(seconds) else "-"
    return f"{max(seconds, 0):.0f} s"
