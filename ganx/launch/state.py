"""Where every run of a sweep stands, from its files and squeue alone."""

from __future__ import annotations

import csv
import math
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ganx.errors import UserError
from ganx.launch.folder import Ended, Sweep, SweepFolder, SweepJob, SweepRun, all_sweeps, run_folder
from ganx.launch.queue import is_active, is_waiting, queue, reason
from ganx.metrics.registry import SELECTING, by_telling, metric_of
from ganx.run.finding import glance
from ganx.run.folder import RunFolder
from ganx.run.lock import Heartbeat, is_alive

SweepState = Literal["queued", "running", "done", "failed", "stale", "interrupted"]

_A_MOMENT = 60.0  # seconds in which a job that was just started need not have shown itself

_TOLD = 3  # metrics of a run in one line

#: What `ganx.launch.queue.queue` gives; None where there is no SLURM.
Queue = Mapping[str, str] | None


@dataclass(frozen=True)
class Status:
    """A run of a sweep.

    Attributes:
        state: `queued` waits for its turn; `stale` died without a word, `interrupted` was stopped: neither goes on by
            itself, and both do from their checkpoint when the same command is given again.
        told: progress and last metric, final metrics, or what went wrong, in one line.
        age: seconds since the last sign of life.
        log: where to read more; None where there is nothing.
    """

    run: SweepRun
    job: SweepJob | None
    state: SweepState
    told: str
    age: float
    log: Path | None

    @property
    def over(self) -> bool:
        """Whether nothing more will happen to it by itself."""
        return self.state not in ("queued", "running")


def statuses(folder: SweepFolder, sweep: Sweep, queue: Queue, *, brief: bool = False) -> list[Status]:
    """Return where the runs of a sweep stand.

    Args:
        brief: of those that are done, say no more than that; by the first bytes of result.json (`glance`).
    """
    working = {job.number for job in _working(folder, sweep, queue)}
    jobs = sweep.job_of
    return [
        (brief and _done(folder, run, jobs.get(run.number), working))
        or _status(folder, run, jobs.get(run.number), working, queue)
        for run in sweep.runs
    ]


def _done(folder: SweepFolder, run: SweepRun, job: SweepJob | None, at_work: set[int]) -> Status | None:
    """Return the state of a run that ended well; None where that takes a longer look."""
    if glance(f"{run.folder}/result.json") != "done":
        return None
    ended = folder.ended(run.number)
    if ended is None and job is not None and job.number in at_work:
        return None  # with force=true, an old result stands until the end
    if ended is not None and 0 < ended.code <= 128:
        return None
    return Status(run, job, "done", "", math.inf, None)


def is_over(folder: SweepFolder, sweep: Sweep, queue: Queue) -> bool:
    """Tell whether no process works, or will work, for a sweep."""
    return not _working(folder, sweep, queue)


def queue_of(*folders: SweepFolder) -> Queue:
    """Ask squeue, if any of these sweeps has a job in SLURM: where its controller is gone, the answer takes long."""
    for folder in folders:
        with suppress(UserError):  # a damaged sweep claims nothing
            if any(job.id for job in folder.read().jobs):
                return queue()
    return None


def claims(outputs: str | Path, queue: Queue) -> dict[Path, str]:
    """Return {resolved run folder: sweep} of the runs that sweeps have begun or will begin."""
    found: dict[Path, str] = {}
    for folder in all_sweeps(outputs):
        try:
            sweep = folder.read()
        except UserError:
            continue
        for job in _working(folder, sweep, queue):
            for number in job.runs:
                ended = folder.ended(number)
                if ended is None or ended.code > 128:  # a signal stopped it, and SLURM will start it again
                    found[Path(sweep.runs[number].folder).resolve()] = sweep.name
    return found


def _working(folder: SweepFolder, sweep: Sweep, queue: Queue) -> list[SweepJob]:
    """Return the jobs of a sweep that do something, or will."""
    if sweep.here:
        return sweep.jobs if is_alive(folder.heartbeat) else []
    return [job for job in sweep.jobs if _will_work(folder, job, queue)]


def _will_work(folder: SweepFolder, job: SweepJob, queue: Queue) -> bool:
    if job.id and queue is not None:
        return is_active(queue, job.id)
    if is_alive(folder.sign_of_life(job.number)):
        return True
    begun = Heartbeat.read(folder.sign_of_life(job.number)) is not None
    return not begun and time.time() - folder.record.stat().st_mtime < _A_MOMENT


def _status(folder: SweepFolder, run: SweepRun, job: SweepJob | None, at_work: set[int], queue: Queue) -> Status:
    working = job is not None and job.number in at_work
    waiting = job is not None and queue is not None and is_waiting(queue, job.id)
    ended = folder.ended(run.number)
    if ended and run_folder(run).written_after(folder.end_of(run.number)):
        ended = None  # somebody else has done it since
    try:
        state, told = _state(run_folder(run), run, ended, working, waiting)
        if state == "interrupted" and (why := _death_before_the_beginning(folder, job)):
            state, told = "failed", why
    except UserError as error:  # a damaged result
        state, told = "failed", str(error)
    if state == "queued" and job is not None and queue is not None:
        told = f"{told}  {reason(queue, job.id)}"
    logs = [folder.log(run.number)]
    if state not in ("queued", "running") and job is not None:
        logs.append(_log_of_slurm(folder, job))
    log = next((file for file in logs if file.exists()), None)
    return Status(run, job, state, " ".join(told.split()), run_folder(run).age(), log)


