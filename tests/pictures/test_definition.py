"""conf/picture: every shipped picture is right, and a wrong one is told in one line."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest

from ganx.compose import compose, compose_each
from ganx.errors import UserError
from ganx.groups import options
from ganx.pictures.definition import Definition, Wanted

MINE = Path(__file__).parent / "mine"
SMALL = compose("pictures", ["--config-dir", str(MINE), "picture=small_hidden_space"])["picture"]


def test_a_picture_is_read():
    picture = Definition.of(SMALL)
    assert (picture.name, picture.draw) == ("small_hidden_space", "hidden_space")
    overrides = ("model=hexagan", "dataset=wine", "protocol.folds=0", "model.steps=10")
    assert picture.runs[0] == Wanted("step 10", overrides)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda p: p.pop("title"), "missing key 'picture.title'"),
        (lambda p: p.update(titel="x"), "unknown key 'picture.titel'; did you mean 'title'?"),
        (lambda p: p.update(draw="digit"), "picture.draw=digit: expected one of digits, samples, hidden_space, curves"),
        (lambda p: p.update(runs=[]), "picture.runs: at least one is needed"),
        (lambda p: p.update(runs="x"), "picture.runs=x: expected a list in brackets"),
        (lambda p: p["runs"].append("x"), "picture.runs[2]=x: expected"),
        (lambda p: p["runs"].append(p["runs"][0]), "picture.runs: two are named 'step 10'"),
        (lambda p: p["runs"][0].pop("overrides"), "missing key 'picture.runs[0].overrides'"),
        (lambda p: p["runs"][0].update(quick=[]), "unknown key 'picture.runs[0].quick'"),
        (lambda p: p["runs"][0].update(overrides="x"), "picture.runs[0].overrides=x: expected a list in brackets"),
    ],
)
def test_a_wrong_picture_is_told_in_one_line(change, told):
    config = copy.deepcopy(SMALL)
    change(config)
    with pytest.raises(UserError, match=f"^{re.escape(told)}"):
        Definition.of(config)


@pytest.mark.parametrize("name", options("picture"))
def test_a_shipped_picture_composes(name):
    """Every run is one that `ganx train` takes."""
    picture = Definition.of(compose("pictures", [f"picture={name}"])["picture"])
    assert picture.name == name
    composed = list(compose_each("train", [run.overrides for run in picture.runs], []))
    assert [str(config) for config in composed if isinstance(config, UserError)] == []


def test_epochs_of_the_hidden_space():
    """A panel is called by the epoch that its steps amount to, of the one training that all panels show."""
    picture = Definition.of(compose("pictures", ["picture=hexagan_hidden_space"])["picture"])
    configs = list(compose_each("train", [run.overrides for run in picture.runs], []))
    for run, config in zip(picture.runs, configs, strict=True):
        assert isinstance(config, dict)
        assert config["protocol"]["folds"] == 0
        seen = config["model"].pop("steps") * config["model"]["batch_size"]
        assert run.name == f"epoch {seen / config['dataset']['rows']:g}"
    assert configs[0] == configs[1] == configs[2]
