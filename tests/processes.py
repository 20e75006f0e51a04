"""`ganx` in processes of their own, forked from one that has imported the libraries, but nothing of ganx.

Each has a pid, a session, an environment and an end of its own, and is killed like one that a shell has started. To
import torch and the others takes seconds, and the tests start dozens of them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

LIBRARIES = [
    "hydra",
    "joblib",
    "lightning.pytorch.loggers",
    "matplotlib.backends.backend_agg",
    "pandas",
    "rich.progress",
    "scipy.stats",
    "sklearn.datasets",
    "sklearn.impute",
    "sklearn.neighbors",
    "torch.utils.tensorboard",
]

T = TypeVar("T")


def until(condition: Callable[[], T], seconds: float = 120) -> T:
    """Wait until a condition holds, and return what it has returned."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


class Answer(NamedTuple):
    code: int
    out: str
    err: str


class Ganx:
    """A command line that has been started.

    Args:
        logs: a folder for what it prints.
        environment: what differs from that of the test.
    """

    def __init__(self, *argv: str, logs: Path, environment: Mapping[str, str]) -> None:
        self._out, self._err = logs / "out", logs / "err"
        self._code: int | None = None
        self.pid: int = ask("start", argv, str(Path.cwd()), {**os.environ, **environment}, str(logs))

    @property
    def code(self) -> int | None:
        """The exit code, or minus the signal that killed it; None while it runs."""
        if self._code is None:
            self._code = ask("code", self.pid)
        return self._code

    @property
    def out(self) -> str:
        """What it has printed so far."""
        return self._out.read_text() if self._out.exists() else ""

    def wait(self, seconds: float = 600) -> int:
        """Wait for the end, and return the exit code; raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while (code := self.code) is None:
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(0.01)
        return code

    def answer(self) -> Answer:
        """Wait for the end, and return what it has said."""
        return Answer(self.wait(), self.out, self._err.read_text())

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, not to those that it has started."""
        os.kill(self.pid, number)

    def send_to_all(self, number: signal.Signals) -> None:
        """Send a signal to it and to those that it has started, as a terminal does."""
        os.killpg(self.pid, number)


@cache
def _server() -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.processes"]
    root = Path(__file__).parents[1]
    return subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ask(*words: Any) -> Any:
    """Ask the process that forks; see `serve`."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    print(json.dumps(words), file=server.stdin, flush=True)
    return json.loads(server.stdout.readline())


def serve() -> int:
    """Answer a line of standard input with one of standard output, until the tests are over.

    `start` forks, and is answered with the pid; `code` with the exit code of a pid, null while it runs. What is forked
    returns its own exit code from here, and ends as any Python does.
    """
    for name in LIBRARIES:
        import_module(name)
    for line in sys.stdin:
        word, *rest = json.loads(line)
        if word == "start":
            answer = os.fork()
            if not answer:
                return live(*rest)
        else:
            pid, status = os.waitpid(rest[0], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        print(json.dumps(answer), flush=True)
    return 0


def live(argv: list[str], folder: str, environment: dict[str, str], logs: str) -> int:
    """Be a `ganx` that has just been started, to its end."""
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    flags = os.O_WRONLY | os.O_CREAT
    for stream, path in enumerate((os.devnull, f"{logs}/out", f"{logs}/err")):
        os.dup2(os.open(path, flags if stream else os.O_RDONLY), stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has its background jobs ignore it
    if after := environment.get("KILL_AFTER"):
        kill_after(*after.split(":"))
    from ganx.cli import main  # here, so that each process reads the environment that it was given

    return main(argv)


def kill_after(name: str, count: str) -> None:
    """Have this process killed as soon as it has replaced so many files of a name (`*`: of any) below its folder."""
    replace, left, here = Path.replace, int(count), Path.cwd()

    def replaced(file: Path, target: Path) -> Path:
        nonlocal left
        done = replace(file, target)
        left -= name in ("*", target.name) and target.absolute().is_relative_to(here)
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    Path.replace = replaced  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    sys.exit(serve())
