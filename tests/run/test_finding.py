"""Runs are found by names, and `ganx status` reads few of them."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from ganx import cli
from ganx.errors import UserError
from ganx.run.finding import find_run, glance
from ganx.run.folder import RunFolder
from ganx.run.lock import RunLock
from tests.run.test_folder import finish


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANX_OUTPUTS", raising=False)


def make(dataset: str, model: str, number: int, status: str = "done", **more: object) -> RunFolder:
    """Return a run that has ended, `number` seconds younger than a day."""
    folder = RunFolder.of("outputs", dataset, model, f"{number:010x}")
    folder.path.mkdir(parents=True)
    finish(folder, status, **more)
    seen = time.time() - 86400 + number
    os.utime(folder.result, (seen, seen))
    return folder


@pytest.fixture
def lines(capsys):
    def ask(*words: str) -> list[str]:
        assert cli.main(["status", *words]) == 0
        return capsys.readouterr().out.splitlines()

    return ask


def test_find(tmp_path):
    for signature in ("0123456789", "0199999999"):
        folder = RunFolder.of(tmp_path / "outputs", "breast", "hexagan", signature)
        folder.create({}, {})
    for name in (str(folder), "0199999999", "019", "hexagan-0199999999"):
        assert find_run(name, tmp_path / "outputs").path == folder.path
    for name, told in (
        ("01", "fits 2 runs"),
        ("9", "no such folder, and no such signature"),
        ("0199999998", "did you mean '0199999999'"),
        ("", "run is empty"),
        ("\0", "no such folder"),
    ):
        with pytest.raises(UserError, match=told):
            find_run(name, tmp_path / "outputs")


def test_status(lines):
    assert lines() == ["no runs in outputs/runs"]
    folder = RunFolder.of("outputs", "breast", "hexagan", "0123456789")
    folder.create({}, {})
    finish(folder)
    os.utime(folder.result, (time.time() - 7200,) * 2)
    os.utime(folder.config, (time.time() - 7300,) * 2)
    failed = RunFolder.of("outputs", "wine", "toy", "aaaaaaaaaa")
    failed.create({}, {})
    finish(failed, status="failed", error="loss d is NaN\nat step 7")
    running = RunFolder.of("outputs", "wine", "toy", "bbbbbbbbbb")
    with RunLock(running.heartbeat, interval=0.01) as lock:
        running.create({}, {})
        lock.beat(5, 100)
        time.sleep(0.1)
        before = sorted(Path("outputs").rglob("*"))
        told = lines("--outputs", "outputs")
        assert sorted(Path("outputs").rglob("*")) == before
    assert told[0].split(None, 4) == ["wine/toy-aaaaaaaaaa", "failed", "0", "s", "loss d is NaN at step 7"]
    assert told[1] == "breast/hexagan-0123456789  done     2 h  rmse_row 0.0681 ± 0.0012  f1 0.9600"
    assert told[2].split(None, 4) == ["wine/toy-bbbbbbbbbb", "running", "0", "s", "step 5 of 100"]


def test_few_results_are_read_of_many_runs(lines, monkeypatch):
    for number in range(120):
        make("wine", "mean", number, "failed" if number % 40 == 0 else "done", error="loss d is NaN")
    read = []
    whole = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path) or whole(path))
    told = lines()
    assert len(told) == 21
    assert [line.split()[1] for line in told[:-1]] == ["failed"] * 3 + ["done"] * 17
    assert told[-2].startswith(f"wine/mean-{119:010x}")
    assert told[-1].startswith("and 100 earlier runs: 100 done (limit=0 shows all; choose with state=, model=,")
    assert len({path for path in read if path.name == "result.json"}) == 20
    read.clear()
    assert len(lines("state=failed", "limit=1")) == 2
    assert len({path for path in read if path.name == "result.json"}) == 1
    assert len(lines("limit=0")) == 120


def test_what_is_asked_for(lines):
    make("wine", "mean", 1)
    make("breast", "mean", 2)
    make("breast", "knn", 3, "failed", error="no")
    make("breast", "k-nn", 4)

    def names(*words: str) -> list[str]:
        return [line.split()[0].rpartition("-")[0] for line in lines(*words)]

    assert names("model=mean") == ["wine/mean", "breast/mean"]
    assert names("model=knn,k-nn", "dataset=breast") == ["breast/knn", "breast/k-nn"]
    assert names("state=done", "--dataset", "breast") == ["breast/mean", "breast/k-nn"]
    assert lines("model=hexagan") == ["no such runs in outputs/runs"]  # there may be some one day


def test_damaged_runs_stop_nothing(lines):
    for number, content in enumerate(["", "[]", "{}", '{"status": "do', '{"status": "done", "metrics": null}']):
        make("wine", "mean", number).result.write_text(content)
    make("wine", "knn", 7).result.unlink()
    os.mkfifo("outputs/runs/wine/knn-0000000007/result.json")
    (Path("outputs/runs/wine/knn-0000000008/result.json")).mkdir(parents=True)
    make("wine", "\x1b[31m[bold]", 9, "failed", error="[/x] \x1b[2J")
    told = lines()
    assert sum("result.json is damaged: " in line for line in told) >= 5
    (row,) = [line for line in told if "bold" in line]
    assert row.startswith(r"wine/\x1b[31m[bold]-0000000009  failed")
    assert row.endswith(r"[/x] \x1b[2J")
    assert len(lines("state=damaged")) >= 6


def test_as_json(lines):
    make("wine", "mean", 1)
    make("wine", "knn", 2, "failed", error="loss d\nis NaN")
    make("wine", "knn", 3).result.write_text("{")
    done, failed, damaged = json.loads("\n".join(lines("--json")))
    assert done == {
        "folder": "outputs/runs/wine/mean-0000000001", "dataset": "wine", "model": "mean", "signature": "0000000001",
        "state": "done", "age": done["age"],
        "metrics": {"rmse_row": {"mean": 0.0681, "sd": 0.0012}, "f1": {"mean": 0.96, "sd": None}},
    }  # fmt: skip
    assert 86000 < done["age"] < 86500
    assert (failed["state"], failed["error"]) == ("failed", "loss d is NaN")
    assert damaged["state"] == "damaged"
    assert damaged["error"].startswith("result.json is damaged: ")
    assert json.loads("\n".join(lines("--json", "limit=1")))[0]["state"] == "damaged"


@pytest.mark.parametrize(
    ("content", "state"),
    [
        ('{\n  "schema": 3,\n  "signature": "0123456789",\n  "status": "done",\n  "x": [1]\n}\n', "done"),
        ('{"status": "failed"}', "failed"),
        ('{"status": "done"', None),
        ('{"status": "odd"}', None),
        ('{"config": {"status": "done"}}', None),
        ("", None),
    ],
)
def test_a_glance(tmp_path, content, state):
    (tmp_path / "result.json").write_text(content)
    assert glance(tmp_path / "result.json") == state
