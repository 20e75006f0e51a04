"""Where a run stands, by files and squeue alone."""

from __future__ import annotations

import json
import os
import stat

import pytest

from ganx import cli
from ganx.errors import UserError
from ganx.launch import job, wait
from ganx.launch.folder import Ended, SweepFolder, all_sweeps, find_sweep, run_folder
from ganx.launch.queue import NoAnswer, queue, reason
from ganx.launch.state import best_validation, claims, is_over, last_validation, progress, statuses
from ganx.run.folder import RunFolder
from ganx.run.lock import RunLock

NOTHING: dict[str, str] = {}
BOTH = {"17_0": "RUNNING", "17_1": "PENDING"}


def states(folder: SweepFolder, queue: dict[str, str] | None) -> list[str]:
    return [status.state for status in statuses(folder, folder.read(), queue)]


def place(folder: SweepFolder, number: int) -> RunFolder:
    return run_folder(folder.read().runs[number])


def begin(folder: SweepFolder, number: int) -> RunLock:
    """Return the lock of a run that is being trained."""
    run = place(folder, number)
    run.create({"seed": number}, {})
    return RunLock(run.heartbeat)


def finish(folder: SweepFolder, number: int, status: str = "done") -> None:
    run = place(folder, number)
    run.path.mkdir(parents=True, exist_ok=True)
    run.write_result(
        {"status": status, "metrics": {"rmse": {"mean": 0.25, "sd": None, "values": [0.25]}}, "error": "loss d is nan"}
    )


def test_what_a_sweep_is(sweep, tmp_path):
    record = sweep.read()
    assert record.name.startswith("gain_on_wine-")
    assert record.command == "ganx train 'a b'"
    assert [job.id for job in record.jobs] == ["17_0", "17_1"]
    for name in (record.name, record.name[:6], f"{sweep.path}/"):
        assert find_sweep(name, tmp_path).path == sweep.path
    other = SweepFolder.create(tmp_path, "gain on wine!", [], "slurm")
    assert other.path != sweep.path  # within the same second, too
    assert {folder.path for folder in all_sweeps(tmp_path)} == {sweep.path, other.path}
    with pytest.raises(UserError, match="fits 2 sweeps"):
        find_sweep("gain", tmp_path)


def test_why_a_job_waits(sweep):
    told = [
        status.told for status in statuses(sweep, sweep.read(), {"17_0": "RUNNING None", "17_1": "PENDING Priority"})
    ]
    assert told == ["", "Priority"]


def test_from_queued_to_done(sweep):
    assert states(sweep, BOTH) == ["queued", "queued"]  # the first has its job, and has not begun
    with begin(sweep, 0) as lock:
        lock.beat(3, 10)
        lock._write()
        (place(sweep, 0).metrics).write_text("step,seed,fold,validation_f1\n2,0,0,0.5\n3,0,0,0.75\n3,0,1,0.25\n4,0")
        assert states(sweep, BOTH) == ["running", "queued"]
        assert statuses(sweep, sweep.read(), BOTH)[0].told == "step 3 of 10 f1 0.5000"
        finish(sweep, 0)
    sweep.end(0, Ended(0, 1.0))
    assert states(sweep, BOTH) == ["done", "queued"]
    assert statuses(sweep, sweep.read(), BOTH)[0].told == "rmse 0.2500"
    assert not is_over(sweep, sweep.read(), {"17_1": "PENDING"})
    assert is_over(sweep, sweep.read(), NOTHING)


def test_a_requeued_run_waits_and_a_cancelled_one_does_not(sweep):
    with begin(sweep, 0):
        pass
    sweep.end(0, Ended(140, 1.0))
    assert states(sweep, {"17_0": "PENDING"}) == ["queued", "interrupted"]
    assert states(sweep, {"17_0": "COMPLETING"}) == ["queued", "interrupted"]
    assert states(sweep, NOTHING) == ["interrupted", "interrupted"]


