"""The runs under `outputs`: listed by the names and times of their files, and opened only where more is asked."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from ganx.errors import UserError, close
from ganx.run.folder import RunFolder, RunState

FoundState = RunState | Literal["damaged"]

_SIGNS = ("result.json", "heartbeat", "config.yaml")  # the youngest of them is the last sign of life
_HEAD, _TAIL = 512, 16
#: result.json as it is written: numbers and words only stand before its status.
_STATUS = re.compile(rb'\A\{(?:\s*"\w+": (?:\d+|"\w*"),)*?\s*"status": "(done|failed)"')


@dataclass(frozen=True)
class FoundRun:
    """A run folder, nothing of which has been read.

    Attributes:
        seen: its last sign of life, in seconds since the epoch; 0 without any.
    """

    path: str
    dataset: str
    name: str
    seen: float

    @property
    def model(self) -> str:
        """The name of its model."""
        return self.name.rpartition("-")[0]

    @property
    def signature(self) -> str:
        """Its signature."""
        return self.name.rpartition("-")[2]

    @property
    def folder(self) -> RunFolder:
        """The folder, to read from."""
        return RunFolder(Path(self.path))

    @cached_property
    def state(self) -> FoundState:
        """Its state, as far as the first bytes of result.json tell it; see `checked_state`."""
        return glance(f"{self.path}/result.json") or self.checked_state

    @cached_property
    def checked_state(self) -> FoundState:
        """Its state, once result.json has been read and checked as a whole."""
        try:
            result = self.folder.read_result()
            return self.folder.state() if result is None else "done" if result.get("status") == "done" else "failed"
        except (UserError, OSError):
            return "damaged"


def glance(result: str | Path) -> Literal["done", "failed"] | None:
    """Return the status in a result.json by its first and last bytes; None where they do not tell."""
    try:
        handle = os.open(result, os.O_RDONLY | os.O_NONBLOCK)  # a FIFO has no first byte to wait for
    except OSError:
        return None
    try:
        found = _STATUS.match(os.pread(handle, _HEAD, 0))
        end = os.pread(handle, _TAIL, max(0, os.fstat(handle).st_size - _TAIL))
    except OSError:
        return None
    finally:
        os.close(handle)
    if found is None or not end.rstrip().endswith(b"}"):
        return None
    return "done" if found[1] == b"done" else "failed"


def all_runs(outputs: str | Path) -> list[FoundRun]:
    """Return the runs under `outputs`, the one with the latest sign of life last."""
    found = [FoundRun(path, dataset, name, _seen(path)) for path, dataset, name in _folders(outputs)]
    return sorted(found, key=lambda run: (run.seen, run.path))


def find_run(name: str, outputs: str | Path) -> RunFolder:
    """Return the run that a user means by a folder, a signature, or the beginning of one.

    Raises:
        UserError: there is none, or more than one.
    """
    if not name:
        raise UserError("run is empty: give a run's folder or signature; ganx status lists them")
    with suppress(ValueError):  # a NUL in the name
        if (folder := RunFolder(Path(name))).path.is_dir():
            if not folder.config.exists() and not folder.result.exists():
                raise UserError(f"run={name} is not the folder of a run: it has no config.yaml; ganx status lists runs")
            return folder
    names = {path: run for path, _, run in _folders(outputs)}
    found = [path for path, run in names.items() if name == run or run.rpartition("-")[2].startswith(name)]
    if len(found) == 1:
        return RunFolder(Path(found[0]))
    if found:
        raise UserError(f"run={name} fits {len(found)} runs: {', '.join(sorted(found)[:5])}")
    hint = close(name, [run.rpartition("-")[2] for run in names.values()]) or "; ganx status lists them"
    raise UserError(f"run={name}: no such folder, and no such signature in {Path(outputs) / 'runs'}{hint}")


def _folders(outputs: str | Path) -> Iterator[tuple[str, str, str]]:
    """Yield path, data set and name of every run folder."""
    for dataset in _within(f"{outputs}/runs"):
        for run in _within(dataset.path):
            yield run.path, dataset.name, run.name


def _within(folder: str) -> list[os.DirEntry[str]]:
    """Return the folders in a folder that are not hidden; none where it cannot be looked into."""
    with suppress(OSError), os.scandir(folder) as entries:
        return [entry for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
    return []


def _seen(path: str) -> float:
    seen = 0.0
    for name in _SIGNS:
        with suppress(OSError):
            seen = max(seen, os.stat(f"{path}/{name}").st_mtime)  # noqa: PTH116 (one of thousands)
    return seen
