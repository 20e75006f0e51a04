"""Configurations and checkpoints of earlier versions, in today's terms."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from ganx.checks import check_config
from ganx.compose import compose
from ganx.run.signature import signature
from ganx.run.upgrade import is_old, old_signature, upgrade, upgrade_state

RUNS = sorted((Path(__file__).parents[1] / "fixtures" / "runs").glob("*/*/config.yaml"))
DATA_SETS = "breast wine digits credit madelon spam letter mnist fashion_mnist gaussians4 ring8 grid25 swissroll csv"


def old_dataset(name: str) -> dict[str, Any]:
    return {"name": name, "path": None, "target": None, "drop": [], "rows": None}


def composed(*overrides: str) -> dict[str, Any]:
    return compose("train", ["model=mean", *overrides])


@pytest.mark.parametrize("name", DATA_SETS.split())
def test_a_data_set_is_that_of_today(name: str) -> None:
    path = {"path": "x"} if name == "csv" else {}
    today = composed(f"dataset={name}", *(f"dataset.{key}={value}" for key, value in path.items()))
    assert upgrade(today | {"dataset": old_dataset(name) | path}) == today


def test_values_stay() -> None:
    old = old_dataset("csv") | {"path": "my.csv", "target": "y", "drop": ["id"], "rows": 50}
    upgraded = upgrade({"dataset": old})["dataset"]
    assert upgraded == {"_target_": "ganx.data.sets.own.CSV", "missing": [], "group": None} | old
    assert upgrade({"dataset": old_dataset("spam") | {"path": "there"}})["dataset"]["path"] == "there"


@pytest.mark.parametrize("name", ["clean", "paper", "generation"])
def test_protocols(name: str) -> None:
    today = composed(f"protocol={name}")
    new = {"labels_per_class", "stratify", "scored_labels"}
    old = {key: value for key, value in today["protocol"].items() if key not in new}
    assert upgrade(today | {"protocol": old}) == today


def test_a_result_without_paths_and_execution_keys() -> None:
    config = {"dataset": {"name": "wine", "target": None, "drop": [], "rows": None}, "model": {"name": "mice"}}
    assert upgrade(config) == {
        "dataset": {"_target_": "ganx.data.sets.bundled.Wine", "name": "wine", "rows": None},
        "model": {"name": "mice"},
    }


def test_keys_of_a_model_and_of_its_stages() -> None:
    gan, mine = "ganx.methods.gan.GAN", "mine.Method"
    stage = {"_target_": gan, "cooldown": 0.5, "lr_scale": {"cooldown": 2.0}}
    model = {"_target_": mine, "cooldown": 0.1, "classifier": stage}
    assert upgrade({"model": model})["model"] == {
        "_target_": mine,
        "cooldown": 0.1,  # a key of somebody's own class
        "classifier": {"_target_": gan, "linear_decay": 0.5, "lr_scale": {"cooldown": 2.0}},
    }


def test_choices_that_an_earlier_version_did_not_offer() -> None:
    gain, mine = {"_target_": "ganx.methods.gain.GAIN"}, {"_target_": "mine.Method"}
    assert upgrade({"model": mine | {"imputer": gain}})["model"] == mine | {
        "imputer": gain | {"inputs": "range", "output_bias": "zero"}
    }
    chosen = gain | {"inputs": "standard", "output_bias": "mean"}
    assert upgrade({"model": chosen})["model"] == chosen


@pytest.mark.parametrize("file", RUNS, ids=lambda file: file.parent.name)
def test_old_runs(file: Path) -> None:
    """What is upgraded passes today's check, and is not upgraded again; what was stored is left as it is."""
    stored = yaml.safe_load(file.read_text(encoding="utf-8"))
    before = copy.deepcopy(stored)
    upgraded = upgrade(stored)
    assert stored == before
    assert upgrade(upgraded) == upgraded
    checked = check_config("train", {"refit": False} | upgraded)
    assert checked == {"refit": False} | upgraded
    assert is_old(stored)
    assert not is_old(upgraded)
    assert signature(upgraded, "") != old_signature(stored, "")


def test_todays_configurations_are_left_alone() -> None:
    for words in (
        ["dataset=two_moons"],
        ["dataset=npz", "dataset.path=x"],
        ["protocol=paper"],
        ["protocol=estimation"],
    ):
        today = composed(*words)
        assert upgrade(today) == today


def test_names_in_checkpoints() -> None:
    old = {"parameters": {"_average.w": 1, "g.w": 2}, "best": {"fid": {"step": 3, "parameters": {"_average.w": 4}}}}
    new = upgrade_state(old)
    assert new["parameters"] == {"averages.g.w": 1, "g.w": 2}
    assert new["best"] == {"fid": {"step": 3, "parameters": {"averages.g.w": 4}}}
    assert upgrade_state(new) == new
    assert upgrade_state({"model": 1}) == {"model": 1}


def test_decimals_in_checkpoints_are_styles() -> None:
    old = {"kept": [], "table": {"decimals": [0, 2, None], "classes": []}}
    new = upgrade_state(old)
    assert new["table"]["styles"] == ["z.0f", "z.2f", "z.15g"]
    assert [format(1604819630.47188, style) for style in new["table"]["styles"]] == [
        "1604819630",
        "1604819630.47",
        "1604819630.47188",
    ]
    assert upgrade_state(new) == new
