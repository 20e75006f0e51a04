"""One small table in every form."""

from __future__ import annotations

import csv
import io

import pytest
from rich.console import Console

from ganx.tables import render
from ganx.tables.chart import png
from ganx.tables.collect import collect
from ganx.tables.definition import TableDefinition
from ganx.tables.sheet import Cell, fill, places
from ganx.tables.wanted import wanted
from tests.tables.conftest import MINE, QUICK, composed


def page_of(name, protocol, tmp_path, cells):
    argv = ["--config-dir", str(MINE)]
    table = TableDefinition.of(composed("tables", f"table={name}")["table"])
    configs = wanted(list(places(table, "quick", [protocol]).values()), cells, argv)
    return render.Page(fill(table, "quick", [protocol], configs, collect(tmp_path / "outputs")))


@pytest.fixture
def page(tmp_path, cells, write_run):
    write_run(["model=zeros", "dataset=wine", *QUICK], [0.4, 0.5])
    write_run(
        ["model=knn", "dataset=wine", *QUICK, "model.n_neighbors=5"], [0.1, 0.12], notes=["fitted on 9 of 99 rows"]
    )
    write_run(["model=zeros", "dataset=breast", *QUICK], [0.4, 0.5], status="failed", error="it broke")
    return page_of("small", "paper", tmp_path, cells)


@pytest.fixture
def measures(tmp_path, cells, write_run):
    quick = ["dataset=wine", "protocol=half", "protocol.folds=2"]
    write_run(["model=zeros", *quick], [0.5, 0.5], {"rmse": [-0.1, -0.1], "accuracy": [0.6, 0.6]})
    write_run(["model=mean", *quick], [0.4, 0.4], {"rmse": [0.4, 0.4]})
    return page_of("measures", "half", tmp_path, cells)


def test_markdown(page, tmp_path):
    failed = next((tmp_path / "outputs" / "runs" / "breast").iterdir())
    assert (
        render.markdown(page)
        == f"""\
# Imputation of small tables (QUICK SCALE)

|  | Wine | Wine, published | Breast | Breast, published |
| --- | ---: | ---: | ---: | ---: |
| Zeros | 0.4500 † | 0.4213 | failed | 0.2699 |
| K-NN | **0.1100** <sup>1</sup> | 0.1695 ± 0.0100 | missing |  |

- rmse_row, lower is better: mean over replicas (one seed: no sd); n = 1 seed unless a cell says otherwise
- bold or *: best of its column; †: not significantly worse (corrected resampled t-test, \
Nadeau and Bengio 2003, two-sided, 5 %)
- quick scale (fewer seeds, folds, steps and rows); protocol=paper; 2 of 4 cells complete
- runs of 2026-11-20; ganx 0123456789; 2 cores
- published: A paper, table 1

1. fitted on 9 of 99 rows

Not complete:

- {failed}: failed: it broke
"""
    )


def test_columns_with_metrics_of_their_own(measures):
    text = render.markdown(measures)
    assert "| Zeros | 0.5000 / -0.1000 | **-0.1000** | 0.6000 | 0.7000 |" in text
    assert "| Mean | **0.4000 / 0.4000** | 0.4000 | – |  |" in text
    assert "- rmse_row / rmse, rmse, lower is better; accuracy: mean over replicas (one seed: no sd)" in text
    cells = list(csv.DictReader(io.StringIO(render.comma_separated(measures))))
    assert [cell["metric"] for cell in cells if cell["row"] != "K-NN"] == [
        *("rmse_row", "rmse", "accuracy"),
        *("rmse_row", "rmse"),
    ]
    assert [(cell["beside"], cell["beside_mean"]) for cell in cells[:2]] == [("rmse", "-0.1"), ("", "")]


@pytest.mark.parametrize(
    ("metric", "told"), [("modes", "7.3 ± 0.6"), ("fid", "7.33 ± 0.58"), ("kid", "7.3333 ± 0.5774")]
)
def test_decimals_of_a_metric(metric, told):
    values = {(seed, 0): value for seed, value in enumerate([7.0, 7.0, 8.0])}
    assert render.told(Cell("GAN", "ring8", "generation", "done", [], 3, metric, {}, values)) == told


def test_latex(page):
    text = render.latex(page)
    assert r"Zeros & 0.4500$^\dagger$ & 0.4213 & failed & 0.2699 \\" in text
    assert r"K-NN & \textbf{0.1100}$^{1}$ & 0.1695 $\pm$ 0.0100 & missing &  \\" in text
    assert r"\toprule" in text
    assert r"rmse\_row" in text
    assert r"5 \%" in text


def test_csv(page):
    cells = list(csv.DictReader(io.StringIO(render.comma_separated(page))))
    assert len(cells) == 4
    zeros, _, knn, _ = cells
    assert (zeros["scale"], zeros["state"], float(zeros["mean"]), zeros["sd"]) == ("quick", "done", 0.45, "")
    assert (zeros["published_mean"], zeros["seeds"], zeros["replicas"], zeros["mark"]) == ("0.4213", "1", "2", "tied")
    assert (knn["notes"], knn["dates"], knn["code"]) == ("fitted on 9 of 99 rows", "2026-11-20", "0123456789")
    assert [cell["state"] for cell in cells] == ["done", "failed", "done", "missing"]


def test_terminal(page):
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(render.terminal(page))
    told = console.export_text()
    for part in ("QUICK SCALE", "0.1100 * [1]", "0.4500 †", "failed", "missing", "Wine, published"):
        assert part in told


def test_many_columns_stand_as_lines(page, monkeypatch):
    monkeypatch.setattr(render, "WIDEST", 1)
    names, lines = page.grid
    assert names == ["Zeros", "K-NN"]
    assert [name for name, _ in lines] == ["Wine", "Wine, published", "Breast", "Breast, published"]


@pytest.mark.parametrize("widest", [8, 1])
def test_figure(page, monkeypatch, widest):
    monkeypatch.setattr("ganx.tables.render.WIDEST", widest)
    assert png(page).startswith(b"\x89PNG")


def test_columns_share_a_panel_only_where_they_share_their_metric(page, measures, monkeypatch):
    def panels(page):
        monkeypatch.setattr("ganx.tables.render.WIDEST", 1)
        monkeypatch.setattr("ganx.tables.chart._legend", lambda _, panels, __: drawn.append(len(panels)))
        drawn = []
        png(page)
        return drawn

    assert panels(page) == [1]
    assert panels(measures) == [3]
