"""The folder a sweep leaves behind: what was asked for, frozen, and what became of it.

`outputs/sweeps/<name>/` holds `sweep.json` (command, runs, jobs), `configs.json` (one frozen configuration per run),
`ended/<run>.json` (how a run ended), `logs/`, and heartbeats: of the command that waits, and of every job.
"""

from __future__ import annotations

import fcntl
import math
import os
import re
import shlex
import shutil
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ganx.errors import UserError, nearest
from ganx.files import make_folder, read_json, refuse_links, refusing, write_json
from ganx.run.folder import RunFolder


@dataclass(frozen=True)
class SweepRun:
    """One run of a sweep: its name there, the command line that gives it, its folder, and the metric to tell."""

    number: int
    name: str
    argv: list[str]
    folder: str
    metric: str | None = None


@dataclass(frozen=True)
class SweepJob:
    """A process that does some runs, one after another. `id` is SLURM's, or empty for a process of this machine."""

    number: int
    id: str
    runs: list[int]


@dataclass(frozen=True)
class Sweep:
    """What sweep.json says.

    Attributes:
        launcher: `local`, `joblib`, `slurm`, ...
        here: whether the command itself does the runs.
        started: seconds since the epoch.
        host: where it was started.
    """

    name: str
    command: str
    launcher: str
    here: bool
    started: float
    host: str
    runs: list[SweepRun]
    jobs: list[SweepJob]

    @property
    def job_of(self) -> dict[int, SweepJob]:
        """Return the last job that has each run."""
        return {run: job for job in self.jobs for run in job.runs}


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit code, and in one line why it did not end well."""

    code: int
    seconds: float
    error: str = ""


def _sound(sweep: Sweep) -> Sweep:
    """Return a sweep whose fields have their types.

    Raises:
        TypeError: one has another.
    """
    texts = [sweep.name, sweep.command, sweep.launcher, sweep.host, *(job.id for job in sweep.jobs)]
    texts += [text for run in sweep.runs for text in (run.name, run.folder, run.metric or "", *run.argv)]
    numbers = [*(run.number for run in sweep.runs), *(n for job in sweep.jobs for n in (job.number, *job.runs))]
    right = all(isinstance(text, str) for text in texts) and all(type(number) is int for number in numbers)
    if not (right and isinstance(sweep.here, bool) and math.isfinite(sweep.started)):
        raise TypeError
    return sweep


class SweepFolder:
    """See the head of this file. Whole files are written atomically."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record = path / "sweep.json"
        self.configs = path / "configs.json"
        self.heartbeat = path / "heartbeat"
        self.logs = path / "logs"

    def __str__(self) -> str:
        return str(self.path)

    @classmethod
    def create(
        cls, outputs: str | Path, title: str, command: Sequence[str], launcher: str, here: bool = False
    ) -> SweepFolder:
        """Make the folder of a new sweep, which has no runs yet; its name ends with the time."""
        title = re.sub(r"[^A-Za-z0-9_-]+", "_", title).strip("_") or "sweep"
        name = base = f"{title}-{time.strftime('%m%d-%H%M%S')}"
        number = 1
        while (path := Path(outputs) / "sweeps" / name).exists():
            number += 1
            name = f"{base}-{number}"
        folder = cls(path)
        for place in (folder.logs, path / "ended", path / "jobs"):
            make_folder(place)
        write_json(folder.configs, [])
        folder._write(Sweep(name, shlex.join(command), launcher, here, time.time(), socket.gethostname(), [], []))
        return folder

    def read(self) -> Sweep:
        """Return what sweep.json says.

        Raises:
            UserError: it is missing or damaged.
        """
        try:
            if not self.record.exists():
                raise UserError(f"{self.path} is not a sweep: it has no sweep.json")
            stored = read_json(self.record)
            runs = [SweepRun(**run | {"folder": self._from_here(run["folder"])}) for run in stored.pop("runs")]
            jobs = [SweepJob(**job) for job in stored.pop("jobs")]
            return _sound(Sweep(**stored, runs=runs, jobs=jobs))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{self.record} is damaged ({type(error).__name__}); its runs are not lost") from error

    def add(
        self, runs: Sequence[SweepRun], configs: Sequence[dict[str, Any]], packs: Iterable[Sequence[int]]
    ) -> list[SweepJob]:
        """Add runs with their frozen configurations, and jobs that will do them; return the jobs."""
        sweep = self.read()
        jobs = [SweepJob(number, "", list(pack)) for number, pack in enumerate(packs, len(sweep.jobs))]
        write_json(self.configs, [*self.read_configs(), *configs])
        self._write(replace(sweep, runs=[*sweep.runs, *runs], jobs=[*sweep.jobs, *jobs]))
        return jobs

    def name_jobs(self, ids: dict[int, str]) -> None:
        """Note SLURM's ids of jobs, {number: id}."""
        sweep = self.read()
        self._write(replace(sweep, jobs=[replace(job, id=ids.get(job.number, job.id)) for job in sweep.jobs]))

    def read_configs(self) -> list[dict[str, Any]]:
        """Return the frozen configurations, each with the targets that the user's own folders added."""
        try:
            configs: list[dict[str, Any]] = read_json(self.configs)
        except ValueError as error:
            raise UserError(f"{self.configs} is damaged: {error}") from error
        return configs

    def end_of(self, run: int) -> Path:
        """Return where it stands how a run ended."""
        return Path(f"{self.path}/ended/{run}.json")

    def end(self, run: int, ended: Ended) -> None:
        """Note how a run ended."""
        write_json(self.end_of(run), asdict(ended))

    def begin(self, run: int) -> None:
        """Forget how an earlier attempt at a run ended."""
        with refusing(self.path):
            self.end_of(run).unlink(missing_ok=True)

    def ended(self, run: int) -> Ended | None:
        """Return how a run ended; None while it has not."""
        try:
            ended = Ended(**read_json(self.end_of(run)))
        except (ValueError, TypeError):
            return None
        sound = isinstance(ended.code, int) and isinstance(ended.seconds, int | float) and isinstance(ended.error, str)
        return ended if sound else None

    def log(self, run: int) -> Path:
        """Return where the output of a run goes."""
        return self.logs / f"{run}.log"

    def sign_of_life(self, job: int) -> Path:
        """Return the heartbeat of a job."""
        return self.path / "jobs" / f"{job}.heartbeat"

    def remove(self) -> None:
        """Remove a sweep whose submission was refused."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _write(self, sweep: Sweep) -> None:
        # Paths of runs are stored as seen from the sweep: `outputs` may be moved, or looked at from another place.
        runs = [replace(run, folder=os.path.relpath(run.folder, self.path)) for run in sweep.runs]
        write_json(self.record, asdict(replace(sweep, runs=runs)))

    def _from_here(self, folder: str) -> str:
        return os.path.normpath(self.path / folder)


def all_sweeps(outputs: str | Path) -> list[SweepFolder]:
    """Return the sweeps under `outputs`, the latest last."""
    records = [(file.stat().st_ctime_ns, file) for file in Path(outputs).glob("sweeps/*/sweep.json")]
    return [SweepFolder(file.parent) for _, file in sorted(records)]


def find_sweep(name: str, outputs: str | Path) -> SweepFolder:
    """Return the sweep that a user means by its name, by the beginning of one, or by its folder.

    Raises:
        UserError: there is none, or more than one.
    """
    sweeps = {folder.path.name: folder for folder in all_sweeps(outputs)}
    asked, name = name, Path(name).name if "/" in name else name
    if name in sweeps:
        return sweeps[name]
    found = [key for key in sweeps if name and key.startswith(name)]
    if len(found) == 1:
        return sweeps[found[0]]
    if found:
        raise UserError(f"'{asked}' fits {len(found)} sweeps: {', '.join(found[-5:])}")
    hint = nearest(name, sweeps) or "; ganx status lists them"
    raise UserError(f"there is no sweep '{asked}' in {Path(outputs) / 'sweeps'}{hint}")


def run_folder(run: SweepRun) -> RunFolder:
    """Return the folder of a run."""
    return RunFolder(Path(run.folder))


@contextmanager
def planning(outputs: str | Path) -> Iterator[None]:
    """Hold the lock under which sweeps are planned, so that two that start at once see one another's runs."""
    folder = Path(outputs) / "sweeps"
    make_folder(folder)
    refuse_links(folder / ".lock")
    with refusing(folder):
        file = (folder / ".lock").open("w")
    with file:
        with suppress(OSError):  # a file system without locks: those of the runs are left
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
