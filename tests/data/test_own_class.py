"""A data set as docs/data.md shows it, in a folder outside ganx: it trains, is evaluated, swept and put into tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ganx import cli

DOCS = Path(__file__).parents[2] / "docs" / "data.md"
TABLE = """name: own
title: Mine
source: none
metric: rmse_row
better: lower
rows: [{name: Mean, overrides: [model=mean]}]
columns: [{name: Mine, overrides: [dataset=mine]}]
scales: {quick: {seeds: 1, overrides: [protocol.folds=2]}, paper: {seeds: 1, overrides: []}}
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folder of docs/data.md, in an empty one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANX_OUTPUTS", raising=False)
    for file, content in re.findall(
        r"```(?:python|yaml)\n# (mine/\S+)\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL
    ):
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_text(content, encoding="utf-8")
    return ["--config-dir", "mine"]


def test_train_eval_and_sweep(mine: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    words = [*mine, "model=mean", "dataset=mine", "protocol.folds=2"]
    assert cli.main(["train", *words]) == 0
    (run,) = Path("outputs/runs/mine").glob("mean-*")
    assert cli.main(["eval", *mine, f"run={run}"]) == 0
    assert cli.main(["eval", f"run={run}"]) == 2
    assert "--config-dir" in capsys.readouterr().err
    assert cli.main(["train", "-m", *words, "dataset.n=100,200"]) == 0
    assert len(list(Path("outputs/runs/mine").glob("mean-*"))) == 2
    assert cli.main(["train", *words, "dataset.n=many"]) == 2
    assert "dataset.n=many: expected an integer" in capsys.readouterr().err


def test_it_fills_a_table_until_its_data_change(mine: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine/table").mkdir()
    Path("mine/table/own.yaml").write_text(TABLE)
    assert cli.main(["tables", *mine, "table=own", "run=true"]) == 0
    assert len(list(Path("outputs/runs/mine").glob("mean-*"))) == 1
    capsys.readouterr()
    assert cli.main(["tables", *mine, "table=own"]) == 0
    assert "1 of 1" in capsys.readouterr().out
