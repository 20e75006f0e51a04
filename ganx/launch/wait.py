"""Waiting for runs that other processes do, by looking at files and squeue."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ganx.errors import UserError
from ganx.launch.folder import SweepFolder, all_sweeps
from ganx.launch.plan import Item
from ganx.launch.state import claims, queue_of, statuses
from ganx.text import plural

if TYPE_CHECKING:
    from rich.status import Status

_SECONDS_BETWEEN_LOOKS = 0.5
_SECONDS_BETWEEN_QUEUES = 5.0


def wait_for_runs(folder: SweepFolder, numbers: Sequence[int], ended: Callable[[SweepFolder, int], None]) -> None:
    """Wait until the runs `numbers` of a sweep are over; tell each one once.

    A run is over when it says so, or when neither squeue nor a heartbeat knows its job, seen twice in a row: between
    two states of SLURM a job may be in neither.
    """
    left, gone = list(numbers), set[int]()
    looked = time.monotonic()
    with _status("") as line:
        while left:
            line.update(f"{plural(len(left), 'run')} to go; Ctrl-C leaves them alone: ganx status {folder.path.name}")
            for number in [n for n in left if _has_ended(folder, n)]:
                left.remove(number)
                ended(folder, number)
            if left and time.monotonic() - looked > _SECONDS_BETWEEN_QUEUES:
                looked = time.monotonic()
                over = {
                    status.run.number for status in statuses(folder, folder.read(), queue_of(folder)) if status.over
                }
                for number in [n for n in left if n in over & gone]:
                    left.remove(number)
                    ended(folder, number)
                gone = over
            if left:
                time.sleep(_SECONDS_BETWEEN_LOOKS)


def _has_ended(folder: SweepFolder, number: int) -> bool:
    """Whether a run has ended by itself; one that a signal stopped may be requeued."""
    ended = folder.ended(number)
    return ended is not None and ended.code <= 128


def wait_for_others(items: Sequence[Item]) -> list[Item]:
    """Wait until others are through with `items`; return those that they have left unfinished."""
    left, abandoned = list(items), []
    if not left:
        return []
    outputs = left[0].config["outputs"]
    with _status(f"{plural(len(items), 'run')} of others to go"):
        while left:
            taken = claims(outputs, queue_of(*all_sweeps(outputs)))
            for item in list(left):
                try:
                    state = item.folder.state()
                except UserError:
                    state = "failed"
                if state == "running" or (item.folder.path.resolve() in taken and state not in ("done", "failed")):
                    continue
                left.remove(item)
                if state not in ("done", "failed"):
                    abandoned.append(item)
            if left:
                time.sleep(_SECONDS_BETWEEN_LOOKS * 4)
    return abandoned


def _status(text: str) -> Status:
    from rich.console import Console  # here, because a tenth of the start-up time would go to it

    return Console(stderr=True).status(text)
