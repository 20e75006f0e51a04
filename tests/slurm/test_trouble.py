"""Sweeps on SLURM that are preempted, killed, run out of time or disk, and lose their node."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.slurm.conftest import (
    MINE,
    SLURM,
    ask,
    end,
    final_state,
    folders,
    ganx,
    is_pending,
    job,
    result,
    start,
    states,
    sweeps,
    the_job,
    the_run,
    trains,
    wait_until,
    weights,
)

pytestmark = pytest.mark.slurm

HEXAGAN = [
    "experiment=hexagan_noise",
    "dataset=wine",
    "protocol.folds=2",
    "model.steps=2000",
    "model.validate_every=20",
]
TOY = ["--config-dir", str(MINE), "model=toy", "dataset=wine", "protocol.folds=2"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A HexaGAN that was trained without SLURM, and without a break."""
    outputs = tmp_path_factory.mktemp("undisturbed")
    answer = ganx("train", *HEXAGAN, "hardware.workers=1", f"outputs={outputs}")
    assert answer.code == 0, answer
    return the_run(str(outputs))


def same(run: Path, other: Path) -> bool:
    """Whether two runs have ended alike."""
    return weights(run) == weights(other) and result(run)["metrics"] == result(other)["metrics"]


def test_preempted_and_requeued(undisturbed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANX_CHECKPOINT_SECONDS", "1000")  # the signal alone saves one
    waiting = start("train", *HEXAGAN, *SLURM)
    number, run = the_job(waiting), the_run()
    wait_until("training", lambda: trains(run))
    assert not (run / "checkpoints" / "last.ckpt").exists()
    node = job(number)["NodeList"]
    subprocess.run(
        ["sbatch", "--partition=urgent", f"--nodelist={node}", "--output=/dev/null", "--wrap=sleep 1"], check=True
    )
    wait_until("a requeue", lambda: is_pending(number))
    assert (run / "checkpoints" / "last.ckpt").exists()
    assert not (run / "result.json").exists()
    assert states(sweeps()[0]) == ["queued"]
    answer = end(waiting)
    assert answer.code == 0, answer
    assert job(number)["Restarts"] == "1"
    assert same(run, undisturbed)


@pytest.mark.timeout(1000)
def test_the_end_of_the_time() -> None:
    """SLURM looks at limits twice a minute: the signal comes 20 to 50 seconds after the start.

    A slow machine needs most of them to start, so more ends are granted than a quick one meets.
    """
    limits = ["launcher.timeout_min=1", "launcher.signal_delay_s=10", "launcher.max_num_timeout=20"]
    slow = ["model.steps=500", "model.pause=0.1", "model.validate_every=10"]
    answer = end(start("train", *TOY, *slow, *SLURM, *limits), 800)
    assert answer.code == 0, answer
    assert int(job(the_job())["Restarts"]) >= 1
    assert ganx("train", *TOY, *slow, "model.pause=0", "hardware.workers=1", "outputs=undisturbed").code == 0
    assert weights(the_run()) == weights(the_run("undisturbed"))


def test_no_time_beyond_what_was_granted() -> None:
    limits = ["launcher.timeout_min=1", "launcher.signal_delay_s=10", "launcher.max_num_timeout=1"]
    waiting = start("train", *TOY, "model.steps=1000", "model.pause=0.1", *SLURM, *limits)
    number, run = the_job(waiting), the_run()
    wait_until("training", lambda: trains(run))
    subprocess.run(["scancel", "--signal=USR2", number], check=True)  # as at the end of the time
    wait_until("a requeue", lambda: is_pending(number))
    steps = (run / "metrics.csv").read_text().count("\n")
    wait_until("more training", lambda: (run / "metrics.csv").read_text().count("\n") > steps)
    subprocess.run(["scancel", "--signal=USR2", number], check=True)
    answer = end(waiting)
    assert answer.code == 1, answer
    assert final_state(number) == "FAILED"
    assert job(number)["Restarts"] == "1"
    assert states(sweeps()[0]) == ["interrupted"]
    assert (run / "checkpoints" / "last.ckpt").exists()


def test_a_packed_job_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SLURM warns every process of a job, and two of them train each run."""
    monkeypatch.setenv("TRACE", str(tmp_path / "trace"))
    words = ["model.steps=50", "model.pause=0.1", "seed=0,1", "hardware.workers=2", "model.max_replicas=1"]
    waiting = start("train", *TOY, *words, "launcher.pack=2", *SLURM)
    number = the_job(waiting)
    first, second = folders(sweeps()[0])
    wait_until("the second run", lambda: trains(second / "chunks" / "1"))
    assert result(first)["status"] == "done"
    subprocess.run(["scancel", "--signal=USR2", number], check=True)
    wait_until("a requeue", lambda: is_pending(number))
    assert states(sweeps()[0]) == ["done", "queued"]
    answer = end(waiting)
    assert answer.code == 0, answer
    assert job(number)["Restarts"] == "1"
    assert len((tmp_path / "trace").read_text().splitlines()) == 4


def test_a_cancelled_run_saves_a_checkpoint() -> None:
    answer = ganx("train", *TOY, "model.steps=1000", "model.pause=0.1", *SLURM, "detach=true")
    assert answer.code == 0, answer
    number, run = the_job(), the_run()
    wait_until("training", lambda: trains(run))
    assert states(sweeps()[0]) == ["running"]
    assert ganx("cancel", sweeps()[0]["name"]).code == 0
    assert final_state(number) == "CANCELLED"
    assert states(sweeps()[0]) == ["interrupted"]
    assert (run / "checkpoints" / "last.ckpt").exists()


def test_killed_and_submitted_again(undisturbed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANX_CHECKPOINT_SECONDS", "1")
    waiting = start("train", *HEXAGAN, *SLURM)
    number, run = the_job(waiting), the_run()
    wait_until("a checkpoint", (run / "checkpoints" / "last.ckpt").exists)
    os.kill(json.loads((run / "heartbeat").read_text())["pid"], signal.SIGKILL)
    answer = end(waiting)
    assert answer.code == 1, answer
    assert final_state(number) == "FAILED"
    assert states(sweeps()[0]) == ["stale"]
    assert not (run / "result.json").exists()
    answer = ganx("train", *HEXAGAN, *SLURM)
    assert answer.code == 0, answer
    assert answer.out.startswith("1 run: 0 done, 1 to run\n")
    assert same(run, undisturbed)


def test_a_node_goes_down(undisturbed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANX_CHECKPOINT_SECONDS", "1")
    waiting = start("train", *HEXAGAN, *SLURM)
    number, run = the_job(waiting), the_run()
    wait_until("a checkpoint", (run / "checkpoints" / "last.ckpt").exists)
    node = job(number)["NodeList"]
    subprocess.run(["scontrol", "update", f"nodename={node}", "state=down", "reason=test"], check=True)
    answer = end(waiting)
    assert answer.code == 0, answer
    assert job(number)["Restarts"] == "1"
    assert job(number)["NodeList"] != node
    assert same(run, undisturbed)


def test_a_run_that_raises_fails_alone() -> None:
    answer = ganx("train", *TOY, "model.dry_at=null,7", "seed=0,1", *SLURM)
    assert answer.code == 1, answer
    assert "failed: RuntimeError: the well is dry" in answer.out
    (sweep,) = sweeps()
    ends = {run["name"]: final_state(one["id"]) for one, run in zip(sweep["jobs"], sweep["runs"], strict=True)}
    assert sorted(ends.values()) == ["COMPLETED", "COMPLETED", "FAILED", "FAILED"]
    assert {state for name, state in ends.items() if "dry_at=7" in name} == {"FAILED"}
    first = ganx("status").out.splitlines()[0]
    assert "RuntimeError: the well is dry" in first


def test_a_table_started_twice_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACE", str(tmp_path / "trace"))
    words = ["tables", "--config-dir", str(MINE), "table=toys", "run=true", *SLURM]
    both = [start(*words, f"out={out}") for out in ("a", "b")]
    answers = [end(command) for command in both]
    assert [answer.code for answer in answers] == [0, 0], answers
    assert len((tmp_path / "trace").read_text().splitlines()) == 2
    tables = [Path(out, "toys-quick.csv").read_text() for out in ("a", "b")]
    assert tables[0] == tables[1]
    assert tables[0].count(",done,") == 2
    ids = [one["id"] for sweep in sweeps() for one in sweep["jobs"]]
    assert [final_state(number) for number in ids] == ["COMPLETED"] * 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB under the folders of runs."""
    runs = tmp_path / "outputs" / "runs"
    runs.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "ganx", str(runs)], check=False).returncode:
        pytest.skip("tmpfs cannot be mounted here")
    yield runs
    subprocess.run(["scancel", "--me"], check=False)
    wait_until("an empty queue", lambda: not ask("squeue --noheader"))
    subprocess.run(["umount", "--lazy", str(runs)], check=True)


def fill(file: Path) -> None:
    """Write until there is no room left."""
    with suppress(OSError), file.open("wb", buffering=0) as opened:
        while True:
            opened.write(bytes(4096))


def test_a_full_disk(small_disk: Path, undisturbed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANX_CHECKPOINT_SECONDS", "1")
    waiting = start("train", *HEXAGAN, *SLURM)
    number, run = the_job(waiting), the_run()
    wait_until("a checkpoint", (run / "checkpoints" / "last.ckpt").exists)
    filler = small_disk / ".filler"
    fill(filler)
    answer = end(waiting)
    assert answer.code == 1, answer
    assert "No space left on device" in answer.out
    assert final_state(number) == "FAILED"
    assert "No space left on device" in ganx("status").out.splitlines()[0]
    filler.unlink()
    answer = ganx("train", *HEXAGAN, *SLURM)
    assert answer.code == 0, answer
    assert same(run, undisturbed)
