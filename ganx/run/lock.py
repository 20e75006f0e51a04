"""One process per run folder: a lock on one host, a heartbeat across hosts.

The file `heartbeat` is both. The process that trains holds an fcntl lock on it and rewrites it every `INTERVAL`
seconds; the operating system drops the lock when the process dies, however it dies. Between hosts, where locks of a
network file system may be silent, a run is taken over only when its process is verifiably gone: its SLURM job has
ended, or was requeued and is this very one. A heartbeat that has missed three intervals is shown as stale, no more.
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import socket
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from ganx.errors import LockedError, RunError
from ganx.files import make_folder, refuse_links, refusing
from ganx.run.owner import has_ended, is_process
from ganx.text import duration

INTERVAL = 10.0
PATIENCE = 2.0  # a process that has just been killed may need a moment to let go
_MISSED = 3  # intervals after which a heartbeat is silent
_BETWEEN_LOOKS = 0.05  # seconds
_BETWEEN_LOOKS_ELSEWHERE = 5.0  # seconds; SLURM may be asked each time
_READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe of that name would be waited for
_SIZE = 512  # bytes: heartbeats are equally long, so that one write replaces another as a whole
_MOST = 10**9  # steps, or seconds: what is beyond is damage


@dataclass
class Heartbeat:
    """Who trains, how far the run is, and whether it was stopped in an orderly way."""

    host: str = ""
    pid: int = 0
    slurm_job: str | None = None
    slurm_restarts: int = 0
    interval: float = INTERVAL
    step: int = 0
    steps: int = 0
    seconds: float = 0.0
    stopped: bool = False

    def __post_init__(self) -> None:
        """Refuse what no heartbeat can be, with a ValueError, a TypeError or an OverflowError."""
        texts, counts = [self.host, self.slurm_job or ""], [self.pid, self.slurm_restarts, self.step, self.steps]
        right = all(isinstance(text, str) for text in texts) and all(isinstance(count, int) for count in counts)
        possible = all(0 <= number <= _MOST for number in [*counts, self.interval, self.seconds])
        if not (right and possible and isinstance(self.stopped, bool)):
            raise ValueError("no heartbeat")

    @classmethod
    def read(cls, path: Path) -> Heartbeat | None:
        """Return the heartbeat in `path`; None without one, or where it is damaged."""
        try:
            handle = os.open(path, _READING)
            try:
                return cls(**json.loads(os.read(handle, 8 * _SIZE)))
            finally:
                os.close(handle)
        except (OSError, ValueError, TypeError, OverflowError, RecursionError):
            return None

    @classmethod
    def own(cls) -> Heartbeat:
        """Return the heartbeat of this process."""
        restarts = os.environ.get("SLURM_RESTART_COUNT", "")
        job = os.environ.get("SLURM_JOB_ID")
        return cls(socket.gethostname(), os.getpid(), job, int(restarts) if restarts.isdecimal() else 0)

    def __str__(self) -> str:
        job = f" (SLURM job {self.slurm_job})" if self.slurm_job else ""
        return f"process {self.pid} on {self.host}{job}"

    @property
    def was_requeued(self) -> bool:
        """Whether this process is of the same SLURM job, which was started again since."""
        own = Heartbeat.own()
        same = self.slurm_job is not None and self.slurm_job == own.slurm_job
        return same and self.slurm_restarts < own.slurm_restarts


def is_alive(path: Path) -> bool:
    """Tell whether a process is training behind the heartbeat `path`; nothing is written."""
    try:
        handle = os.open(path, _READING)
    except OSError:
        return False
    try:
        locked, other = _lock(handle, fcntl.LOCK_SH), Heartbeat.read(path)
        if locked is False:
            return True
        if other is None or other.stopped:
            return False
        if other.host == socket.gethostname():
            return locked is None and is_process(other.pid)
        # Who may not write has no clock but its own. One that is half a minute off shows a run that is trained as
        # stale, or a stale one as trained; nothing is done about either but by a `RunLock`, which knows better.
        return not other.was_requeued and time.time() - os.fstat(handle).st_mtime < _MISSED * other.interval
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
        while held := self._acquire():
            left = deadline - time.monotonic()
            if left <= 0:
                raise LockedError(f"locked: {self.path.parent} {held.told}")
            time.sleep(min(left, held.pause))
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

    def _acquire(self) -> _Held | None:
        """Take the folder; where that cannot be, return who has it."""
        refuse_links(self.path)
        with refusing(self.path), ExitStack() as stack:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
            stack.callback(os.close, handle)
            held = self._held(handle)
            if held is None:
                self._handle = handle
                stack.pop_all()
        return held

    def _held(self, handle: int) -> _Held | None:
        locked, other = _lock(handle, fcntl.LOCK_EX), Heartbeat.read(self.path)
        trained = _Held(f"is being trained by {other or 'another process'}; ganx status shows it", _BETWEEN_LOOKS)
        if locked is False or not _is_in(handle, self.path):  # else the file was removed before it was locked
            return trained
        if other is None or other.stopped or other.was_requeued:
            return None
        if other.host == self.state.host:  # a file system without locks has nothing but the pid to go by
            alive = locked is None and other.pid != self.state.pid and is_process(other.pid)
            return trained if alive else None
        silent = _now(self.path.parent) - os.fstat(handle).st_mtime
        if silent < _MISSED * other.interval:
            return trained._replace(pause=_BETWEEN_LOOKS_ELSEWHERE)
        # SLURM may hide jobs of other users.
        mine = os.fstat(handle).st_uid == os.geteuid()
        if other.slurm_job is not None and mine and has_ended(other.slurm_job):
            return None
        return _Held(
            f"belongs to {other}, which has been silent for {duration(silent)}, but may still run; "
            f"if you know that it does not: rm {shlex.quote(str(self.path))}",
            _BETWEEN_LOOKS_ELSEWHERE,
        )

    def _write(self) -> None:
        self.state.seconds = round(self.seconds, 1)
        content = json.dumps(asdict(self.state)).encode().ljust(_SIZE)
        # In place, since the lock belongs to this very file; one short write is as good as a rename here.
        with refusing(self.path):
            os.pwrite(self._handle, content, 0)
            os.ftruncate(self._handle, len(content))

    def check(self) -> None:
        """Make sure that the folder still is this process's.

        Raises:
            RunError: another process has it, or its files were removed.
        """
        other = Heartbeat.read(self.path)
        if other is not None and (other.host, other.pid) != (self.state.host, self.state.pid):
            raise RunError(f"{self.path.parent} belongs to another process by now")
        if not _is_in(self._handle, self.path):
            raise RunError(
                f"{self.path} was removed while {self.path.parent} was being trained; give the command again"
            )

    def _keep_beating(self) -> None:
        while not self._end.wait(self.state.interval):
            try:
                self.check()
            except RunError as error:
                # This process was given up for dead (a network that failed, a machine that slept). Two that write would
                # spoil the folder; the other one goes on from the last checkpoint.
                print(f"ganx: {error}", file=sys.stderr, flush=True)
                os._exit(1)
            try:
                self._write()
            except RunError:
                continue  # the training itself meets the full disk at its next checkpoint, and says so


class _Held(NamedTuple):
    """Why a folder cannot be taken, and the seconds after which to look again."""

    told: str
    pause: float


def _lock(handle: int, kind: int) -> bool | None:
    """Lock a file; return whether that was possible, None on a file system without locks."""
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is_in(handle: int, path: Path) -> bool:
    """Whether an open file is still what a path leads to."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(handle))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # a network that fails for a while
        return True


def _now(folder: Path) -> float:
    """Return the time by the clock that stamps the files of a folder, which on a network is the file server's."""
    with refusing(folder), tempfile.TemporaryFile(dir=folder) as file:
        return os.fstat(file.fileno()).st_mtime
