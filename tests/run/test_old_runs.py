"""Runs that ganx 0.1.0 has left behind (tests/fixtures/runs) are still evaluated, and still stand in tables."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ganx import cli

RUNS = Path(__file__).parents[1] / "fixtures" / "runs"
NAMES = sorted(f"{folder.parent.name}/{folder.name}" for folder in RUNS.glob("*/*"))

TINY = "model.steps=20, model.batch_size=16, model.validate_every=10"
TINY_CLASSIFIER = TINY.replace("model.", "model.classifier.")

#: Methods whose version has been raised since; tables leave their old runs out.
RAISED = {"wine/hexagan", "wine/mice", "wine/pipeline", "gaussians4/vcagan"}

#: One table for each protocol: its cells are the runs.
TABLES = {
    "cells": f"""
        name: cells
        title: Cells filled
        source: none
        protocols: [clean]
        metric: rmse_row
        better: lower
        rows:
          - {{name: hexagan, overrides: [experiment=hexagan_noise, model.hide=0, model.penalty_probes=exact, {TINY}]}}
          - {{name: mice, overrides: [model=mice]}}
          - name: pipeline
            overrides: [model=pipeline, model@model.classifier=mlp, model.balancer=smote, {TINY_CLASSIFIER},
                        "model.classifier.hidden=[8]"]
        columns: [{{name: wine, overrides: [dataset=wine]}}]
        paper: {{}}
        scales: &all {{quick: &same {{seeds: 1, overrides: [protocol.folds=2]}}, paper: *same}}
    """,
    "points": f"""
        name: points
        title: Points made up
        source: none
        protocols: [generation]
        metric: clustering_error
        better: lower
        rows:
          - name: vcagan
            overrides: [model=vcagan, {TINY}, model.categories=4, "model.hidden=[8]"]
        columns: [{{name: gaussians4, overrides: [dataset=gaussians4, dataset.rows=200]}}]
        paper: {{}}
        scales: {{quick: &same {{seeds: 1, overrides: [protocol.folds=2]}}, paper: *same}}
    """,
}


@pytest.fixture(autouse=True)
def _in_a_folder_with_old_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANX_OUTPUTS", raising=False)
    shutil.copytree(RUNS, "outputs/runs")


def result_of(name: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((RUNS / name / "result.json").read_text(encoding="utf-8"))
    return result


def test_there_is_a_run_of_each_kind() -> None:
    kinds = [name.rpartition("-")[0] for name in NAMES]
    assert kinds == ["gaussians4/vcagan", "wine/hexagan", "wine/mice", "wine/pipeline"]


def shown_metrics(told: str) -> dict[str, float]:
    cells = [line.strip("│ ").split("│") for line in told.splitlines() if line.startswith("│")]
    return {metric.strip(): float(mean) for metric, mean, *_ in cells}


@pytest.mark.parametrize("name", NAMES)
def test_eval_gives_the_figures_of_result_json(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.main(["eval", f"run={name.rpartition('-')[2]}"])
    told = capsys.readouterr().out
    if "fitted again" in told:  # the estimator, by a later version of it
        assert set(shown_metrics(told)) == set(result_of(name)["metrics"])
        return
    if code == 1:  # another processor or library may round the last digit otherwise, and no more than that
        assert shown_metrics(told) == pytest.approx(
            {key: value["mean"] for key, value in result_of(name)["metrics"].items()}, abs=1e-3
        )
        pytest.skip("the same figures but for rounding: they were made on another processor or with other libraries")
    assert code == 0, told
    assert "the same figures as in result.json" in told


def signature_of(name: str) -> str:
    return name.rpartition("-")[2]


@pytest.mark.parametrize("name", NAMES)
def test_they_are_used_with_a_warning_until_they_are_sealed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["upgrade", f"run={signature_of(name)}"]) == 0
    (run,) = Path("outputs/runs").glob(f"{name.rpartition('-')[0]}-*")
    assert str(run) in capsys.readouterr().out.replace("\n", "")
    assert run.name.rpartition("-")[2] == json.loads((run / "result.json").read_text())["signature"]
    assert cli.main(["upgrade", f"run={run}"]) == 0
    assert "is sealed already" in capsys.readouterr().out
    for folder, warned in ((run, False), (RUNS / name, True)):
        cli.main(["eval", f"run={folder}"])
        told = capsys.readouterr()
        assert told.out.count("│ ") > 5
        assert ("of an earlier version" in told.err) == warned
    result = json.loads((run / "result.json").read_text())
    result["metrics"]["seconds" if "seconds" in result["metrics"] else next(iter(result["metrics"]))]["sd"] = 0.5
    (run / "result.json").write_text(json.dumps(result))
    assert cli.main(["eval", f"run={run}"]) == 2
    assert "its content does not fit its seal" in capsys.readouterr().err


def table_of(table: str, folder: Path) -> dict[str, dict[str, str]]:
    """Return the cells of a table, by data set and method."""
    file = folder / "mine" / "table" / f"{table}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(TABLES[table])
    assert cli.main(["tables", "--config-dir", "mine", f"table={table}"]) == 0
    with Path(f"outputs/tables/{table}-quick.csv").open(newline="") as lines:
        return {f"{cell['column']}/{cell['row']}": cell for cell in csv.DictReader(lines)}


@pytest.mark.parametrize("table", TABLES)
def test_tables_count_them_once_they_are_sealed(table: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert {cell["state"] for cell in table_of(table, tmp_path).values()} == {"outdated"}
    for name in NAMES:
        assert cli.main(["upgrade", f"run={signature_of(name)}"]) == 0
    capsys.readouterr()
    cells = table_of(table, tmp_path)
    told = capsys.readouterr().out
    names = {name.rpartition("-")[0]: name for name in NAMES}
    assert set(cells) < set(names)
    for place, cell in cells.items():
        assert cell["state"] == ("outdated" if place in RAISED else "done")
        if place in RAISED:
            continue
        mean = result_of(names[place])["metrics"][cell["metric"]]["mean"]
        assert float(cell["mean"]) == pytest.approx(mean, abs=1e-6)
        assert f"{mean:.4f}" in told
