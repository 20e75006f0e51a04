"""Imputer, balancer, classifier: what the second stage sees of the first, what is added, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from ganx import cli
from ganx.compose import compose
from ganx.data.encoding import Encoding
from ganx.data.splits import make_splits
from ganx.data.table import Column, Table
from ganx.engine.checkpoint import read_checkpoint
from ganx.engine.views import open_view
from ganx.run.chain import classifying, fill, stages
from ganx.run.context import Context, lay_out
from ganx.run.experiment import Experiment
from ganx.run.fitters import fitter_of
from ganx.run.folder import RunFolder
from ganx.run.pipeline import Pipeline
from ganx.schema import Protocol

SHORT = ["model.classifier.steps=20", "model.classifier.validate_every=10", "protocol.folds=2", "dataset=wine"]


def experiment_of(*overrides: str) -> Experiment:
    return Experiment.of(compose("train", ["model=pipeline", "model@model.imputer=zeros", *SHORT, *overrides]))


def filled_by(experiment: Experiment, folder: Path) -> list[np.ndarray]:
    first, _ = stages(experiment)
    context = Context(Console(quiet=True), lay_out(first))
    return fill(first, fitter_of(first).fit(first, RunFolder(folder), context))


def test_the_classifier_sees_filled_rows_and_shown_labels(tmp_path: Path) -> None:
    experiment = experiment_of("model.balancer=none")
    filled = filled_by(experiment, tmp_path)
    stage = classifying(experiment, filled)
    view = open_view(stage.spec, stage.table, stage.encoding, stage.splits, completed=stage.completed)
    batch = view.batch(torch.arange(stage.table.n_rows).expand(2, -1))
    assert bool((batch.m == 1).all())
    assert not batch.missing.any()
    for r, split in enumerate(stage.splits):
        np.testing.assert_array_equal(batch.x[r].numpy(), filled[r])
        np.testing.assert_array_equal(batch.labelled[r, :, 0].numpy() == 1, split.shown_labels())
        seen = split.seen
        scaled = (stage.encoding.encode(stage.table.x) - split.low) / split.span
        np.testing.assert_allclose(filled[r][seen], scaled[seen], atol=1e-6)
        assert not filled[r][~seen].any()


def test_smote_levels_the_labelled_training_rows(tmp_path: Path) -> None:
    experiment = experiment_of("model.balancer=smote", "protocol.imbalance_ratio=4")
    stage = classifying(experiment, filled_by(experiment, tmp_path))
    assert stage.completed is not None
    assert experiment.table.y is not None
    view = open_view(stage.spec, stage.table, stage.encoding, stage.splits, completed=stage.completed)
    for part, rows, before in zip(stage.completed, view.rows_of("all"), experiment.splits, strict=True):
        known = before.train[before.shown_labels()[before.train]]
        counts = np.bincount(experiment.table.y[known], minlength=3)
        added = np.bincount(part.added, minlength=3)
        assert added.sum() > 0
        assert (counts + added).tolist() == [counts.max()] * 3
        assert len(rows) == len(before.rows) + len(part.added)
        assert set(rows) - set(before.rows) == set(range(len(before.labelled), len(part.x)))
        new = part.x[len(before.labelled) :]
        for k in range(3):  # between rows of its class
            real = part.x[known[experiment.table.y[known] == k]]
            assert (new[part.added == k] <= real.max(0) + 1e-6).all()
            assert (new[part.added == k] >= real.min(0) - 1e-6).all()


@pytest.mark.parametrize("numbers", [2, 0])
def test_smote_adds_whole_categories(numbers: int) -> None:
    random = np.random.default_rng(0)
    y = np.repeat([0, 1], [30, 10])
    columns = (*(Column(f"x{j}") for j in range(numbers)), Column("a", ("p", "q", "r")), Column("b", ("s", "t")))
    cells = np.column_stack([random.normal(size=(40, numbers)), y, random.integers(2, size=40)])
    table = Table("mixed", cells, y, columns, ("no", "yes"), "y")
    protocol = Protocol(**compose("train", ["model=zeros", "dataset=wine", "protocol.folds=0"])["protocol"])
    encoding = Encoding.of(table)
    [split] = make_splits(table, encoding, protocol, 0, 1)
    pipeline = Pipeline(imputer={}, balancer="smote", classifier={})
    made = pipeline.complete(table, split, encoding.encode(cells))
    known = np.intersect1d(split.train, np.flatnonzero(split.shown_labels()))
    new = made.x[40:]
    assert len(new) == np.ptp(np.bincount(y[known]))
    assert (made.added == 1).all()
    assert np.isin(new[:, numbers:], [0, 1]).all()
    assert new[:, numbers + 1].all()  # as all neighbours of the class


@pytest.mark.parametrize("balancer", ["cs", "crl"])
def test_a_loss_balances_in_the_classifier(balancer: str) -> None:
    experiment = experiment_of(f"model.balancer={balancer}")
    assert stages(experiment)[1].config["model"]["balance"] == balancer


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["model@model.imputer=mlp"], "model.imputer: model=mlp does not impute"),
        (["model@model.classifier=knn"], "model.classifier: model=knn does not classify"),
        (["model@model.classifier=hexagan"], "model.balancer=cs: the classifier 'hexagan' has no such loss"),
        (["model.imputer.n_neighbours=3"], "unknown key 'model.imputer.n_neighbours'"),
        (["model.balancer=smoot"], "model.balancer=smoot"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_wrong_stages(
    overrides: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    short = [word for word in SHORT if "classifier" not in word]
    assert cli.main(["train", "model=pipeline", *short, *overrides]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert told in said
    assert not (tmp_path / "outputs").exists()


def test_an_interrupted_pipeline_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the imputer has filled is read back, and the result is that of an undisturbed run."""
    monkeypatch.chdir(tmp_path)
    command = ["train", "model=pipeline", "model@model.imputer=gain", "model.imputer.steps=20", *SHORT]
    assert cli.main([*command, "outputs=whole"]) == 0
    assert cli.main([*command, "outputs=broken"]) == 0
    (result,) = Path("broken").glob("runs/wine/*/result.json")
    result.unlink()
    (result.parent / "checkpoints" / "last.ckpt").unlink()
    assert cli.main([*command, "outputs=broken"]) == 0
    states = [read_checkpoint(file) for file in sorted(Path().glob("*/runs/wine/*/checkpoints/last.ckpt"))]
    for name, value in states[0]["parameters"].items():
        assert torch.equal(value, states[1]["parameters"][name]), name
