"""conf/table: every shipped table is right, and a wrong one is told in one line."""

from __future__ import annotations

import copy
import re

import pytest

from ganx.compose import compose, compose_each
from ganx.errors import UserError
from ganx.groups import options
from ganx.tables.definition import Published, Row, TableColumn, TableDefinition
from ganx.tables.sheet import places
from tests.tables.conftest import MINE, QUICK

SMALL, MEASURES = (
    compose("tables", ["--config-dir", str(MINE), f"table={name}"])["table"] for name in ("small", "measures")
)

#: Tables of experiments that are still to come.
AHEAD: tuple[str, ...] = ()


def test_a_table_is_read():
    table = TableDefinition.of(SMALL)
    assert (table.name, table.protocols) == ("small", ("paper", "clean"))
    assert table.rows[1] == Row("K-NN", ("model=knn",), ("model.n_neighbors=5",))
    assert table.columns[0] == TableColumn("Wine", ("dataset=wine",), metric="rmse_row", better="lower")
    assert table.published["Zeros", "Wine"] == Published(0.4213, None)
    assert table.published["K-NN", "Wine"] == Published(0.1695, 0.01)


def test_overrides_of_a_cell():
    table = TableDefinition.of(SMALL)
    quick, paper = (places(table, scale, ["paper"])["K-NN", "Wine", "paper"] for scale in ("quick", "paper"))
    assert quick == ["model=knn", "dataset=wine", *QUICK, "model.n_neighbors=5"]
    assert paper == ["model=knn", "dataset=wine", "protocol=paper"]


def test_a_row_may_be_shorter_on_one_column():
    config = copy.deepcopy(SMALL)
    config["rows"][1]["quick_on"] = {"Wine": ["model.n_neighbors=2"]}
    cells = places(TableDefinition.of(config), "quick", ["paper"])
    assert cells["K-NN", "Wine", "paper"][-2:] == ["model.n_neighbors=5", "model.n_neighbors=2"]


def test_a_column_may_have_a_metric_of_its_own():
    columns = TableDefinition.of(MEASURES).columns
    assert [column.metric for column in columns] == ["rmse_row", "rmse", "accuracy"]
    assert [column.better for column in columns] == ["lower", "lower", "none"]


def test_which_way_is_better_is_known_of_every_metric_unless_the_table_says_it():
    config = copy.deepcopy(SMALL)
    del config["better"]
    config["columns"][0]["metric"] = "f1"
    assert [column.better for column in TableDefinition.of(config).columns] == ["higher", "lower"]
    config["columns"][0]["better"] = "none"
    assert [column.better for column in TableDefinition.of(config).columns] == ["none", "lower"]


@pytest.mark.parametrize("metric", ["prior_1", "prior_16", "fid"])
def test_metrics_of_generators(metric):
    config = copy.deepcopy(SMALL)
    config["columns"][0]["metric"] = metric
    assert [column.metric for column in TableDefinition.of(config).columns] == [metric, "rmse_row"]


def test_a_row_has_no_cell_where_it_has_no_figure():
    cells = places(TableDefinition.of(MEASURES), "quick", ["half"])
    assert {row: [place[1] for place in cells if place[0] == row] for row in ("Zeros", "Mean")} == {
        "Zeros": ["by row", "by cell", "unjudged"],
        "Mean": ["by row", "by cell"],
    }


