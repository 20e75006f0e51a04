"""Sweeps on SLURM that nothing disturbs."""

from __future__ import annotations

import signal
import subprocess
import time
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
)

pytestmark = pytest.mark.slurm

TOY = ["train", "--config-dir", str(MINE), "model=toy", "dataset=wine", "protocol.folds=2"]
HELD = "launcher.additional_parameters={hold: true}"


def test_an_array_and_the_same_again() -> None:
    words = ["train", "-m", "model=mlp,zeros", "dataset=breast,wine", "protocol.folds=2", "hydra/launcher=slurm"]
    words += ["launcher.cpus_per_task=1", "launcher.mem_gb=2", "launcher.gpus_per_node=1", "launcher.timeout_min=7"]
    words += ["launcher.array_parallelism=2", "launcher.comment=four runs", "launcher.setup=['export MARK=set']"]
    answer = ganx(*words)
    assert answer.code == 0, answer
    assert answer.out.startswith("4 runs: 0 done, 4 to run\n")
    assert "[4/4] " in answer.out
    (sweep,) = sweeps()
    ids = [job["id"] for job in sweep["jobs"]]
    array = ids[0].partition("_")[0]
    assert ids == [f"{array}_{i}" for i in range(4)]
    assert array in answer.out
    shown = job(ids[0])
    assert shown["JobName"] == f"ganx-{sweep['name']}"
    assert shown["ArrayTaskThrottle"] == "2"
    assert shown["Partition"] == "main"
    assert shown["TimeLimit"] == "00:07:00"
    assert shown["Requeue"] == "1"
    assert "gpu" in shown["TresPerNode"]
    assert "Comment=four runs" in ask(f"scontrol show job {ids[0]}")
    assert "export MARK=set" in ask(f"scontrol write batch_script {ids[0]} -")
    assert [final_state(number) for number in ids] == ["COMPLETED"] * 4
    runs = folders(sweep)
    assert sorted(Path("outputs").glob("runs/*/[!.]*")) == sorted(runs)
    assert [result(run)["status"] for run in runs] == ["done"] * 4

    next_job = "scontrol show config | grep NEXT_JOB_ID"
    before = ask(next_job)
    again = ganx(*words)
    assert again.code == 0, again
    assert again.out.startswith("4 runs: 4 done, 0 to run\n")
    assert len(sweeps()) == 1
    assert ask(next_job) == before


def test_a_plan_submits_nothing() -> None:
    answer = ganx(*TOY, *SLURM, "seed=0,1", "plan=true")
    assert answer.code == 0, answer
    assert answer.out.startswith("2 runs: 0 done, 2 to run\n")
    assert not list(Path().glob("outputs/sweeps/*/sweep.json"))
    assert ask("squeue --noheader") == ""


def test_eight_runs_in_one_job() -> None:
    answer = ganx(
        "train", "-m", "model=zeros", "dataset=wine", "protocol.folds=2", "seed=range(8)", *SLURM, "launcher.pack=8"
    )
    assert answer.code == 0, answer
    assert answer.out.startswith("8 runs: 0 done, 8 to run\n")
    (sweep,) = sweeps()
    (one,) = sweep["jobs"]
    assert one["runs"] == list(range(8))
    assert [result(run)["status"] for run in folders(sweep)] == ["done"] * 8


def test_the_configuration_is_that_of_the_submission(tmp_path: Path) -> None:
    subprocess.run(["cp", "-r", MINE, tmp_path / "mine"], check=True)
    yaml = tmp_path / "mine" / "model" / "toy.yaml"
    answer = ganx("train", "--config-dir", "mine", *TOY[3:], *SLURM, HELD, "detach=true")
    assert answer.code == 0, answer
    yaml.write_text(yaml.read_text().replace("steps: 20", "steps: 40"))
    number = the_job()
    assert is_pending(number)
    subprocess.run(["scontrol", "release", number], check=True)
    assert final_state(number) == "COMPLETED"
    assert result(the_run())["config"]["model"]["steps"] == 20


def test_detached_sweeps_are_shown_and_cancelled_one_by_one() -> None:
    for seed in ("0,1", "2,3"):  # jobs that are held: whoever waits for them waits for ever
        answer = ganx(*TOY, *SLURM, HELD, "detach=true", f"seed={seed}")
        assert answer.code == 0, answer
        assert sweeps()[-1]["jobs"][0]["id"].partition("_")[0] in answer.out
    first, second = sweeps()
    lines = ganx("status").out.splitlines()
    assert [name in line for name, line in zip((first["name"], second["name"]), lines, strict=False)] == [True, True]
    assert states(first) == ["queued", "queued"]
    assert first["jobs"][0]["id"] in ganx("status", first["name"]).out

    answer = ganx("cancel", first["name"])
    assert answer.code == 0, answer
    left = set(ask("squeue --noheader --array --format=%i").split())
    assert left == {job["id"] for job in second["jobs"]}
    assert states(first) == ["interrupted", "interrupted"]
    assert states(second) == ["queued", "queued"]


def test_ctrl_c_leaves_the_jobs_alone() -> None:
    waiting = start(*TOY, *SLURM, HELD)
    number = the_job(waiting)
    time.sleep(1)
    waiting.send_signal(signal.SIGINT)
    answer = end(waiting)
    assert answer.code == 130, answer
    assert is_pending(number)
    again = ganx(*TOY, *SLURM, "detach=true")
    assert again.code == 0, again
    assert sweeps()[0]["name"] in again.out
    assert len(sweeps()) == 1