def _state(
    place: RunFolder, run: SweepRun, ended: Ended | None, working: bool, waiting: bool
) -> tuple[SweepState, str]:
    """Return a state, and what there is to tell.

    Args:
        working: its job does something yet, or will.
        waiting: SLURM has not started the job (again).
    """
    if ended is not None and 0 < ended.code <= 128:
        return "failed", ended.error
    try:
        result = place.read_result()
    except UserError as error:
        return "failed", str(error)
    if result is not None and not (working and ended is None):  # with force=true, an old result stands until the end
        done = result.get("status") == "done"
        return ("done", told_metrics(result, run.metric)) if done else ("failed", str(result.get("error", "")))
    if is_alive(place.heartbeat) and not waiting:
        return "running", progress(place)
    if working and (ended is None or ended.code):  # one that a search has stopped is through
        return "queued", progress(place)
    state = place.state()
    said = progress(place) or ("never begun" if state == "new" else "")
    return ("stale" if state == "stale" else "interrupted"), f"{said}  {ended.error if ended else ''}"


def _log_of_slurm(folder: SweepFolder, job: SweepJob) -> Path:
    return folder.logs / f"{job.id}_0_log.err"


def _death_before_the_beginning(folder: SweepFolder, job: SweepJob | None) -> str:
    """Return the last words of a job that is gone without a sign of life; empty for others."""
    if job is None or not job.id or folder.sign_of_life(job.number).exists():
        return ""
    try:
        lines = _log_of_slurm(folder, job).read_text(errors="replace").split("\n")
    except OSError:  # it was cancelled while it waited
        return ""
    words = [line.strip() for line in lines if line.strip()]
    return f"its job died before it began{': ' + words[-1] if words else ''}"


def told_metrics(result: dict[str, Any], metric: str | None = None) -> str:
    """Return a metric of a result with the one beside it, or its most telling ones, as a user reads them."""
    metrics = result.get("metrics", {})
    names = by_telling(metrics)[:_TOLD]
    if metric is not None and metric in metrics:
        names = [name for name in (metric, metric_of(metric).beside) if name and name in metrics]
    return "  ".join(f"{name} {_number(metrics[name].get('mean'))}" for name in names)


def progress(folder: RunFolder) -> str:
    """Return how far a run is, and its last validation metrics."""
    beat = Heartbeat.read(folder.heartbeat)
    step = f"step {beat.step} of {beat.steps}" if beat and beat.steps else ""
    metrics = [f"{name} {value:.4f}" for name, value in last_validation(folder).items()]
    return "  ".join([*([step] if step else []), *metrics])


def last_validation(folder: RunFolder) -> dict[str, float]:
    """Return the mean over the replicas of the latest validation metrics in metrics.csv; empty without any."""
    rows = [row for file in (folder.metrics, *folder.path.glob("chunks/*/metrics.csv")) for row in _last_rows(file)]
    names = [name for name in (rows[0] if rows else {}) if name.startswith("validation_")]
    values = {name: [float(row[name]) for row in rows if row.get(name)] for name in names}
    means = {name.removeprefix("validation_"): statistics.fmean(known) for name, known in values.items() if known}
    return {name: value for name, value in means.items() if math.isfinite(value)}


@dataclass(frozen=True)
class BestValidation:
    """The best validation metric of a run: for each replica the best of its training, then the mean over replicas."""

    metric: str
    value: float

    @property
    def loss(self) -> float:
        """Return the value so that less is better."""
        return -self.value if metric_of(self.metric).better == "higher" else self.value


def best_validation(folder: RunFolder, metric: str | None = None) -> BestValidation | None:
    """Return the best validation metric of a finished run.

    Args:
        metric: one of `SELECTING`; None takes the first that the run has.
    """
    try:
        with folder.metrics.open(newline="") as file:
            rows = list(csv.DictReader(file))
        return _best_of(rows, metric)
    except (OSError, ValueError, KeyError, TypeError):  # it is gone, or damaged
        return None


def _best_of(rows: Sequence[Mapping[str, str]], metric: str | None) -> BestValidation | None:
    for name in [metric] if metric else [selecting.name for selecting in SELECTING]:
        better = max if metric_of(name).better == "higher" else min
        replicas: dict[tuple[str, str], float] = {}
        for row in rows:
            value, replica = float(row.get(f"validation_{name}") or "nan"), (row["seed"], row["fold"])
            if math.isfinite(value):
                replicas[replica] = better(value, replicas.get(replica, value))
        if replicas:
            return BestValidation(name, statistics.fmean(replicas.values()))
    return None


def _last_rows(file: Path) -> list[dict[str, str]]:
    """Return the rows of the last whole step."""
    try:
        with file.open(newline="") as opened:
            lines = [line for line in opened if line.endswith("\n")]
    except OSError:
        return []
    last = lines[-1].partition(",")[0] if len(lines) > 1 else ""
    tail = [line for line in lines[-200:] if line.partition(",")[0] == last]
    return list(csv.DictReader([lines[0], *tail])) if last else []


def _number(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, int | float) and math.isfinite(value) else "-"