def test_protocols_of_a_table():
    table = TableDefinition.of(MEASURES)
    assert table.protocols == ("half", "paper")
    assert table.shown(None) == ("half",)
    assert table.shown(["paper", "half"]) == ("paper", "half")
    assert table.shown(["clean", "paper"]) == ("paper",)
    assert table.shown(["clean"]) == ("half",)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t["rows"][0].update(quick_on={"Wien": []}), "unknown key 'table.rows[0].quick_on.Wien'"),
        (lambda t: t["columns"][0].update(quick_on={}), "unknown key 'table.columns[0].quick_on'"),
        (lambda t: t.pop("metric"), "missing key 'table.metric'"),
        (lambda t: t.update(metrik="f1"), "unknown key 'table.metrik'; did you mean 'metric'?"),
        (
            lambda t: t.update(better="loewr"),
            "table.better=loewr: expected one of lower, higher, none; did you mean 'lower'?",
        ),
        (lambda t: t.update(rows=[]), "table.rows: at least one is needed"),
        (lambda t: t["rows"].append(t["rows"][0]), "table.rows: two are named 'Zeros'"),
        (lambda t: t["rows"].append("K-NN"), "table.rows[2]: expected a mapping"),
        (lambda t: t["rows"][0].update(overides=[]), "unknown key 'table.rows[0].overides'; did you mean 'overrides'?"),
        (
            lambda t: t["columns"][0].update(overrides="dataset=wine"),
            "table.columns[0].overrides=dataset=wine: expected",
        ),
        (lambda t: t["paper"].update(KNN={}), "unknown key 'table.paper.KNN'; did you mean 'K-NN'?"),
        (lambda t: t["paper"]["Zeros"].update(Wien=1.0), "unknown key 'table.paper.Zeros.Wien'; did you mean 'Wine'?"),
        (lambda t: t["paper"]["Zeros"].update(Wine="a"), "table.paper.Zeros.Wine=a: expected a number"),
        (lambda t: t["paper"]["Zeros"].update(Wine=[1.0, 2.0, 3.0]), "table.paper.Zeros.Wine: a mean, or [mean, sd]"),
        (lambda t: t.update(name="../evil"), "table.name=../evil: letters, digits, - and _ only"),
        (lambda t: t.update(metric="rmsee"), "table.metric=rmsee: no such metric; did you mean 'rmse'?"),
        (lambda t: t.update(metric="prior_0"), "table.metric=prior_0: no such metric; did you mean 'prior_1'?"),
        (
            lambda t: t["columns"][1].update(metric="rmse_rwo"),
            "table.columns[1].metric=rmse_rwo: no such metric; did you mean 'rmse_row'?",
        ),
        (lambda t: t["columns"][1].update(better=None), "table.columns[1].better=null: expected one of lower, higher"),
        (lambda t: t["rows"][1].update(metric="f1"), "unknown key 'table.rows[1].metric'"),
        (
            lambda t: t["rows"][0].update(not_on=["Wien"]),
            "table.rows[0].not_on[0]=Wien: no such column; did you mean 'Wine'?",
        ),
        (lambda t: t.update(protocols=[]), "table.protocols: one or more, each once"),
        (lambda t: t.update(protocols=["paper", "paper"]), "table.protocols: one or more, each once"),
        (lambda t: t.update(protocols="paper"), "table.protocols=paper: expected a list in brackets"),
        (lambda t: t["rows"][0]["overrides"].append("seeds=3"), "table.rows[0]: seeds=3 does not belong here"),
        (lambda t: t["columns"][0].update(quick=["outputs=x"]), "table.columns[0]: outputs=x does not belong here"),
        (
            lambda t: t["scales"]["quick"].update(overrides=["protocol=clean"]),
            "table.scales.quick: protocol=clean",
        ),
        (lambda t: t["scales"].pop("paper"), "missing key 'table.scales.paper'"),
        (lambda t: t["scales"]["quick"].update(seeds=0), "table.scales.quick.seeds=0: expected an integer >= 1"),
    ],
)
def test_a_wrong_table_is_told_in_one_line(change, told):
    config = copy.deepcopy(SMALL)
    change(config)
    with pytest.raises(UserError, match=f"^{re.escape(told)}"):
        TableDefinition.of(config)


@pytest.mark.parametrize("name", options("table"))
def test_a_shipped_table_is_right(name):
    assert TableDefinition.of(compose("tables", [f"table={name}"])["table"]).name == name


@pytest.mark.parametrize("name", options("table"))
def test_a_shipped_table_composes(name, request):
    """Every cell of every table is a run that `ganx train` takes, at both scales."""
    if name in AHEAD:
        request.applymarker(pytest.mark.xfail(strict=True))
    table = TableDefinition.of(compose("tables", [f"table={name}"])["table"])
    corners = [
        table.overrides(row, table.columns[i % len(table.columns)], protocol, scale)
        for i, row in enumerate(table.rows)
        for protocol in table.protocols
        for scale in ("quick", "paper")
    ] + [table.overrides(table.rows[0], column, table.protocols[0], "quick") for column in table.columns]
    assert [str(config) for config in compose_each("train", corners, []) if isinstance(config, UserError)] == []


def test_many_are_composed_as_one_is():
    lines = [
        ["model=hexagan", "dataset=wine", "protocol=clean", "model.steps=7", "seeds=2"],
        ["experiment=hexagan_authors", "model.alpha_2=3", "protocol=paper", "protocol.folds=2"],
        ["experiment=hexagan_authors", "model.alpha_2=4", "model.alpha_2=5", "protocol=paper"],
        ["model=knn", "loss.name=x", "protocol.missing_rate=0.5"],
    ]
    assert list(compose_each("train", lines, [])) == [compose("train", line) for line in lines]


@pytest.mark.parametrize(
    "wrong", ["model.stepz=1", "model=hexagam", "model.steps=1,2", "model.steps=-1", "model.steps=["]
)
def test_one_of_many_that_does_not_compose(wrong):
    good = ["model=knn", "dataset=wine"]
    line = [wrong] if wrong.startswith("model=") else ["model=hexagan", wrong]
    first, error, last = compose_each("train", [good, line, good], [])
    assert first == last == compose("train", good)
    with pytest.raises(UserError, match=re.escape(str(error))):
        compose("train", line)
