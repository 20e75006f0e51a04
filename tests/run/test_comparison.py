"""A result says what plainer methods reach on the same cells, column by column, and where it is no better."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from ganx import cli
from ganx.compose import compose
from ganx.engine.capabilities import Answers
from ganx.run import comparison
from ganx.run.comparison import compare
from ganx.run.context import Context, lay_out
from ganx.run.estimator import Estimator
from ganx.run.experiment import Experiment
from ganx.run.folder import RunFolder
from ganx.run.report import show_result
from ganx.terminal import Terminal


@pytest.fixture
def mixed(tmp_path: Path) -> list[str]:
    """A table whose column b follows from a, c from a, and noise from nothing; d is a constant."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=120)
    lines = [
        f"{x:.3f},{2 * x + 0.1 * e:.3f},{'low' if x < 0 else 'high'},{noise:.3f},7"
        for x, e, noise in zip(a, rng.normal(size=120), rng.normal(size=120), strict=True)
    ]
    (tmp_path / "mixed.csv").write_text("\n".join(["a,b,c,noise,d", *lines]))
    return ["dataset=csv", f"dataset.path={tmp_path / 'mixed.csv'}", "protocol.missing_rate=0.3"]


def made(*overrides: str) -> tuple[Experiment, Context]:
    experiment = Experiment.of(compose("train", overrides))
    return experiment, Context(Console(quiet=True), lay_out(experiment))


def answered(experiment: Experiment, context: Context, folder: Path) -> list[Answers | None]:
    fitter = Estimator()
    return fitter.answers(experiment, fitter.fit(experiment, RunFolder(folder), context), context)


def test_columns_of_a_mixed_table(mixed: list[str], tmp_path: Path) -> None:
    experiment, context = made("model=knn", *mixed)
    answers = answered(experiment, context, tmp_path)
    blocks, findings = compare(experiment, answers, context)
    columns, reference = blocks["metrics_by_column"], blocks["reference"]
    assert list(columns) == ["a", "b", "c", "noise", "d"]
    assert {name: one["beats_mean"] for name, one in columns.items()} == {
        **{"a": True, "b": True, "c": True, "noise": False},
        "d": True,  # the mean of a constant is right, and so is any neighbour
    }
    assert columns["c"]["error_rate"] < 0.3 < columns["c"]["mean"]
    assert sum(one["cells"] for one in columns.values()) == sum(
        int((~split.seen[split.test]).sum()) for split in experiment.splits
    )
    assert set(reference) >= {"zeros", "mean"}
    assert set(reference["mean"]) == {"rmse", "rmse_row", "error_rate_categorical"}
    assert findings == []


def test_the_mean_beside_it_is_the_one_that_a_run_of_it_reaches(mixed: list[str], tmp_path: Path) -> None:
    experiment, context = made("model=knn", *mixed)
    reference = compare(experiment, answered(experiment, context, tmp_path / "knn"), context)[0]["reference"]
    mean, _ = made("model=mean", *mixed)
    answers = answered(mean, context, tmp_path / "mean")
    scores = [mean.score(replica, answer or {}) for replica, answer in enumerate(answers)]
    for name, value in reference["mean"].items():
        assert value == pytest.approx(np.mean([score[name] for score in scores]), abs=1e-12)
    beside = compare(mean, answers, context)[0]
    assert "mean" not in beside["reference"]
    assert all({"mean", "beats_mean"}.isdisjoint(one) for one in beside["metrics_by_column"].values())


def test_a_collapse_is_said(tmp_path: Path) -> None:
    experiment, context = made("model=knn", "dataset=wine")
    answers = answered(*made("model=zeros", "dataset=wine"), tmp_path)
    _, (mean, zeros) = compare(experiment, answers, context)
    assert re.fullmatch(r"no better than the column mean: rmse 0\.4\d+ against 0\.2\d+, rmse_row 0\.3.*", mean)
    assert "model=zeros" in zeros
    assert compare(made("model=zeros", "dataset=wine")[0], answers, context)[1] == [mean]


def test_what_is_costly_is_capped_or_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment, context = made("model=zeros", "dataset=wine", "protocol.folds=2")
    answers = answered(experiment, context, tmp_path)
    monkeypatch.setattr(comparison, "MOST_CELLS", 80 * 13)
    capped = compare(experiment, answers, context)[0]
    assert capped["reference"]["copula"]["note"] == "fitted on 80 of 89 rows"
    assert capped["reference"]["copula"]["rmse"] > 0
    monkeypatch.setattr(comparison, "LARGEST", 1000)
    large = compare(experiment, answers, context)[0]
    assert large["reference"]["copula"] == {"note": "left out of so large a table"}
    assert "copula" not in large["metrics_by_column"]["hue"]


