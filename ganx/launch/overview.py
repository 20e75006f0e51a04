"""What `ganx status` says of sweeps: what went wrong in them, a line for each, or a line for each run of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from ganx.errors import UserError
from ganx.launch.folder import Sweep, SweepFolder, all_sweeps
from ganx.launch.queue import queue
from ganx.launch.state import Queue, Status, SweepState, is_over, statuses
from ganx.lines import age, painted, print_rows
from ganx.text import plural, printable

_ORDER: tuple[SweepState, ...] = ("failed", "stale", "interrupted", "running", "queued", "done")
_LATEST = 10  # sweeps that are shown
_PROBLEMS = 5  # errors that are shown above them

_Found = tuple[SweepFolder, Sweep]


def show_sweeps(outputs: Path, *, everything: bool) -> None:
    """Print what went wrong in sweeps, the latest first, then a line for each of those at work, and of the latest."""
    asked, damaged = _Queue(), list[str]()
    found = list(_read(all_sweeps(outputs), damaged))
    shown = found if everything else _latest(found, asked)
    states = [statuses(folder, sweep, asked.of(sweep), brief=True) for folder, sweep in shown]
    problems = [*damaged, *_problems(states)]
    told = problems if everything else problems[:_PROBLEMS]
    for line in told:
        print(line)
    if more := len(problems) - len(told):
        print(f"and {more} more that went wrong (ganx status SWEEP shows those of a sweep)")
    print_rows(_line(sweep, states_) for (_, sweep), states_ in zip(shown, states, strict=True))
    if more := len(found) - len(shown):
        print(f"and {plural(more, 'earlier sweep')} (limit=0 shows all)")
    if found or problems:
        print()


def show_sweep(folder: SweepFolder) -> None:
    """Print every run of a sweep, what went wrong first."""
    sweep = folder.read()
    states = statuses(folder, sweep, _Queue().of(sweep))
    for line in _problems([states]):
        print(line)
    print("  ".join(_line(sweep, states)))
    print(printable(sweep.command))
    print_rows(map(_run, states), coloured=1)


class _Queue:
    """squeue, asked at most once, and only for sweeps that have jobs in it."""

    @cached_property
    def _asked(self) -> Queue:
        return queue()

    def of(self, sweep: Sweep) -> Queue:
        """Return what concerns a sweep."""
        return self._asked if any(job.id for job in sweep.jobs) else None


def _read(folders: Iterable[SweepFolder], damaged: list[str]) -> Iterable[_Found]:
    for folder in folders:
        try:
            yield folder, folder.read()
        except UserError as error:
            damaged.append(f"{painted('damaged')}  {printable(' '.join(str(error).split()))}")


def _latest(found: Sequence[_Found], asked: _Queue) -> list[_Found]:
    """Return the latest sweeps, in their order; those that something works for come before others."""
    over = [is_over(folder, sweep, asked.of(sweep)) for folder, sweep in found]
    first = sorted(range(len(found)), key=lambda i: (over[i], -i))[:_LATEST]
    return [found[i] for i in sorted(first)]


def _problems(sweeps: Sequence[Sequence[Status]]) -> list[str]:
    """Return the errors of the runs of sweeps, those of the latest sweep first."""
    problems: list[str] = []
    told: set[str] = set()
    for states in reversed(sweeps):  # a later sweep may have mended what an earlier one broke
        for status in states:
            if status.state == "failed" and status.run.folder not in told:
                log = f"  (log: {status.log})" if status.log else ""
                line = printable(f"{status.run.name or status.run.folder}: {status.told}{log}")
                problems.append(f"{painted('failed')}  {line}")
            told.add(status.run.folder)
    return problems


def _line(sweep: Sweep, states: Sequence[Status]) -> list[str]:
    counted = Counter(status.state for status in states)
    told = ", ".join(f"{counted[state]} {state}" for state in _ORDER if counted[state])
    return [f"sweep {printable(sweep.name)}", sweep.launcher, f"{plural(len(states), 'run')}: {told}"]


def _run(status: Status) -> list[str]:
    job = f"job {status.job.id}" if status.job and status.job.id else ""
    log = str(status.log or "")
    return [status.run.name or status.run.folder, status.state, age(status.age), status.told, job, log]
