from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from ganx.errors import RunError, UserError
from ganx.run.finding import all_runs
from ganx.run.folder import RunFolder
from ganx.run.lock import Heartbeat, RunLock


@pytest.fixture
def folder(tmp_path):
    return RunFolder.of(tmp_path / "outputs", "breast", "hexagan", "0123456789")


def finish(folder, status="done", **more):
    figures = {
        "rmse_row": {"mean": 0.0681, "sd": 0.0012, "values": [0.0669, 0.0693]},
        "f1": {"mean": 0.96, "sd": None, "values": [0.96]},
    }
    folder.write_result({"status": status, "metrics": figures, **more})


def test_life(folder):
    assert folder.state() == "new"
    assert folder.age() == float("inf")
    with RunLock(folder.heartbeat):
        folder.create({"seed": 1, "model": {"name": "é"}}, {"host": "h"})
        assert folder.state() == "running"
    assert folder.state() == "interrupted"
    assert folder.read_config() == {"seed": 1, "model": {"name": "é"}}
    assert json.loads(folder.provenance.read_text()) == {"host": "h"}
    finish(folder)
    assert folder.state() == "done"
    assert folder.age() < 5
    finish(folder, status="failed", error="loss d is NaN")
    assert folder.state() == "failed"


def test_a_process_that_died_without_a_word_is_stale(folder):
    folder.create({}, {})
    folder.heartbeat.write_text(json.dumps(asdict(Heartbeat.own())))
    assert folder.state() == "stale"


def test_config_cannot_name_code(folder):
    folder.create({}, {})
    folder.config.write_text("x: !!python/object/apply:os.system [true]")
    with pytest.raises(UserError, match="damaged"):
        folder.read_config()


def test_damaged_result(folder):
    folder.create({}, {})
    folder.result.write_text('{"status": "do')
    with pytest.raises(UserError, match="damaged"):
        folder.state()


def test_clear_keeps_the_lock(folder):
    folder.create({}, {})
    with RunLock(folder.heartbeat):
        finish(folder)
        folder.clear()
        assert [path.name for path in folder.path.iterdir()] == ["heartbeat"]


def test_swap(folder):
    folder.create({"seed": 1}, {})
    folder.beside.create({"seed": 2}, {})
    assert [run.path for run in all_runs(folder.path.parents[2])] == [str(folder)]
    folder.beside.take_the_place_of(folder)
    assert folder.read_config() == {"seed": 2}
    assert [path.name for path in folder.path.parent.iterdir()] == [folder.path.name]


def test_unwritable_outputs(tmp_path):
    (tmp_path / "outputs").write_text("")
    folder = RunFolder.of(tmp_path / "outputs", "a", "b", "c")
    assert folder.state() == "new"
    with pytest.raises(RunError, match="cannot write"):
        folder.create({}, {})


def test_a_result_that_lacks_what_is_shown(folder):
    folder.create({}, {})
    assert folder.read_whole_result() is None
    finish(folder)
    with pytest.raises(UserError, match=r"it has no command, data, .*, signature; remove it"):
        folder.read_whole_result()