def test_a_job_that_is_gone_leaves_a_stale_run(sweep):
    with begin(sweep, 0) as lock:
        content = lock.path.read_text()
    lock.path.write_text(content)  # as kill -9 leaves it: not stopped in an orderly way
    assert states(sweep, NOTHING) == ["stale", "interrupted"]
    assert statuses(sweep, sweep.read(), NOTHING)[1].told == "never begun"


def test_what_went_wrong(sweep):
    sweep.end(0, Ended(1, 1.0, "ValueError: no"))
    finish(sweep, 1, "failed")
    sweep.end(1, Ended(1, 1.0, "loss d is nan"))
    sweep.log(1).write_text("all of it")
    first, second = statuses(sweep, sweep.read(), NOTHING)
    assert (first.state, first.told, first.log) == ("failed", "ValueError: no", None)
    assert (second.state, second.told, second.log) == ("failed", "loss d is nan", sweep.log(1))
    sweep.begin(0)
    assert states(sweep, BOTH) == ["queued", "failed"]


def test_what_went_wrong_may_be_mended_elsewhere(sweep):
    sweep.end(0, Ended(1, 1.0, "ValueError: no"))
    assert states(sweep, NOTHING) == ["failed", "interrupted"]
    os.utime(sweep.end_of(0), (1, 1))
    finish(sweep, 0)
    assert states(sweep, NOTHING) == ["done", "interrupted"]


def test_with_force_an_old_result_does_not_count_before_the_end(sweep):
    finish(sweep, 0)
    assert states(sweep, BOTH) == ["queued", "queued"]
    sweep.end(0, Ended(0, 1.0))
    assert states(sweep, BOTH) == ["done", "queued"]


def test_without_squeue_the_files_tell(sweep):
    with RunLock(sweep.sign_of_life(0)):
        assert states(sweep, None) == ["queued", "queued"]  # the second may be about to start
        os.utime(sweep.record, (0, 0))
        assert states(sweep, None) == ["queued", "interrupted"]


def test_claims(sweep, tmp_path):
    runs = [run_folder(run).path.resolve() for run in sweep.read().runs]
    assert claims(tmp_path, BOTH) == dict.fromkeys(runs, sweep.path.name)
    sweep.end(1, Ended(0, 1.0))
    assert claims(tmp_path, BOTH) == {runs[0]: sweep.path.name}
    assert claims(tmp_path, {"99": "RUNNING"}) == {}
    sweep.record.write_text("{}")
    assert claims(tmp_path, BOTH) == {}


def test_validation_figures(tmp_path):
    run = RunFolder(tmp_path)
    assert best_validation(run) is None
    assert (last_validation(run), progress(run)) == ({}, "")
    run.metrics.write_text(
        "step,seed,fold,loss_d,validation_rmse_row,validation_f1\n"
        "1,0,0,1,0.3,0.5\n1,0,1,1,0.5,nan\n2,0,0,1,0.4,0.9\n2,0,1,1,0.1,0.7\n"
    )
    best = best_validation(run)
    assert best is not None
    assert (best.metric, best.value, best.loss) == ("rmse_row", pytest.approx(0.2), pytest.approx(0.2))
    best = best_validation(run, "f1")
    assert best is not None
    assert (best.value, best.loss) == (pytest.approx(0.8), pytest.approx(-0.8))
    assert last_validation(run) == {"rmse_row": pytest.approx(0.25), "f1": pytest.approx(0.8)}


