"""What a user reads of a sweep: the plan, a line for each run that ends, and the metrics of all at the end."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ganx.launch.folder import Ended, SweepFolder
from ganx.launch.plan import Item, Plan, estimate
from ganx.launch.state import BestValidation, best_validation, told_metrics
from ganx.text import duration, plural

if TYPE_CHECKING:
    from rich.console import Console

#: Is called with a run and how it ended, in place of a line; without an end when it died, or others have done it.
Told = Callable[[Item, Ended | None], None]

_SHOWN = 40  # items of a plan, before the rest is only counted


def show_plan(plan: Plan, jobs: int, resources: str, hint: str, every: bool) -> None:
    """Say what is there, what is left to do, and what that takes.

    Args:
        jobs: how many jobs that makes.
        resources: what each of them asks for.
        hint: what looks like a mistake.
        every: list the runs, too.
    """
    console = _console()
    console.print(str(plan), highlight=False, soft_wrap=True)
    for item in plan.items[:_SHOWN] if every else ():
        told = f" ({item.told})" if item.told else ""
        console.print(f"  {item.request.name}: {item.state}{told}", highlight=False, soft_wrap=True, markup=False)
    if every and len(plan.items) > _SHOWN:
        console.print(f"  and {len(plan.items) - _SHOWN} more", highlight=False)
    if plan.todo:
        console.print(f"{resources}; {_time(plan, jobs)}", highlight=False, soft_wrap=True, markup=False)
    if hint and plan.todo:
        console.print(hint, style="yellow", highlight=False, soft_wrap=True)
    if every:
        console.print("plan=true: nothing was started")


def _time(plan: Plan, jobs: int) -> str:
    known = estimate(plan.todo)
    if known is None:
        return "no finished run tells how long it takes"
    seconds, runs = known
    a_job = "" if jobs == 1 else " a job"
    return f"about {duration(seconds / jobs)}{a_job}, by {plural(runs, 'finished run')} like these"


class Teller:
    """Tells each end of a run in one line, `[3/8] NAME: rmse_row 0.0421  rmse 0.0520 (12 s)`, and keeps the exit codes.

    Args:
        loud: the runs say themselves how they end; only the beginning is told.
        told: tells the end of each run instead.
    """

    def __init__(self, plan: Plan, loud: bool, told: Told | None = None) -> None:
        self.loud, self.told = loud, told
        self._impossible = [item for item in plan.items if item.state == "impossible"]
        self._total, self._count = len(plan.todo) + len(self._impossible), 0
        self._expected: dict[int, Item] = {}
        self._codes: dict[str, int] = {}

    def expect(self, number: int, item: Item) -> None:
        """Take note of the number that a run has in its sweep."""
        self._expected[number] = item

    def begin(self, folder: SweepFolder, number: int) -> None:
        """Tell that a run begins."""
        if self.loud:
            print(f"[{self._count + 1}/{self._total}] {self._expected[number].request.name}", flush=True)

    def end(self, folder: SweepFolder, number: int) -> None:
        """Tell how a run ended."""
        item, ended = self._expected[number], folder.ended(number)
        # A signal to another process is none to this one: its run is unfinished.
        self._codes[str(item.folder)] = ended.code if ended is not None and ended.code <= 128 else 1
        self._line(item, _how(item, ended), ended)

    def end_impossible(self) -> None:
        """Tell of the runs that cannot begin."""
        for item in self._impossible:
            self._line(item, f"failed: {item.told}", None)

    def code(self, item: Item) -> int:
        """Return the exit code of a run: as it ended here, or as its folder says."""
        if item.state == "impossible":
            return 2
        result = item.folder.read_result() or {}
        return self._codes.get(str(item.folder), 0 if result.get("status") == "done" else 1)

    def _line(self, item: Item, told: str, ended: Ended | None) -> None:
        self._count += 1
        if self.told is not None:
            self.told(item, ended)
        elif not self.loud or item.state == "impossible":  # a run that never begins says nothing itself
            seconds = f" ({ended.seconds:.0f} s)" if ended else ""
            # One write, newline and all: jobs in other processes write between the two that print may make.
            sys.stdout.write(f"[{self._count}/{self._total}] {item.request.name}: {told}{seconds}\n")
            sys.stdout.flush()


def _how(item: Item, ended: Ended | None) -> str:
    if ended is None:
        return "ended without a word (ganx status tells more); the same command goes on with it"
    if ended.code > 128:
        return "stopped; the same command goes on from its checkpoint"
    result = item.folder.read_result() if ended.code == 0 else None
    if result is None:
        return f"failed: {ended.error}"
    metric = item.request.metric
    return told_metrics(result, metric) if metric in (None, *result["metrics"]) else f"no {metric}"


def show_metrics(plan: Plan, flags: Sequence[str]) -> None:
    """Print the metrics of all runs of a sweep, and the best one as a command line."""
    console = _console()
    items = [item for item in plan.items if item.state not in ("impossible", "twice")]
    results = [(item, item.folder.read_result() or {}) for item in items]
    results = [(item, result) for item, result in results if result.get("status") == "done"]
    names = list(dict.fromkeys(name for _, result in results for name in result["metrics"]))[:4]
    from rich.table import Table as Grid

    grid = Grid(box=None, header_style="bold", pad_edge=False)
    for heading in ("run", *names, "folder"):
        grid.add_column(heading, justify="right" if heading in names else "left", overflow="fold")
    for item, result in results:
        means = [result["metrics"].get(name, {}).get("mean") for name in names]
        cells = ["-" if mean is None else f"{mean:.4f}" for mean in means]
        grid.add_row(item.request.name, *cells, str(item.folder))
    if len(results) > 1:
        console.print(grid)
        _show_best([item for item, _ in results], flags)


def _show_best(items: Sequence[Item], flags: Sequence[str]) -> None:
    """Print the command line of the run that does best on the rows of selection, where runs can be compared."""
    tasks = {str([item.config[key] for key in ("dataset", "protocol", "seed", "seeds")]) for item in items}
    found = [(item, best_validation(item.folder)) for item in items]
    known = [(best, item) for item, best in found if best is not None]
    if len(tasks) > 1 or len(known) < 2 or len({best.metric for best, _ in known}) > 1:
        return
    best, item = min(known, key=lambda pair: pair[0].loss)
    show_best(best, [*item.request.overrides, *flags])


def show_best(best: BestValidation, words: Sequence[str]) -> None:
    """Print a validation metric, and the command line of the run that reached it."""
    console = _console()
    console.print(f"best by validation {best.metric}, {best.value:.4f}:", highlight=False)
    console.print(shlex.join(["ganx", "train", *words]), highlight=False, soft_wrap=True, markup=False)


def _console() -> Console:
    from rich.console import Console  # here, because a tenth of the start-up time would go to it

    console = Console()
    return console if console.is_terminal else Console(width=240)
