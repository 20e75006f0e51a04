"""What is left to do of what is asked for."""

from __future__ import annotations

import pytest

from ganx.compose import compose
from ganx.errors import UserError
from ganx.launch.folder import SweepFolder, SweepRun
from ganx.launch.plan import Item, Request, as_started, estimate, identify, make_plan
from ganx.run.folder import RunFolder
from ganx.run.lock import RunLock
from ganx.run.signature import experiment_config


@pytest.fixture
def items(tmp_path):
    def identified(*words: str, values: tuple[str, ...] = ("seed=0", "seed=1")) -> list[Item]:
        lines = [["model=gain", "dataset=wine", f"outputs={tmp_path}", *words, value] for value in values]
        return identify([Request(line[-1], line) for line in lines], [compose("train", line) for line in lines])

    return identified


LAYOUT = {"device": "cpu", "precision": "float32", "threads": 1, "workers": 1, "chunks": [3, 2]}


def finish(item, status="done", seconds=20.0):
    item.folder.path.mkdir(parents=True, exist_ok=True)
    config = experiment_config(item.config)
    error = None if status == "done" else "loss d is NaN"
    item.folder.write_result({"status": status, "seconds": seconds, "config": config, "metrics": {}, "error": error})


def states(items, queue=None):
    return [item.state for item in make_plan(items, queue).items]


def test_what_exists(items):
    first, second = items()
    assert first.folder.path != second.folder.path
    assert states([first, second, first]) == ["to run", "to run", "twice"]
    finish(first)
    finish(second, "failed")
    assert states([first, second]) == ["done", "failed"]
    assert states(items("retry=true")) == ["done", "to run"]
    assert states(items("force=true")) == ["to run", "to run"]
    assert "1 failed before (retry=true runs such again)" in str(make_plan([first, second], None))
    first.folder.result.write_text("{")
    assert states([first]) == ["impossible"]


def test_what_others_do(items, tmp_path):
    first, second = items()
    with RunLock(first.folder.heartbeat):
        assert states([first, second]) == ["elsewhere", "to run"]
    sweep = SweepFolder.create(tmp_path, "other", [], "slurm")
    sweep.add([SweepRun(0, "", [], str(second.folder))], [{}], [[0]])
    sweep.name_jobs({0: "7"})
    assert states([second], {"7": "PENDING"}) == ["elsewhere"]
    assert f"1 done elsewhere (sweep {sweep.path.name})" in str(make_plan([second], {"7": "PENDING"}))
    assert states([second], {}) == ["to run"]


def test_what_cannot_be(items):
    wrong = identify([Request("a", [])], [UserError("no")])
    nowhere = compose("train", ["model=gain", "dataset=csv", "dataset.path=nowhere.csv"])
    missing = identify([Request("b", [])], [nowhere])
    plan = make_plan([*wrong, *missing], None)
    assert [item.state for item in plan.items] == ["impossible", "impossible"]
    assert plan.items[0].told == "no"
    assert "nowhere.csv" in plan.items[1].told


def test_an_unfinished_run_keeps_its_threads_and_workers(items):
    (item,) = items(values=("seed=0",))
    item.folder.create(item.config, LAYOUT | {"threads": 3, "workers": 2})
    config = as_started(item.config, item.folder)
    assert (config["hardware"]["threads"], config["hardware"]["workers"]) == (3, 2)
    assert config["model"] == item.config["model"]
    assert item.config["hardware"]["workers"] == "auto"
    finish(item)
    assert as_started(item.config, item.folder) == item.config


@pytest.mark.parametrize("model", ["hexagan", "pipeline", "mean"])
def test_an_unfinished_run_stays_the_same_experiment(items, model):
    (item,) = items(f"model={model}", values=("seed=0",))
    item.folder.create(item.config, LAYOUT)
    assert experiment_config(as_started(item.config, item.folder)) == experiment_config(item.config)


def test_time_goes_with_steps_and_replicas(items):
    first, second = items("model.steps=100")
    assert estimate([first]) is None
    finish(first, seconds=20.0)
    assert estimate([second]) == (pytest.approx(20.0), 1)
    (twice,) = items("model.steps=200", values=("seeds=3",))
    assert estimate([twice, second]) == (pytest.approx(140.0), 1)
    (other,) = items("model=mean", values=("seed=0",))
    assert estimate([other, second]) is None


def test_a_run_is_where_the_signature_says(items, tmp_path):
    (item,) = items(values=("seed=4",))
    assert item.folder.path.parent == tmp_path / "runs" / "wine"
    assert isinstance(item.folder, RunFolder)
