"""What the drawings of generative methods show of their runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from ganx.compose import compose
from ganx.drawing import panels as plots
from ganx.engine.checkpoint import write_checkpoint
from ganx.figures.definition import Definition, DrawingName
from ganx.figures.drawings import DRAWINGS, N_POINTS
from ganx.figures.trained import Trained
from ganx.run.context import Context, lay_out
from ganx.run.experiment import Experiment
from ganx.run.fitters import fitter_of
from ganx.run.kept import digest

SHORT = ["dataset.rows=150", "model.steps=2", "model.hidden=[8]"]


def trained(folder: Path, name: str, *overrides: str, p_c: list[float] | None = None) -> Trained:
    """A run of two steps, which then has the P(C) given."""
    experiment = Experiment.of(compose("train", [*overrides, *SHORT, f"outputs={folder}"]))
    run = experiment.folder
    run.create(experiment.config, {})
    state = fitter_of(experiment).fit(experiment, run, Context(Console(quiet=True), lay_out(experiment)))
    if p_c is not None:
        state["parameters"]["p_c"][:] = torch.tensor(p_c)
        write_checkpoint(run.checkpoint, state)
    names = {key: experiment.config[key]["name"] for key in ("model", "dataset", "protocol")}
    told = {"status": "done", "metrics": {}, "seconds": 0, "peak_memory_mb": 0, "command": "ganx train"}
    known = {"signature": experiment.signature, "data": experiment.checksum, "checkpoint": digest(run)}
    run.write_result(names | told | known)
    return Trained(name, experiment)


def drawn(draw: DrawingName, plot: str, runs: list[Trained], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, ...]:
    """What a drawing hands over to be plotted."""
    told: list[tuple[Any, ...]] = []
    monkeypatch.setattr(plots, plot, lambda *arguments: told.append(arguments))
    DRAWINGS[draw].draw(Definition("x", "title", "source", draw, ()), runs, Path("x.png"))
    return told[0]


def test_clusters_are_samples_of_the_categories_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vcagan = ["model=vcagan", "dataset=ring8", "model.categories=4"]
    runs = [
        trained(tmp_path, "GAN", "model=gan", "dataset=ring8"),
        trained(tmp_path, "some", *vcagan, p_c=[0.6, 0.395, 0.005, 0.0]),
        trained(tmp_path, "one", *vcagan, "model.lambda_creg=10", p_c=[0.0, 0.0, 1.0, 0.0]),
    ]
    panels, data, *_ = drawn("clusters", "clusters", runs, monkeypatch)
    np.testing.assert_array_equal(data, runs[0].table.x)
    assert list(panels) == ["GAN", "some\n2 categories\nentropy 0.6999", "one\n1 category\nentropy 0.0000"]
    gan, some, one = panels.values()
    assert set(gan.category) == {0}
    assert set(one.category) == {2}
    assert len(gan.places) == len(one.places) == N_POINTS
    assert set(some.category) == {0, 1}
    assert 0.98 * N_POINTS < len(some.places) < N_POINTS
    assert abs((some.category == 0).mean() - 0.6) < 0.05


def test_a_column_for_each_category_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [
        trained(tmp_path, "VCAGAN", "model=vcagan", "dataset=digits", "model.categories=3", p_c=[0.5, 0.0, 0.5]),
        trained(tmp_path, "CGAN", "model=cgan", "dataset=digits"),
        trained(tmp_path, "GAN", "model=gan", "dataset=digits"),
    ]
    panels, span, *_ = drawn("categories", "columns_of_images", runs, monkeypatch)
    assert span == (0, 16)
    assert list(panels) == ["VCAGAN\n2 categories\nentropy 0.6931", "CGAN", "GAN"]
    assert [grid.images.shape for grid in panels.values()] == [(8, 2, 8, 8), (8, 10, 8, 8), (8, 10, 8, 8)]
    assert [list(grid.names) for grid in panels.values()] == [["0", "2"], list("0123456789"), []]


def test_panels_stand_in_rows_of_equal_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures: list[Any] = []
    monkeypatch.setattr(plots, "save", lambda figure, out: figures.append(figure))
    data = np.random.default_rng(0).normal(size=(50, 2))
    for n in (1, 4, 6, 7):
        panels = {str(i): plots.Points(data, np.arange(50)) for i in range(n)}
        plots.clusters(panels, data, "title", "fact " * 40, tmp_path / "x.png")
    shapes = [figure.axes[0].get_gridspec().get_geometry() for figure in figures]
    assert shapes == [(1, 1), (1, 4), (2, 3), (2, 4)]
    assert [len(figure.axes) for figure in figures] == [1, 4, 6, 7]
    assert figures[0].get_supxlabel().count("\n") > figures[3].get_supxlabel().count("\n") > 0
