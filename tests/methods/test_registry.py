"""What every model must do, whatever it is: a new one is tested by being there."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from ganx import cli
from ganx.compose import compose
from ganx.engine.checkpoint import read_checkpoint
from ganx.groups import options
from ganx.targets import constructor
from tests.engine.conftest import SUITED

MODELS = sorted(options("model"))
SHORT = ["model.steps=30", "model.validate_every=10", "model.batch_size=16"]


def is_trained(model: str) -> bool:
    return constructor(compose("train", [f"model={model}"])["model"]["_target_"]).trained


def command(model: str, *further: str) -> list[str]:
    short = SHORT if is_trained(model) else []
    if model == "pipeline":
        short = [word.replace("model.", "model.classifier.") for word in SHORT]
    if model == "dcgan":
        short = [*short, "model.channels=[4,8]"]
    return ["train", f"model={model}", f"dataset={SUITED.get(model, 'wine')}", "protocol.folds=2", *short, *further]


def result_of(outputs: Path) -> dict[str, Any]:
    (file,) = outputs.glob("runs/*/*/result.json")
    content: dict[str, Any] = json.loads(file.read_text())
    return content


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "outputs"


@pytest.mark.parametrize("model", MODELS)
def test_train_eval_and_train_again(model: str, outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(command(model)) == 0
    result = result_of(outputs)
    assert result["status"] == "done"
    assert result["replica_ids"] == [[0, 0], [0, 1]]
    assert result["metrics"]
    for name, figures in result["metrics"].items():
        assert len(figures["values"]) == 2, name
        assert figures["mean"] == pytest.approx(sum(figures["values"]) / 2)
    assert cli.main(["eval", f"run={result['signature']}"]) == 0
    assert "the same figures as in result.json" in capsys.readouterr().out
    (file,) = outputs.glob("runs/*/*/result.json")
    written = file.stat().st_mtime_ns
    assert cli.main(command(model)) == 0
    assert "finished" in capsys.readouterr().out
    assert file.stat().st_mtime_ns == written


@pytest.mark.parametrize("model", MODELS)
def test_the_signature_names_the_experiment(model: str, outputs: Path) -> None:
    assert cli.main(command(model)) == 0
    first = result_of(outputs)["signature"]
    assert cli.main(command(model, "hardware.workers=1", "force=true")) == 0
    assert result_of(outputs)["signature"] == first
    assert cli.main(command(model, "seed=1")) == 0
    assert len(list(outputs.glob("runs/*/*/result.json"))) == 2


@pytest.mark.parametrize("model", [model for model in MODELS if is_trained(model)])
def test_two_processes_give_what_one_gives(model: str, outputs: Path) -> None:
    """Chunks change rounding at most; the first steps agree."""
    assert cli.main(command(model, "hardware.workers=1", "outputs=one")) == 0
    assert cli.main(command(model, "hardware.workers=2", "outputs=two")) == 0
    states = []
    for name in ("one", "two"):
        (file,) = Path(name).glob("runs/*/*/checkpoints/last.ckpt")
        states.append(read_checkpoint(file))
        assert result_of(Path(name))["status"] == "done"
        assert (file.parents[1] / "metrics.csv").read_text().count("\n") == 1 + 3 * 2
    for key, value in states[0]["parameters"].items():
        torch.testing.assert_close(states[1]["parameters"][key], value, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("model", MODELS)
def test_a_model_has_one_line_and_a_version(model: str) -> None:
    config = compose("train", [f"model={model}"])["model"]
    assert config["name"] == model
    assert config["version"] >= 1
    assert len(options("model")[model]) > 20
