from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganx.run.signature import experiment_config, signature

CONFIG = {
    "model": {"_target_": "ganx.methods.toy.Toy", "name": "toy", "version": 1, "steps": 10, "max_replicas": 25},
    "dataset": {"name": "tiny", "path": None, "target": None, "drop": []},
    "protocol": {"name": "clean", "missing_rate": 0.2},
    "loss": {"name": "none"},
    "optimizer": {"name": "none"},
    "hardware": {"name": "cpu", "threads": 1},
    "seed": 0,
    "seeds": 1,
    "force": False,
    "retry": False,
    "outputs": "outputs",
}


def changed(key, value):
    config = copy.deepcopy(CONFIG)
    *parents, last = key.split(".")
    node = config
    for parent in parents:
        node = node[parent]
    node[last] = value
    return config


def test_is_stable():
    # This very value names folders on users' disks: a change of it makes every run start again.
    assert signature(CONFIG, "abc") == "16ab91bf28"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hardware.threads", 8),
        ("force", True),
        ("retry", True),
        ("outputs", "/elsewhere"),
        ("dataset.path", "/data/tiny.csv"),
        ("hardware.precision", "float32"),
    ],
)
def test_execution_does_not_count(key, value):
    assert signature(changed(key, value), "abc") == signature(CONFIG, "abc")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model.max_replicas", 1),
        ("hardware.precision", "bfloat16"),
        ("model.version", 2),
        ("model.steps", 11),
        ("seed", 1),
        ("seeds", 2),
        ("protocol.missing_rate", 0.3),
    ],
)
def test_the_experiment_counts(key, value):
    assert signature(changed(key, value), "abc") != signature(CONFIG, "abc")


def test_the_data_count():
    assert signature(CONFIG, "abc") != signature(CONFIG, "abd")


@given(st.permutations(list(CONFIG)))
def test_order_does_not_count(keys):
    assert signature({key: CONFIG[key] for key in keys}, "abc") == signature(CONFIG, "abc")


def test_stacks_and_precision_are_kept_where_they_are_not_the_usual():
    assert "max_replicas" not in experiment_config(CONFIG)["model"]
    assert experiment_config(changed("model.max_replicas", 1))["model"]["max_replicas"] == 1
    kept = experiment_config(changed("hardware.precision", "bfloat16"))
    assert kept["precision"] == "bfloat16"
    assert experiment_config(kept) == kept  # as result.json has it
    assert "precision" not in experiment_config(changed("hardware.precision", "float32"))


def test_the_config_is_left_alone():
    before = copy.deepcopy(CONFIG)
    kept = experiment_config(CONFIG)
    assert before == CONFIG
    assert set(kept) == {"model", "dataset", "protocol", "loss", "optimizer", "seed", "seeds"}
    assert "path" not in kept["dataset"]