def test_failed_replicas_and_tables_without_a_hidden_cell(tmp_path: Path) -> None:
    experiment, context = made("model=knn", "dataset=wine", "protocol.folds=2")
    answers = answered(experiment, context, tmp_path / "a")
    some, _ = compare(experiment, [None, answers[1]], context)
    every, _ = compare(experiment, answers, context)
    assert 0 < some["metrics_by_column"]["hue"]["cells"] < every["metrics_by_column"]["hue"]["cells"]
    assert compare(experiment, [None, None], context) == ({}, [])
    whole, _ = made("model=knn", "dataset=wine", "protocol.folds=2", "protocol.missing_rate=0")
    assert compare(whole, answered(whole, context, tmp_path / "b"), context) == ({}, [])


def test_result_and_screen(
    mixed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a pipeline, too: its imputer is what is compared."""
    monkeypatch.chdir(tmp_path)
    short = ["model.classifier.steps=4", "model.classifier.validate_every=2", "protocol.folds=2"]
    command = ["train", "model=pipeline", "model@model.imputer=mean", "dataset=wine", *short]
    assert cli.main([*command, "outputs=pipeline"]) == 0
    (file,) = Path("pipeline").glob("runs/*/*/result.json")
    assert "mean" not in json.loads(file.read_text())["reference"]
    capsys.readouterr()
    assert cli.main(["train", "model=knn", *mixed, "outputs=knn"]) == 0
    told = capsys.readouterr().out
    (file,) = Path("knn").glob("runs/*/*/result.json")
    assert json.loads(file.read_text())["metrics_by_column"]["noise"]["beats_mean"] is False
    lines = [line for line in told.splitlines() if line.startswith("│")]
    assert "column mean" in told
    worst = [line.split()[1] for line in lines if line.split()[1] in "abcd" or "noise" in line]
    assert worst[0] == "noise"
    assert [("better" in line) for line in lines if line.split()[1] in ("a", "b", "c", "d", "noise")] == [
        True,
        *[False] * 4,
    ]
    assert cli.main(["eval", f"run={file.parent}"]) == 0
    assert "worst first" in capsys.readouterr().out


def shown(columns: dict[str, Any]) -> str:
    console = Terminal(file=io.StringIO(), width=120)
    result = {
        **{"model": "m", "dataset": "d", "protocol": "p", "status": "done", "seconds": 1, "peak_memory_mb": 1},
        **{"metrics": {}, "command": "", "metrics_by_column": columns},
    }
    show_result(console, result, "folder")
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_of_many_columns_the_worst_are_shown() -> None:
    columns = {
        f"c{j}[x]": {"rmse": 0.1 * j, "mean": 1.0, "cells": 50, "beats_mean": j < 5 or j > 12} for j in range(1, 16)
    }
    told = shown(columns)
    names = [line.split()[1] for line in told.splitlines() if line.startswith("│")]
    assert names == [f"c{j}[x]" for j in range(15, 3, -1)]
    assert "and 3 more columns: metrics_by_column" in told
    assert "not clearly better" in told
    assert "columns" not in shown({})


@pytest.mark.parametrize(("failing", "words"), [(1, "1 of these is"), (2, "2 of these are")])
def test_columns_that_are_not_shown_are_counted(failing: int, words: str) -> None:
    columns = {f"c{j}": {"rmse": 0.1, "mean": 1.0, "cells": 50, "beats_mean": j >= 12 + failing} for j in range(15)}
    columns["few"] = {"rmse": 0.01, "mean": 1.0, "cells": 9, "beats_mean": False}
    assert f"and 4 more columns, {words} not clearly better than the mean: metrics_by_column" in shown(columns)


@pytest.mark.parametrize("beats", [True, False])
def test_few_cells_are_not_judged(beats: bool) -> None:
    columns = {f"c{n}": {"rmse": 2.0, "mean": 1.0, "cells": n, "beats_mean": beats} for n in (9, 10)}
    lines = {line.split()[1]: line.split("│")[-2].strip() for line in shown(columns).splitlines() if line[:1] == "│"}
    assert lines == {"c9": "few cells", "c10": "" if beats else "no better"}
