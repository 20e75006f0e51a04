"""The real command line on a real SLURM, which `make test-slurm` brings up."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest

from ganx.engine.checkpoint import read_checkpoint

GANX = [sys.executable, "-m", "ganx"]
#: A slow model that fails on request, and a table of it.
MINE = Path(__file__).parent / "mine"
#: A run that is small enough for every node.
SLURM = ["hydra/launcher=slurm", "launcher.mem_gb=2"]

T = TypeVar("T")


class Answer(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(scope="session", autouse=True)
def _cluster() -> None:
    """Skip where scripts/slurm_cluster has not started its SLURM: these tests take nodes down and fill disks."""
    if shutil.which("scontrol") is None or "= ganx\n" not in ask("scontrol show config | grep ClusterName"):
        pytest.skip("no SLURM to break; make test-slurm starts one")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder without outputs, and a cluster without jobs, also for the next test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANX_OUTPUTS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield
    subprocess.run(["scancel", "--me"], check=False)
    wait_until("an empty queue", lambda: not ask("squeue --noheader"))
    subprocess.run(["scontrol", "update", "nodename=n[1-4]", "state=resume"], capture_output=True, check=False)


# --- the command line ----------------------------------------------------------------------------------------------


def ganx(*words: str) -> Answer:
    """Run a command to its end."""
    done = subprocess.run([*GANX, *words], capture_output=True, text=True, check=False, timeout=240)
    return Answer(done.returncode, done.stdout, done.stderr)


def start(*words: str) -> subprocess.Popen[str]:
    """Start a command."""

    def heed_ctrl_c() -> None:  # which a shell has its background jobs ignore, and their children, too
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    command = [*GANX, *words]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=heed_ctrl_c
    )


def end(command: subprocess.Popen[str], seconds: float = 240) -> Answer:
    """Wait for what `start` has started."""
    out, _ = command.communicate(timeout=seconds)
    return Answer(command.returncode, out, "")


# --- what it leaves behind -----------------------------------------------------------------------------------------


def sweeps() -> list[dict[str, Any]]:
    """Return what every sweep.json says, the oldest first."""
    found = [json.loads(file.read_text()) for file in Path("outputs").glob("sweeps/*/sweep.json")]
    return sorted(found, key=lambda sweep: sweep["started"])


def folders(sweep: dict[str, Any]) -> list[Path]:
    """Return the folder of each run of a sweep; sweep.json names it as seen from the sweep's own."""
    return [Path(os.path.normpath(Path("outputs", "sweeps", sweep["name"], run["folder"]))) for run in sweep["runs"]]


def states(sweep: dict[str, Any]) -> list[str]:
    """Return the state of each run of a sweep, as `ganx status NAME` shows it."""
    lines = ganx("status", sweep["name"]).out.splitlines()
    return [re.split(" {2,}", line)[1] for line in lines[-len(sweep["runs"]) :]]


def the_job(command: subprocess.Popen[str] | None = None) -> str:
    """Return SLURM's id of the latest job, once `command` has submitted it."""

    def ids() -> list[str]:
        if command is not None and command.poll() is not None:
            pytest.fail(command.communicate()[0])
        return [job["id"] for sweep in sweeps() for job in sweep["jobs"] if job["id"]]

    return wait_until("a job", ids)[-1]


def the_run(outputs: str = "outputs") -> Path:
    """Return the folder of the only run, once it is there."""
    (run,) = wait_until("a run", lambda: list(Path(outputs).glob("runs/*/[!.]*")))
    return run


def trains(run: Path) -> bool:
    """Whether a run has trained a few blocks."""
    file = run / "metrics.csv"
    return file.exists() and file.read_text().count("\n") > 3


def result(run: Path) -> dict[str, Any]:
    """Return what result.json says."""
    content: dict[str, Any] = json.loads((run / "result.json").read_text())
    return content


def weights(run: Path) -> Any:
    """Return all that the last checkpoint has, but which run it is of: a pause makes another of the same weights."""
    return plain(read_checkpoint(run / "checkpoints" / "last.ckpt") | {"run": None})


def plain(value: Any) -> Any:
    """Return nested containers with the bytes of tensors in place of these, which can be compared."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.numpy().tobytes() if hasattr(value, "numpy") else value


# --- SLURM ---------------------------------------------------------------------------------------------------------


def ask(command: str) -> str:
    """Return what a shell command prints."""
    return subprocess.run(command, shell=True, capture_output=True, text=True, check=False).stdout


def job(number: str) -> dict[str, str]:
    """Return what SLURM says of a job: JobState, Restarts, NodeList ..."""
    shown = ask(f"scontrol show job {number} --oneliner")
    return dict(word.split("=", 1) for word in shown.split() if "=" in word)


def is_pending(number: str) -> bool:
    """Whether a job waits for its turn, as it does when it was requeued."""
    return job(number)["JobState"] == "PENDING"


def final_state(number: str) -> str:
    """Return how a job has ended in SLURM's eyes, once it has."""
    wait_until("the end of the job", lambda: job(number)["JobState"] not in ("PENDING", "RUNNING", "COMPLETING"))
    return job(number)["JobState"]


def wait_until(what: str, condition: Callable[[], T], seconds: float = 120) -> T:
    """Return the first true value of a condition."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {seconds:.0f} s\n{ask('squeue; sinfo')}")
        time.sleep(0.1)
    return value
