"""Layers of plain torch.nn and a loss of one's own, from a folder of one's own."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from ganx import cli
from ganx.engine.batch import ExampleBatch

PLAIN = Path(__file__).parent / "plain"
WITH_PLAIN = ["train", "--config-dir", str(PLAIN)]
RUN = [*WITH_PLAIN, "model=plaingan", "dataset=ring8", "dataset.rows=200"]
SHORT = ["dataset=ring8", "dataset.rows=200", "model.steps=4", "model.validate_every=2", "model.batch_size=8"]


pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


def the_run(outputs: str = "outputs") -> Path:
    (path,) = Path(outputs).glob("runs/*/*")
    return path


def written(outputs: str) -> tuple[bytes, ...]:
    result: dict[str, Any] = json.loads((the_run(outputs) / "result.json").read_text())
    files = [(the_run(outputs) / file).read_bytes() for file in ("checkpoints/last.ckpt", "metrics.csv")]
    return (*files, json.dumps(result["metrics"]).encode())


def test_a_run_of_plain_layers_has_the_same_bytes_again_and_when_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*RUN, "outputs=once"]) == 0
    assert cli.main([*RUN, "outputs=again"]) == 0
    method = sys.modules["plaingan"].PlainGAN
    honest = method.outer_step

    def stopped_in_step_25(self: Any, batch: ExampleBatch) -> None:
        honest(self, batch)
        if self.step == 25:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(method, "outer_step", stopped_in_step_25)
        assert cli.main([*RUN, "outputs=stopped"]) == 143
    capsys.readouterr()
    assert cli.main([*RUN, "outputs=stopped"]) == 0
    assert "going on from step 30 of 60" in capsys.readouterr().out
    assert written("once") == written("again") == written("stopped")


def test_replicas_of_plain_layers_train_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*RUN, "seeds=3", "model.steps=20", "hardware.workers=1"]) == 0
    assert cli.main(["eval", "--config-dir", str(PLAIN), f"run={the_run()}"]) == 0
    assert "the same figures as in result.json" in capsys.readouterr().out
    result = json.loads((the_run() / "result.json").read_text())
    assert len(set(result["metrics"]["high_quality"]["values"]) | set(result["metrics"]["reverse_kl"]["values"])) > 1


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert cli.main([*words]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert not Path("outputs").exists()
    return line


def test_plain_layers_are_not_stacked(capsys: pytest.CaptureFixture[str]) -> None:
    assert "set model.max_replicas=1" in refusal(capsys, *RUN, "seeds=3", "model.max_replicas=25")


def test_a_loss_of_ones_own_serves_ganxs_methods() -> None:
    gan = [*WITH_PLAIN, "model=gan", "loss=relativistic", *SHORT, "seeds=2"]
    assert cli.main(gan) == 0
    assert cli.main([*gan, "loss.margin=1", "outputs=wide"]) == 0
    assert (the_run() / "metrics.csv").read_text() != (the_run("wide") / "metrics.csv").read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["model=plaingan", "loss.margin=-1"], "loss.margin=-1: expected a number >= 0"),
        (["model=plaingan", "+loss.margn=1"], "unknown key 'loss.margn'; did you mean 'margin'?"),
        (["model=plaingan", "loss.penalty=r3"], "loss.penalty=r3"),
        (["model=plaingan", "loss=wgan"], "loss=wgan: plaingan cannot be trained with it"),
        (["model=hexagan", "loss=relativistic"], "loss=relativistic: hexagan cannot be trained with it"),
        (["model=gan", "loss=nameless"], "loss=nameless: gan cannot be trained with it"),
        (["model=gan", "loss=half"], "it defines no"),
    ],
)
def test_what_is_no_loss_is_told_and_nothing_is_written(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = [] if "model=hexagan" in words else SHORT
    assert told in refusal(capsys, *WITH_PLAIN, *words, *data)


def test_without_config_dir_its_code_is_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*RUN, "model.steps=4", "model.validate_every=2"]) == 0
    assert cli.main(["eval", f"run={the_run()}"]) == 2
    assert "--config-dir" in capsys.readouterr().err
