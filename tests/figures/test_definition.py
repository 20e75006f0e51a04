"""conf/figure: every shipped figure is right, and a wrong one is told in one line."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest

from ganx.compose import compose, compose_each
from ganx.errors import UserError
from ganx.figures.definition import Definition, Wanted
from ganx.groups import options

MINE = Path(__file__).parent / "mine"
SMALL = compose("figures", ["--config-dir", str(MINE), "figure=small_hidden_space"])["figure"]


def test_a_figure_is_read():
    figure = Definition.of(SMALL)
    assert (figure.name, figure.draw) == ("small_hidden_space", "hidden_space")
    overrides = ("model=hexagan", "dataset=wine", "protocol.folds=0", "model.steps=10")
    assert figure.runs[0] == Wanted("step 10", overrides)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda p: p.pop("title"), "missing key 'figure.title'"),
        (lambda p: p.update(titel="x"), "unknown key 'figure.titel'; did you mean 'title'?"),
        (lambda p: p.update(draw="digit"), "figure.draw=digit: expected one of digits, samples, hidden_space, curves"),
        (lambda p: p.update(runs=[]), "figure.runs: at least one is needed"),
        (lambda p: p.update(runs="x"), "figure.runs=x: expected a list in brackets"),
        (lambda p: p["runs"].append("x"), "figure.runs[2]=x: expected"),
        (lambda p: p["runs"].append(p["runs"][0]), "figure.runs: two are named 'step 10'"),
        (lambda p: p["runs"][0].pop("overrides"), "missing key 'figure.runs[0].overrides'"),
        (lambda p: p["runs"][0].update(quick=[]), "unknown key 'figure.runs[0].quick'"),
        (lambda p: p["runs"][0].update(overrides="x"), "figure.runs[0].overrides=x: expected a list in brackets"),
    ],
)
def test_a_wrong_figure_is_told_in_one_line(change, told):
    config = copy.deepcopy(SMALL)
    change(config)
    with pytest.raises(UserError, match=f"^{re.escape(told)}"):
        Definition.of(config)


@pytest.mark.parametrize("name", options("figure"))
def test_a_shipped_figure_composes(name):
    """Every run is one that `ganx train` takes."""
    figure = Definition.of(compose("figures", [f"figure={name}"])["figure"])
    assert figure.name == name
    composed = list(compose_each("train", [run.overrides for run in figure.runs], []))
    assert [str(config) for config in composed if isinstance(config, UserError)] == []


def test_epochs_of_the_hidden_space():
    """A panel is called by the epoch that its steps amount to, of the one training that all panels show."""
    figure = Definition.of(compose("figures", ["figure=hexagan_hidden_space"])["figure"])
    configs = list(compose_each("train", [run.overrides for run in figure.runs], []))
    for run, config in zip(figure.runs, configs, strict=True):
        assert isinstance(config, dict)
        assert config["protocol"]["folds"] == 0
        seen = config["model"].pop("steps") * config["model"]["batch_size"]
        assert run.name == f"epoch {seen / config['dataset']['rows']:g}"
    assert configs[0] == configs[1] == configs[2]
