"""The README's five steps, followed: a method that lives outside ganx does all that ganx's own methods do."""

import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ganx import cli
from ganx.engine.batch import TabularBatch

MINE = Path(__file__).parent / "mine"
README = Path(__file__).parents[2] / "README.md"
WITH_MINE = ["--config-dir", str(MINE)]
SHORT = ["train", *WITH_MINE, "model=toy", "dataset=wine", "protocol.folds=2"]
SHORT += ["model.steps=60", "model.validate_every=20", "model.batch_size=16"]


pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


def the_run(outputs: str = "outputs") -> Path:
    (path,) = Path(outputs).glob("runs/*/toy-*")
    return path


def result_of(outputs: str = "outputs") -> dict[str, Any]:
    content: dict[str, Any] = json.loads((the_run(outputs) / "result.json").read_text())
    return content


@pytest.mark.parametrize("file", ["denoiser/__init__.py", "model/toy.yaml"])
def test_the_readme_shows_the_very_files(file: str) -> None:
    blocks = re.findall(r"```(?:python|yaml)\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert (MINE / file).read_text(encoding="utf-8") in blocks


def test_train_eval_and_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(SHORT) == 0
    result = result_of()
    assert result["status"] == "done"
    assert result["model"] == "toy"
    assert result["metrics"]["rmse_row"]["mean"] < 0.3
    assert "f1" not in result["metrics"]  # a method that cannot classify is not scored for it
    assert (the_run() / "figures" / "imputation.png").exists()
    assert cli.main(["eval", *WITH_MINE, f"run={result['signature']}"]) == 0
    assert "the same figures as in result.json" in capsys.readouterr().out
    assert cli.main(["list", "model", *WITH_MINE]) == 0
    assert re.search("^toy +A denoising autoencoder", capsys.readouterr().out, re.MULTILINE)
    assert cli.main(["status"]) == 0
    assert "done" in capsys.readouterr().out


def test_it_learns() -> None:
    assert cli.main([*SHORT, "model.steps=600", "model.validate_every=100"]) == 0
    assert cli.main(["train", "model=zeros", "dataset=wine", "protocol.folds=2"]) == 0
    (zeros,) = Path("outputs").glob("runs/wine/zeros-*/result.json")
    floor = json.loads(zeros.read_text())["metrics"]["rmse_row"]["mean"]
    assert result_of()["metrics"]["rmse_row"]["mean"] < floor / 2


def test_stopped_and_started_again_it_ends_with_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*SHORT, "outputs=undisturbed"]) == 0
    method = sys.modules["denoiser"].Denoiser
    honest = method.outer_step

    def stopped_in_step_25(self: Any, batch: TabularBatch) -> None:
        honest(self, batch)
        if self.step == 25:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(method, "outer_step", stopped_in_step_25)
        assert cli.main([*SHORT, "outputs=stopped"]) == 143
    assert not (the_run("stopped") / "result.json").exists()
    capsys.readouterr()
    assert cli.main([*SHORT, "outputs=stopped"]) == 0
    assert "going on from step 30 of 60" in capsys.readouterr().out
    for file in ("checkpoints/last.ckpt", "metrics.csv"):
        assert (the_run("stopped") / file).read_bytes() == (the_run("undisturbed") / file).read_bytes()
    assert result_of("stopped")["metrics"] == result_of("undisturbed")["metrics"]


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("model.droped=0.5", "did you mean 'dropped'?"),
        ("model.dropped=1.5", "expected a number in [0, 1]"),
        ("model.activation=rellu", "did you mean 'relu'?"),
        ("model.hidden=[0]", "model.hidden"),
        ("+model.lr_scale.nett=2.0", "did you mean 'net'?"),
        ("loss=wgan", "loss=wgan: toy cannot be trained with it"),
    ],
)
def test_a_wrong_key_or_value_is_told_and_nothing_is_written(
    override: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*SHORT, override]) == 2
    line = capsys.readouterr().err
    assert told in line
    assert line.count("\n") == 1
    assert not Path("outputs").exists()


def test_without_config_dir_its_code_is_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(SHORT) == 0
    assert cli.main(["eval", f"run={the_run()}"]) == 2
    assert "--config-dir" in capsys.readouterr().err


def test_it_fills_a_table() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=80), "b": rng.choice(["x", "y"], 80)}).round(3).astype(str)
    table.loc[::7, "a"] = ""
    table.loc[::5, "b"] = "?"
    table.to_csv("own.csv", index=False)
    own = ["dataset=csv", "dataset.path=own.csv", "protocol.folds=0", "seeds=2"]
    assert cli.main([*(word for word in SHORT if not word.startswith("dataset=")), *own]) == 0
    assert cli.main(["impute", *WITH_MINE, f"run={the_run()}", "input=own.csv", "out=filled.csv"]) == 0
    filled = pd.read_csv("filled.csv", dtype=str)
    assert filled.notna().all(axis=None)
    assert set(filled["b"]) == {"x", "y"}
