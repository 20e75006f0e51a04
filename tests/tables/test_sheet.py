"""Cells found among run folders: matched, pooled, judged, planned. Nothing is trusted blindly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ganx.compose import compose
from ganx.run.lock import RunLock
from ganx.tables.collect import collect, identity, key_of
from ganx.tables.definition import TableDefinition
from ganx.tables.jobs import jobs_of
from ganx.tables.sheet import fill, places
from ganx.tables.show import fill_tables
from ganx.tables.wanted import wanted
from tests.tables.conftest import MINE, QUICK, composed

ZEROS = ["model=zeros", "dataset=wine"]
KNN = ["model=knn", "dataset=wine"]
WINE = ("Zeros", "Wine", "paper")
FOLDS = [0.1, 0.2, 0.3, 0.4, 0.5]


@pytest.fixture
def sheet(tmp_path: Path, cells: Path):
    def build(scale="paper", protocols=("paper",), name="small"):
        argv = ["--config-dir", str(MINE)]
        table = TableDefinition.of(composed("tables", f"table={name}")["table"])
        configs = wanted(list(places(table, scale, protocols).values()), cells, argv)
        return fill(table, scale, protocols, configs, collect(tmp_path / "outputs"))

    return build


def test_nothing_there(sheet):
    assert {cell.state for cell in sheet().cells.values()} == {"missing"}
    assert sheet().done == 0
    assert sheet().marks == {}


def test_runs_are_pooled_by_replica(sheet, write_run):
    write_run([*ZEROS, "protocol=paper", "seed=1"], [x + 0.1 for x in FOLDS])
    cell = sheet().cells[WINE]
    assert (cell.state, cell.n, cell.sd) == ("partial", 1, None)
    write_run([*ZEROS, "protocol=paper"], FOLDS)
    cell = sheet().cells[WINE]
    assert (cell.state, cell.n) == ("done", 2)
    assert cell.mean == pytest.approx(0.35)
    assert cell.sd == pytest.approx(0.1 / 2**0.5)


def test_only_what_is_wanted_counts(sheet, write_run):
    write_run([*ZEROS, "protocol=paper", "seeds=3"], [*FOLDS, *FOLDS, *[9.0] * 5])  # two seeds are wanted
    write_run([*ZEROS, "protocol=clean", "seeds=2"], [8.0] * 10)
    write_run([*ZEROS, *QUICK], [7.0, 7.0])
    sheets = sheet(), sheet("quick")
    assert [each.cells[WINE].mean for each in sheets] == [pytest.approx(0.3), 7.0]
    assert [each.cells[WINE].state for each in sheets] == ["done", "done"]
    assert sheet(protocols=("clean", "paper")).cells["Zeros", "Wine", "clean"].mean == 8.0


def test_the_best_and_what_is_not_worse(sheet, write_run):
    write_run([*ZEROS, "protocol=paper", "seeds=2"], [0.40, 0.41, 0.42, 0.43, 0.44] * 2)
    write_run([*KNN, "protocol=paper", "seeds=2"], [0.10, 0.12, 0.11, 0.13, 0.10] * 2)
    assert sheet().marks == {("K-NN", "Wine", "paper"): "best"}
    write_run([*ZEROS, *QUICK], [0.1, 0.4])
    write_run([*KNN, *QUICK, "model.n_neighbors=5"], [0.2, 0.2])
    assert sheet("quick").marks == {("K-NN", "Wine", "paper"): "best", WINE: "tied"}


def test_each_column_has_its_own_figure_and_best(sheet, write_run):
    quick = ["dataset=wine", "protocol=half", "protocol.folds=2"]
    write_run(["model=zeros", *quick], [0.5, 0.5], {"rmse": [0.1, 0.1], "accuracy": [0.6, 0.6]})
    write_run(["model=knn", *quick], [0.2, 0.2], {"rmse": [0.3, 0.3], "accuracy": [0.7, 0.7]})
    write_run(["model=mean", *quick], [0.4, 0.4], {"rmse": [0.4, 0.4]})
    found = sheet("quick", ["half"], "measures")
    assert [cell.state for cell in found.cells.values()] == ["done"] * 8
    assert [cell.mean for cell in found.cells.values()] == [0.5, 0.1, 0.6, 0.2, 0.3, 0.7, 0.4, 0.4]
    assert found.marks == {("K-NN", "by row", "half"): "best", ("Zeros", "by cell", "half"): "best"}
    assert jobs_of([found], retry=False) == []


def test_columns_of_one_run_are_planned_once(sheet):
    jobs = jobs_of([sheet("quick", ["half"], "measures")], retry=False)
    assert [(job.name, job.metric) for job in jobs] == [
        ("Zeros on by row (half)", "rmse_row"),
        ("K-NN on by row (half)", "rmse_row"),
        ("Mean on by row (half)", "rmse_row"),
    ]


def test_of_many_tables_each_shows_the_protocols_that_it_has(tmp_path, mine):
    tables = [
        TableDefinition.of(compose("tables", [*mine, f"table={name}"])["table"]) for name in ("small", "measures")
    ]
    for asked, shown in [(None, ["paper", "half"]), (["clean"], ["clean", "half"]), (["paper"], ["paper", "paper"])]:
        config = {"protocols": asked, "outputs": str(tmp_path)}
        sheets = fill_tables(tables, "quick", config, mine, collect(tmp_path))
        assert [sheet.protocols for sheet in sheets] == [(name,) for name in shown]
        assert [len(sheet.cells) for sheet in sheets] == [4, 8]


def test_a_lacking_metric_costs_its_column_only(sheet, write_run):
    folder = write_run(["model=zeros", "dataset=wine", "protocol=half", "protocol.folds=2"], [0.5, 0.5])
    found = sheet("quick", ["half"], "measures")
    assert [found.cells["Zeros", name, "half"].state for name in ("by row", "by cell")] == ["done", "invalid"]
    assert found.cells["Zeros", "by cell", "half"].problems == (f"Zeros on by cell: {folder} has no rmse",)


def test_notes_of_a_cell(sheet, write_run):
    write_run([*ZEROS, "protocol=paper", "seeds=2"], FOLDS * 2, notes=["fitted on 2000 of 24000 rows"])
    assert sheet().cells[WINE].notes == ["fitted on 2000 of 24000 rows"]


def test_a_failed_run_gives_no_figure(sheet, write_run):
    folder = write_run([*ZEROS, "protocol=paper", "seeds=2"], FOLDS * 2, status="failed", error="loss d is NaN")
    cell = sheet().cells[WINE]
    assert (cell.state, cell.mean) == ("failed", None)
    assert cell.problems == (f"{folder}: failed: loss d is NaN",)


def test_running_interrupted_and_stale(sheet, write_run):
    folder = write_run([*ZEROS, "protocol=paper", "seeds=2"], FOLDS * 2)
    folder.result.unlink()
    with RunLock(folder.heartbeat):
        assert sheet().cells[WINE].state == "running"
    assert sheet().cells[WINE].state == "interrupted"
    folder.heartbeat.write_text(folder.heartbeat.read_text().replace('"stopped": true', '"stopped": false'))
    assert sheet().cells[WINE].state == "stale"


def test_another_version_of_the_model(sheet, write_run):
    folder = write_run([*ZEROS, "protocol=paper", "seeds=2", "model.version=2"], FOLDS * 2)
    cell = sheet().cells[WINE]
    assert (cell.state, cell.mean) == ("outdated", None)
    assert cell.problems == (f"{folder}: of zeros 2; the table wants zeros 1: run=true trains it",)


def without(key):
    return lambda result: result.pop(key)


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda r: r["metrics"]["rmse_row"]["values"].pop(), "metrics.rmse_row has 9 values of 10 replicas"),
        (
            lambda r: r["metrics"]["rmse_row"]["values"].__setitem__(0, "0.1"),
            "metrics.rmse_row.values[0] is '0.1', not a number",
        ),
        (
            lambda r: r["metrics"]["rmse_row"]["values"].__setitem__(0, 0.05),
            "metrics.rmse_row.mean is not that of its values",
        ),
        (lambda r: r["metrics"]["rmse_row"].update(mean=0.01), "metrics.rmse_row.mean is not that of its values"),
        (lambda r: r["metrics"]["rmse_row"].update(mean=None), "metrics.rmse_row.mean is not that of its values"),
        (lambda r: r.update(metrics=[]), "damaged: metrics is a list, not a mapping"),
        (lambda r: r.update(status="finished"), "damaged: status is 'finished', not done or failed"),
        (lambda r: r.update(signature="0000000000"), "damaged: it is of run 0000000000, not of this folder's"),
        (lambda r: r["replica_ids"].pop(), "metrics.rmse_row has 10 values of 9 replicas"),
        (lambda r: r.update(version=2), "damaged: two versions of the model"),
        (lambda r: r.update(schema=1), "of schema 1, not 4: written by another version of ganx"),
        (
            lambda r: r["config"]["protocol"].update(missing_rate=0.9),
            "its signature is not that of its config and data",
        ),
        (lambda r: r.update(data="other"), "its signature is not that of its config and data"),
        (lambda r: r.update(notes=None), "damaged: notes is None, not a list"),
        (lambda r: r.update(notes=[1]), "damaged: notes[0] is 1, not text"),
        (without("config"), "damaged: KeyError 'config'"),
        (without("schema"), "damaged: KeyError 'schema'"),
    ],
)
def test_an_edited_result(sheet, write_run, edit, told):
    folder = write_run([*ZEROS, "protocol=paper", "seeds=2"], FOLDS * 2)
    write_run([*KNN, "protocol=paper", "seeds=2"], FOLDS * 2)
    result = json.loads(folder.result.read_text()) | {"schema": 3}
    edit(result)
    folder.result.write_text(json.dumps({key: value for key, value in result.items() if key != "seal"}))
    cell = sheet().cells[WINE]
    assert (cell.state, cell.mean) == ("damaged", None)
    (problem,) = cell.problems
    assert problem.startswith(f"{folder.result} is ")
    assert told in problem
    assert problem.endswith(
        ("remove it; run=true then trains it again", "remove it, and train again; run=true does then")
    )
    assert sheet().cells["K-NN", "Wine", "paper"].state == "done"
    assert [job.overrides for job in jobs_of([sheet()], retry=True) if job.overrides[:2] == tuple(ZEROS)] == []


@pytest.mark.parametrize("content", ["", '{"schema": 1, "metr', "[]", "null", "\x00\x01"])
def test_a_result_cut_short(sheet, write_run, content):
    folder = write_run([*ZEROS, "protocol=paper", "seeds=2"], FOLDS * 2)
    folder.result.write_text(content)
    cell = sheet().cells[WINE]
    assert cell.state == "damaged"
    assert cell.problems[0].startswith(f"{folder.result} is damaged")
    assert "\n" not in cell.problems[0]


@pytest.mark.parametrize("content", ["", "seed: [", "model: 3", "seed: 0\nseeds: x\nmodel: {}\n"])
def test_a_folder_that_tells_nothing(sheet, write_run, tmp_path, content):
    folder = write_run([*ZEROS, "protocol=paper", "seeds=2"], FOLDS * 2)
    folder.result.unlink()
    folder.config.write_text(content)
    assert sheet().cells[WINE].state == "missing"
    (problem,) = collect(tmp_path / "outputs").problems
    assert str(folder) in problem
    assert "\n" not in problem


def test_a_metric_that_the_model_does_not_have(sheet, write_run):
    folder = write_run([*ZEROS, "protocol=paper", "seeds=2"], FOLDS * 2, metrics={})
    cell = sheet().cells[WINE]
    assert cell.state == "invalid"
    assert cell.problems == (f"Zeros on Wine: {folder} has no rmse_row",)


def jobs(sheet, retry=False):
    return [" ".join(job.overrides) for job in jobs_of([sheet], retry) if job.name.startswith("Zeros on Wine")]


def test_only_missing_seeds_are_planned(sheet, write_run):
    start = "model=zeros dataset=wine protocol=paper"
    assert jobs(sheet()) == [f"{start} seed=0 seeds=2"]
    write_run([*ZEROS, "protocol=paper"], FOLDS)
    assert jobs(sheet()) == [f"{start} seed=1 seeds=1"]
    write_run([*ZEROS, "protocol=paper", "seed=1", "seeds=4"], FOLDS * 4)
    assert jobs(sheet()) == []


def test_equal_cells_of_several_tables_are_planned_once(sheet):
    assert len(jobs_of([sheet(), sheet()], retry=False)) == 4


def test_failed_runs_wait_for_retry(sheet, write_run):
    write_run([*ZEROS, "protocol=paper", "seeds=2"], FOLDS * 2, status="failed", error="loss d is NaN")
    assert jobs(sheet()) == []
    assert jobs(sheet(), retry=True) == ["model=zeros dataset=wine protocol=paper seed=0 seeds=2 retry=true"]


def test_an_unfinished_run_goes_on_as_it_was_started(sheet, write_run):
    folder = write_run([*ZEROS, "protocol=paper", "seeds=2"], FOLDS * 2)
    folder.result.unlink()
    assert jobs(sheet()) == ["model=zeros dataset=wine protocol=paper seed=0 seeds=2"]
    with RunLock(folder.heartbeat):
        assert jobs(sheet()) == []


def test_what_was_composed_is_kept_until_something_changes(tmp_path, monkeypatch):
    line = ["model=zeros", "dataset=wine"]
    (first,) = wanted([line], tmp_path, [])
    kept = tmp_path / "tables" / ".cells.json"
    monkeypatch.setattr("ganx.tables.wanted.compose_each", lambda *_: pytest.fail("composed again"))
    assert wanted([line], tmp_path, []) == [first]
    monkeypatch.undo()
    for content in (kept.read_text()[:50], "[]", kept.read_text().replace('"origin": "', '"origin": "x')):
        kept.write_text(content)
        assert wanted([line], tmp_path, []) == [first]


def test_a_changed_file_of_the_user_is_seen(tmp_path):
    (tmp_path / "mine" / "model").mkdir(parents=True)
    file = tmp_path / "mine" / "model" / "near.yaml"
    argv = ["--config-dir", str(tmp_path / "mine")]
    found = []
    for n in (3, 4):
        file.write_text(f"defaults: [knn, _self_]\nn_neighbors: {n}\n")
        found += [config["model"]["n_neighbors"] for config in wanted([["model=near"]], tmp_path, argv)]
    assert found == [3, 4]


def test_a_replica_without_a_figure_is_told_and_never_best(sheet, write_run):
    folder = write_run([*ZEROS, "protocol=paper", "seeds=2"], [None, *FOLDS[1:], *FOLDS])
    write_run([*KNN, "protocol=paper", "seeds=2"], [value + 1 for value in FOLDS * 2])
    cell = sheet().cells[WINE]
    assert cell.state == "partial"
    assert cell.problems == (f"Zeros on Wine: {folder}: 1 of its replicas have no rmse_row",)
    assert WINE not in sheet().marks


def test_two_csv_files_are_two_experiments(tmp_path):
    def key(text):
        (tmp_path / "own.csv").write_text(text)
        return key_of(identity(compose("train", ["model=mean", "dataset=csv", f"dataset.path={tmp_path / 'own.csv'}"])))

    one = "u,v\n" + "1.5,2\n3,4\n" * 20
    assert key(one) == key(one)
    assert key(one) != key(one.replace("3,4", "3,5"))


@pytest.mark.parametrize("rows", ["null", "20"])
def test_data_that_only_go_by_a_name_are_refused(sheet, write_run, tmp_path: Path, rows: str) -> None:
    """Uncut, their checksum tells it, also of runs that did not yet say it."""
    told = {"altered_data": True} if rows == "20" else {}
    words = [*ZEROS, "protocol=paper", f"dataset.rows={rows}"]
    folder = write_run(words, FOLDS, data="other", **told)
    assert not collect(tmp_path / "outputs").problems
    (run,) = [run for runs in collect(tmp_path / "outputs").by_key.values() for run in runs]
    assert run.folder.path == folder.path
    assert run.state == "damaged"
    assert "of other data than those published as wine" in run.problem
