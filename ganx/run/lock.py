"""One process per run folder: a lock on one host, a heartbeat across hosts.

The file `heartbeat` is both. The process that trains holds an fcntl lock on it and rewrites it every `INTERVAL`
seconds; the operating system drops the lock when the process dies, however it dies. Between hosts, where locks of a
network file system may be silent, a heartbeat that has missed three intervals counts as dead, and so does one of the
same SLURM job: the job was requeued.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from ganx.errors import LockedError, RunError
from ganx.files import make_folder, refusing

INTERVAL = 10.0
PATIENCE = 2.0  # a process that has just been killed may need a moment to let go


@dataclass
class Heartbeat:
    """Who trains, how far the run is, and whether it was stopped in an orderly way."""

    host: str = ""
    pid: int = 0
    slurm_job: str | None = None
    interval: float = INTERVAL
    step: int = 0
    steps: int = 0
    seconds: float = 0.0
    stopped: bool = False

    @classmethod
    def read(cls, path: Path) -> Heartbeat | None:
        """Return the heartbeat in `path`; None without one, or while it is being written."""
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    @classmethod
    def own(cls) -> Heartbeat:
        """Return the heartbeat of this process."""
        return cls(socket.gethostname(), os.getpid(), os.environ.get("SLURM_JOB_ID"))


def is_alive(path: Path) -> bool:
    """Tell whether a process is training behind the heartbeat `path`; nothing is written."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        if not _try_lock(handle, fcntl.LOCK_SH):
            return True
        return _is_fresh_elsewhere(path)
    finally:
        os.close(handle)


class RunLock:
    """Holds a run folder while a block runs: `with RunLock(path_of_heartbeat) as lock: ... lock.beat(step, steps)`.

    Raises:
        LockedError: another process trains there; it is named.
    """

    def __init__(self, path: Path, interval: float = INTERVAL, patience: float = PATIENCE) -> None:
        self.path, self.patience = path, patience
        self.state = Heartbeat.own()
        self.state.interval = interval
        self._handle = -1
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._keep_beating, daemon=True)

    def beat(self, step: int, steps: int) -> None:
        """Note the progress; the next heartbeat tells it, the first progress at once."""
        first = not self.state.steps
        self.state.step, self.state.steps = step, steps
        if first:
            with suppress(RunError):
                self._write()

    def __enter__(self) -> Self:
        make_folder(self.path.parent)
        deadline = time.monotonic() + self.patience
        while not self._acquire():
            if time.monotonic() >= deadline:
                other = Heartbeat.read(self.path)
                who = f" by process {other.pid} on {other.host}" if other else ""
                raise LockedError(f"locked: {self.path.parent} is being trained{who}; ganx status shows it")
            time.sleep(0.05)
        earlier = Heartbeat.read(self.path)
        self._start = time.monotonic() - (earlier.seconds if earlier else 0.0)
        self._write()
        self._thread.start()
        return self

    @property
    def seconds(self) -> float:
        """Seconds that processes have spent on this run, those of killed ones included up to their last heartbeat."""
        return time.monotonic() - self._start

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()
        self.state.stopped = True
        try:
            self._write()
        except RunError:
            if error is None:  # else the first complaint counts, and a dead lock tells as much
                raise
        finally:
            os.close(self._handle)  # which drops the lock

    def _acquire(self) -> bool:
        with refusing(self.path):
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        if _try_lock(handle, fcntl.LOCK_EX) and not _is_fresh_elsewhere(self.path):
            self._handle = handle
            return True
        os.close(handle)
        return False

    def _write(self) -> None:
        self.state.seconds = round(self.seconds, 1)
        content = json.dumps(asdict(self.state)).encode()
        # In place, since the lock belongs to this very file; one short write is as good as a rename here.
        with refusing(self.path):
            os.pwrite(self._handle, content, 0)
            os.ftruncate(self._handle, len(content))

    def _is_taken(self) -> bool:
        other = Heartbeat.read(self.path)
        return other is not None and (other.host, other.pid) != (self.state.host, self.state.pid)

    def _keep_beating(self) -> None:
        while not self._end.wait(self.state.interval):
            if self._is_taken():
                # This host was given up for dead (a network that failed, a machine that slept). Two that write would
                # spoil the folder; the other one goes on from the last checkpoint.
                print(f"ganx: {self.path.parent} belongs to another process by now", file=sys.stderr, flush=True)
                os._exit(1)
            try:
                self._write()
            except RunError:
                continue  # the training itself meets the full disk at its next checkpoint, and says so


def _try_lock(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: the heartbeat alone decides
        return True
    return True


def _is_fresh_elsewhere(path: Path) -> bool:
    """Whether another host's heartbeat is younger than three intervals, and not of this very SLURM job."""
    other, own = Heartbeat.read(path), Heartbeat.own()
    if other is None or other.stopped or other.host == own.host:
        return False
    if other.slurm_job is not None and other.slurm_job == own.slurm_job:
        return False
    return time.time() - path.stat().st_mtime < 3 * other.interval
