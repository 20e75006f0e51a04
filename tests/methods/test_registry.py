"""What every model must do, whatever it is: a new one is tested by being there."""

import json
from pathlib import Path
from typing import Any

import pytest

from ganx import cli
from ganx.compose import compose
from ganx.groups import options
from ganx.run.experiment import Experiment
from ganx.targets import MethodSpec, spec
from tests.engine.conftest import smoke

MODELS = sorted(options("model"))
SHORT = ["steps=30", "validate_every=10", "batch_size=16"]


def spec_of(model: str) -> MethodSpec:
    return spec(compose("train", [f"model={model}"])["model"])


def command(model: str, *further: str) -> list[str]:
    """A run of a few steps, of a chain's last stage if it is one."""
    method = spec_of(model)
    trained = {"gradient": "model.", "chain": f"model.{method.stages[-1:] and method.stages[-1]}."}
    prefix = trained.get(method.fitter)
    short = [prefix + word for word in SHORT] if prefix else []
    data = [] if any(word.startswith("dataset=") for word in smoke(model)) else ["dataset=wine"]
    return ["train", f"model={model}", *data, "protocol.folds=2", *short, *smoke(model), *further]


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
def test_the_signature_names_the_experiment(model: str) -> None:
    def signature(*further: str) -> str:
        return Experiment.of(compose("train", command(model, *further)[1:])).signature

    first = signature()
    assert signature("hardware.workers=1", "hardware.threads=2") == first
    assert signature("seed=1") != first


def one_for_each_view() -> list[str]:
    """The first trained model that reads each view."""
    trained = [model for model in MODELS if spec_of(model).fitter == "gradient"]
    return list({spec_of(model).reads: model for model in reversed(trained)}.values())


@pytest.mark.parametrize(("model", "seeds"), [(model, 1 if n else 2) for n, model in enumerate(one_for_each_view())])
def test_two_processes_give_what_one_gives(model: str, seeds: int, outputs: Path) -> None:
    """The stacks are the same, whoever trains them: so are all bytes. With two seeds some wait for a process."""
    states = []
    for workers in (1, 2):
        name = f"outputs-{workers}"
        words = command(model, "model.max_replicas=1", f"seeds={seeds}", f"outputs={name}")
        assert cli.main([*words, f"hardware.workers={workers}"]) == 0
        (file,) = Path(name).glob("runs/*/*/checkpoints/last.ckpt")
        states.append(
            (file.read_bytes(), result_of(Path(name))["metrics"], (file.parents[1] / "metrics.csv").read_text())
        )
    assert states[0] == states[1]


@pytest.mark.parametrize("model", MODELS)
def test_a_model_has_one_line_and_a_version(model: str) -> None:
    config = compose("train", [f"model={model}"])["model"]
    assert config["name"] == model
    assert config["version"] >= 1
    assert len(options("model")[model]) > 20
