"""kill -9 in every kind of run: the same command goes on, and leaves what an undisturbed run leaves, byte for byte."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from tests.processes import Ganx, until
from tests.runs import the_run

#: Longer than what a test may take; `make soak` sets it.
SOAK = "GANX_SOAK_KILLS" in os.environ

WINE = ["dataset=wine", "protocol.folds=2"]
TRAINED = ["train", "model=hexagan", *WINE, "model.steps=60", "model.validate_every=10", "model.n_cg=5"]
PLANE = ["train", "model=vcagan", "dataset=gaussians4", "seeds=2", "model.steps=160", "model.validate_every=20"]
IMAGES = ["train", "model=dcgan", "dataset=digits", "model.steps=60", "model.batch_size=16", "model.validate_every=5"]
PIPELINE = ["train", "model=pipeline", *WINE, "model@model.imputer=gain", "model.imputer.steps=40"]
PIPELINE += ["model.imputer.validate_every=20", "model.classifier.steps=40", "model.classifier.validate_every=20"]
BEST = [
    "train",
    "model=best",
    *WINE,
    "model.candidates=[mean,knn]",
    "model.classifiers=[logistic]",
    "model.filler=mean",
]

#: The run, and the writes after which it is killed, one time after another: file and how often it is written till then.
KILLED = {
    "estimator, refit": (["train", "model=mice", *WINE, "refit=true"], ["last.ckpt:1", "last.ckpt:1"]),
    "trained, refit": ([*TRAINED, "model.steps=20", "refit=true"], ["last.ckpt:1", "last.ckpt:3"]),
    "pipeline": (PIPELINE, ["last.ckpt:1", "last.ckpt:3"]),
    "best": (BEST, ["last.ckpt:1", "last.ckpt:2"]),
}


pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


def left_by(outputs: str) -> dict[str, bytes]:
    """Return the files of a run, without what tells of time, memory, host and provenance."""
    run = the_run(outputs)
    files = {str(file.relative_to(run.path)): file for file in sorted(run.path.rglob("*")) if file.is_file()}
    kept = {
        name: file.read_bytes()
        for name, file in files.items()
        if name not in ("heartbeat", "provenance.json", "candidates/costs.json") and "tensorboard" not in file.parts
    }
    kept["config.yaml"] = kept["config.yaml"].replace(f"outputs: {outputs}\n".encode(), b"")
    result = json.loads(kept["result.json"])
    for key in ("seconds", "peak_memory_mb", "command", "seal"):  # which is that of all, the time included
        del result[key]
    return kept | {"result.json": json.dumps(result).encode()}


def checkpoint_times(outputs: str) -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for file in Path(outputs).glob("runs/**/last.ckpt")}


@pytest.mark.timeout(900)  # processes that import everything, on a slow machine
@pytest.mark.parametrize(
    ("command", "workers"),
    [(TRAINED, 1), ([*TRAINED, "model.max_replicas=1"], 2), (PLANE, 1), (IMAGES, 1)],
    ids=["table", "two", "plane", "images"],
)
def test_killed_while_it_trains(start: Callable[..., Ganx], command: list[str], workers: int) -> None:
    """The process that the user started is killed; workers of its own must not live on."""
    long = [*command, f"hardware.workers={workers}"]
    assert start(*long, "outputs=undisturbed").wait() == 0
    for _ in range(2 if SOAK else 1):
        process = start(*long, "outputs=killed", GANX_CHECKPOINT_SECONDS="0")
        first = until(lambda: checkpoint_times("killed"))
        until(lambda first=first: checkpoint_times("killed") != first)
        process.send(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert not the_run("killed").result.exists()
    assert start(*long, "outputs=killed").wait() == 0
    assert left_by("killed") == left_by("undisturbed")


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("command", "kills"), KILLED.values(), ids=KILLED)
def test_killed_after_a_checkpoint(start: Callable[..., Ganx], command: list[str], kills: list[str]) -> None:
    assert start(*command, "outputs=undisturbed").answer()[::2] == (0, "")
    for after in kills:
        killed = start(*command, "outputs=killed", GANX_CHECKPOINT_SECONDS="0", KILL_AFTER=after)
        assert killed.wait() == -signal.SIGKILL
        assert checkpoint_times("killed")
        assert not the_run("killed").result.exists()
    assert start(*command, "outputs=killed").answer()[::2] == (0, "")
    assert left_by("killed") == left_by("undisturbed")


@pytest.mark.skipif(not SOAK, reason="takes long: make soak")
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("command", "_kills"), KILLED.values(), ids=KILLED)
def test_killed_after_every_write(start: Callable[..., Ganx], command: list[str], _kills: list[str]) -> None:
    assert start(*command, "outputs=undisturbed").wait() == 0
    for n in count(1):
        killed = start(*command, f"outputs=killed-{n}", GANX_CHECKPOINT_SECONDS="0", KILL_AFTER=f"*:{n}")
        if not killed.wait():  # it has no more to write
            break
        assert start(*command, f"outputs=killed-{n}").wait() == 0
        assert left_by(f"killed-{n}") == left_by("undisturbed")
    assert n > 5