def test_squeue_is_read_and_missed(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert queue() is None
    script = tmp_path / "squeue"
    script.write_text("#!/bin/sh\necho '17_0 RUNNING None'\necho '18 PENDING Resources'\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    known = queue()
    assert known == {"17_0": "RUNNING None", "18": "PENDING Resources"}
    assert [reason(known, number) for number in ("17_0", "18", "19")] == ["", "Resources", ""]
    script.write_text("#!/bin/sh\nexit 1\n")
    silent = queue()
    assert isinstance(silent, NoAnswer)
    assert silent.get("17_0") == "RUNNING"


def test_a_sweep_may_be_moved_and_looked_at_from_anywhere(sweep, tmp_path, monkeypatch):
    place(sweep, 0).create({"seed": 0}, {})
    moved = tmp_path.with_name(f"{tmp_path.name}-moved")
    tmp_path.rename(moved)
    monkeypatch.chdir("/")
    (folder,) = all_sweeps(moved)
    assert run_folder(folder.read().runs[0]).path == moved / "runs" / "wine" / "gain-0"
    assert statuses(folder, folder.read(), NOTHING)[0].told == ""
    assert statuses(folder, folder.read(), NOTHING)[1].told == "never begun"


def test_a_damaged_end_is_none(sweep):
    for content in ("", "[]", '{"code": 0}', '{"code": "x", "seconds": 1.0}', '{"code": 0, "seconds": null}'):
        (sweep.path / "ended" / "0.json").write_text(content)
        assert sweep.ended(0) is None


def test_no_name_is_no_sweep(sweep, tmp_path):
    with pytest.raises(UserError, match="there is no sweep ''"):
        find_sweep("", tmp_path)


def test_waiting_outlasts_a_squeue_that_does_not_answer(sweep, monkeypatch):
    os.utime(sweep.record, (0, 0))
    answers = [NoAnswer(), NoAnswer(), NoAnswer(), BOTH, NoAnswer(), NOTHING, NOTHING]
    monkeypatch.setattr(wait, "queue_of", lambda _: answers.pop(0))
    monkeypatch.setattr(wait, "_SECONDS_BETWEEN_QUEUES", -1.0)
    monkeypatch.setattr(wait, "_SECONDS_BETWEEN_LOOKS", 0.0)
    told: list[int] = []
    wait.wait_for_runs(sweep, [0, 1], lambda _, number: told.append(number))
    assert (told, answers) == ([0, 1], [])


def test_a_job_that_died_before_it_began_is_told(sweep):
    (sweep.logs / "17_0_0_log.err").write_text("INFO\nslurmstepd: error: no such module\n\n")
    first, second = statuses(sweep, sweep.read(), NOTHING)
    assert (first.state, first.told) == ("failed", "its job died before it began: slurmstepd: error: no such module")
    assert (second.state, second.told) == ("interrupted", "never begun")
    assert states(sweep, BOTH) == ["queued", "queued"]


def test_a_run_that_another_process_holds_is_not_failed(sweep, monkeypatch):
    run = sweep.read().runs[0]

    def locked(*_: object) -> tuple[int, str]:
        raise job.LockedError("locked")

    monkeypatch.setattr(job, "_train", locked)
    with begin(sweep, 0):
        assert job.do_run(sweep, run, {}) == 1
        assert sweep.ended(0) is None
    assert job.do_run(sweep, run, {}) == 1  # nobody will bring it to an end
    assert states(sweep, NOTHING)[0] == "failed"
    finish(sweep, 0)
    assert states(sweep, NOTHING)[0] == "done"


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_text("[" * 200_000),
        lambda file: file.write_text("[]"),
        lambda file: (file.unlink(), file.mkdir()),
        lambda file: (file.unlink(), os.mkfifo(file)),
        lambda file: file.write_text(json.dumps(json.loads(file.read_text()) | {"host": 5})),
        lambda file: file.write_text(json.dumps(json.loads(file.read_text()) | {"here": "no"})),
        lambda file: file.write_text(file.read_text().replace('"started": ', '"started": 1e400, "unused": ')),
        lambda file: file.write_text(
            json.dumps(json.loads(file.read_text()) | {"jobs": [{"number": 0, "id": 5, "runs": [0]}]})
        ),
    ],
)
def test_a_damaged_sweep_stops_nothing(sweep, damage, capsys):
    damage(sweep.record)
    with pytest.raises(UserError, match=r"sweep\.json is damaged"):
        sweep.read()
    assert cli.main(["status", f"outputs={sweep.path.parents[1]}"]) == 0
    assert "sweep.json is damaged" in "".join(capsys.readouterr())
