"""A result.json that was edited: one line with its path and what is wrong, whatever reads it."""

from __future__ import annotations

import copy
import json
import math
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from rich.console import Console

from ganx import cli
from ganx.errors import RunError, UserError
from ganx.launch.state import told_metrics
from ganx.run.folder import RunFolder
from ganx.run.identity import finished_result
from ganx.run.life import _show
from ganx.run.opened import open_run
from ganx.serve.ensemble import ensemble_of
from ganx.tables.collect import read

DELETED = object()
VALUES = [DELETED, None, [], [1, "x"], {}, {"a": 1}, {"a": {}}, "text", "", 3, -1.5, math.nan, math.inf, True]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a table, and a blend of two models that was fitted on it: all sections are there."""
    folder = tmp_path_factory.mktemp("result")
    rng = np.random.default_rng(0)
    lines = [f"{a:.2f},{a + b:.2f},{'red' if b > 0 else 'blue'},{int(a > 0)}" for a, b in rng.normal(size=(60, 2))]
    (folder / "own.csv").write_text("\n".join(["a,b,colour,label", *lines]) + "\n")
    command = ["train", "model=best", "model.candidates=[mean,knn]", "model.classifiers=[logistic]", "dataset=csv"]
    command += [f"dataset.path={folder / 'own.csv'}", "dataset.target=label", "protocol.folds=2"]
    assert cli.main([*command, f"outputs={folder / 'o'}"]) == 0
    return folder


def run_of(place: Path) -> Path:
    (run,) = (place / "o").glob("runs/csv/[!.]*")
    return run


def commands(place: Path) -> dict[str, list[str]]:
    """Return every command that reads a result."""
    run, outputs = run_of(place), f"outputs={place / 'o'}"
    own = f"input={place / 'own.csv'}"
    again = json.loads((place / "good.json").read_text())["command"]
    return {
        "train": shlex.split(again)[1:],
        "eval": ["eval", f"run={run}"],
        "impute": ["impute", f"run={run}", own, f"out={place / 'x.csv'}"],
        "predict": ["predict", f"run={run}", own, f"out={place / 'y.csv'}"],
        "status": ["status", "--outputs", str(place / "o")],
        "tables": ["tables", "table=hexagan_imputation", outputs],
    }


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to everything within a value, to the first item of a list and all items of a mapping."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        if path != ("config",):
            yield from places(item, (*path, key))


def damaged(result: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    result = copy.deepcopy(result)
    holder: Any = result
    for key in path[:-1]:
        holder = holder[key]
    if value is DELETED:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return result


@pytest.fixture(scope="module")
def good(place: Path) -> dict[str, Any]:
    file = run_of(place) / "result.json"
    shutil.copy(file, place / "good.json")
    result: dict[str, Any] = json.loads(file.read_text())
    assert {"metrics_by_column", "reference", "blend", "notes", "refit"} <= result.keys()
    return result


def record(folder: RunFolder) -> None:
    """Read a run as a table does, which counts those alone that are done."""
    found = read(folder)
    if found.state != "done":
        raise UserError(found.problem)


READERS: dict[str, Callable[[RunFolder], object]] = {
    "train": lambda folder: _show(Console(quiet=True), folder, folder.read_whole_result() or {}),
    "eval": lambda folder: _show(Console(quiet=True), folder, finished_result(folder)),
    "impute": lambda folder: ensemble_of(open_run(folder), "impute"),
    "predict": lambda folder: ensemble_of(open_run(folder), "classify"),
    "tables": record,
    "sweeps": lambda folder: told_metrics(folder.read_result() or {}, "rmse"),
}


def complaint(reader: Callable[[RunFolder], object], folder: RunFolder) -> str:
    """Return why a reader refuses a run; empty where it does not."""
    try:
        reader(folder)
    except (UserError, RunError) as error:
        return str(error)
    return ""


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_damage_goes_unseen(
    place: Path, good: dict[str, Any], capsys: pytest.CaptureFixture[str], data: st.DataObject
) -> None:
    """Any section damaged in any way: every reader refuses the run, with its path, and none ends in a stack trace."""
    path = data.draw(st.sampled_from(sorted(places(good), key=str)))
    run, value = run_of(place), data.draw(st.sampled_from(VALUES))
    assume((edited := damaged(good, path, value)) != good)
    (run / "result.json").write_text(json.dumps(edited))
    try:
        for name, reader in READERS.items():
            assert str(run) in complaint(reader, RunFolder(run)), name
        assert cli.main(commands(place)["status"]) == 0
        assert run.name in capsys.readouterr().out
    finally:
        shutil.copy(place / "good.json", run / "result.json")


SPOILED = [
    (("metrics_by_column",), [], "metrics_by_column is a list, not a mapping"),
    (("metrics_by_column", "a"), 3, "metrics_by_column.a is 3, not a mapping"),
    (("metrics_by_column", "a", "cells"), "many", "metrics_by_column.a.cells is 'many', not a whole number"),
    (("metrics_by_column", "a", "rmse"), math.nan, "metrics_by_column.a.rmse is nan, not a finite number"),
    (("seconds",), math.inf, "seconds is inf, not a finite number"),
    (("seconds",), 10**400, "seconds is too large a number"),
    (("metrics_by_column", "a", "rmse"), DELETED, "metrics_by_column.a has no rmse or error_rate"),
    (("metrics_by_column", "a", "mean"), DELETED, "metrics_by_column.a has no mean"),
    (("reference", "mean", "rmse"), None, "reference.mean.rmse is None, not a number"),
    (("blend", "numbers"), ["mean"], "blend.numbers is a list, not a mapping"),
    (("blend", "columns"), DELETED, "blend has no columns"),
    (("notes",), "a note", "notes is 'a note', not a list"),
    (("notes",), [1], "notes[0] is 1, not text"),
    (("failed",), ["1,2"], "failed is a list, not a mapping"),
    (("metrics", "rmse", "sd"), DELETED, "metrics.rmse has no sd"),
    (("refit", "calibration", "slope"), "steep", "refit.calibration.slope is 'steep', not a number"),
    (("seconds",), True, "seconds is True, not a number"),
    (("command",), DELETED, "it has no command"),
]


@pytest.mark.parametrize(("path", "value", "message"), SPOILED)
def test_what_is_wrong_is_told(
    place: Path, good: dict[str, Any], path: tuple[str, ...], value: object, message: str
) -> None:
    file = run_of(place) / "result.json"
    try:
        unsealed = {key: item for key, item in good.items() if key != "seal"} | {"schema": 3}
        file.write_text(json.dumps(damaged(unsealed, path, value)))
        with pytest.raises(UserError, match="is damaged: ") as caught:
            RunFolder(run_of(place)).read_whole_result()
    finally:
        shutil.copy(place / "good.json", file)
    assert str(caught.value) == f"{file} is damaged: {message}; remove it, and train again"


@pytest.mark.parametrize("command", ["train", "eval", "impute", "predict"])
def test_every_command_says_it_in_one_line(
    place: Path, good: dict[str, Any], command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = run_of(place) / "result.json"
    try:
        file.write_text(json.dumps(damaged(good, ("metrics_by_column",), [])))
        capsys.readouterr()
        assert cli.main(commands(place)[command]) == 2
        assert cli.main(commands(place)["status"]) == 0
        assert cli.main(commands(place)["tables"]) in (0, 1)
    finally:
        shutil.copy(place / "good.json", file)
    out, error = capsys.readouterr()
    told = f"{file} is damaged: metrics_by_column is a list, not a mapping; remove it, and train again"
    assert error == f"ganx: {told}\n"
    assert told.removeprefix(f"{file.parent}/") in out  # status goes on, since other runs are there
