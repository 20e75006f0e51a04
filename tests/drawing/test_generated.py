"""The figures of generative runs: which there are, and what they show, of runs that were hardly trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from ganx.compose import compose
from ganx.drawing import generated
from ganx.drawing.run import draw
from ganx.engine.capabilities import about, of_module, samples
from ganx.engine.generative import GenerativeModule
from ganx.run.context import Context, lay_out
from ganx.run.experiment import Experiment
from ganx.run.fitters import fitter_of
from ganx.run.folder import RunFolder

SHORT = ["dataset.rows=150", "model.steps=4", "model.validate_every=2", "model.hidden=[8]"]


def trained(folder: Path, *overrides: str) -> tuple[Experiment, dict[str, Any], RunFolder]:
    """A short run in its folder, without metrics and figures."""
    experiment = Experiment.of(compose("train", [*overrides, *SHORT, f"outputs={folder}"]))
    run = experiment.folder
    run.create(experiment.config, {})
    context = Context(Console(quiet=True), lay_out(experiment))
    return experiment, fitter_of(experiment).fit(experiment, run, context), run


def draw_all(experiment: Experiment, state: dict[str, Any], folder: RunFolder) -> None:
    context = Context(Console(quiet=True), lay_out(experiment))
    draw(experiment, state, fitter_of(experiment).answers(experiment, state, context), folder)


def generator(experiment: Experiment, state: dict[str, Any], replica: int = 0) -> GenerativeModule:
    module = experiment.module(state, replica)
    assert isinstance(module, GenerativeModule)
    return module


@pytest.mark.parametrize(
    ("overrides", "wanted"),
    [
        (["model=vcagan", "dataset=ring8"], {"samples.png", "samples.gif", "regions.png", "prior_entropy.png"}),
        (["model=infogan", "dataset=ring8"], {"samples.png", "samples.gif", "regions.png"}),
        (["model=gan", "dataset=ring8"], {"samples.png", "samples.gif"}),
        (["model=cgpgan", "dataset=digits"], {"samples.png", "samples.gif", "prior_entropy.png"}),
        (["model=gan", "dataset=digits"], {"samples.png", "samples.gif"}),
        (["model=vcagan", "dataset=wine"], set()),
    ],
)
def test_what_is_drawn(tmp_path: Path, overrides: list[str], wanted: set[str]) -> None:
    experiment, state, folder = trained(tmp_path, *overrides)
    draw_all(experiment, state, folder)
    assert {file.name for file in folder.figures.iterdir()} == wanted | {"losses.png"}
    events = b"".join(file.read_bytes() for file in folder.tensorboard.rglob("events*"))
    for name in ("samples", "regions", "prior_entropy"):
        assert (name.encode() in events) == (f"{name}.png" in wanted)


def test_a_replica_that_failed_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment, state, folder = trained(tmp_path, "model=gan", "dataset=ring8", "seeds=2")
    shown = []
    monkeypatch.setattr(generated, "scatter", lambda data, samples, *_: shown.append(samples))
    draw_all(experiment, state | {"failed": {"0,0": "loss g is NaN"}}, folder)
    assert not (folder.figures / "samples.gif").exists()  # the film is that of replica 0
    view = experiment.view(1)
    second = samples(of_module(generator(experiment, state, 1), view), view, 2500).x
    np.testing.assert_array_equal(shown[0], second)
    draw_all(experiment, state | {"failed": {"0,0": "loss g is NaN", "1,0": "loss g is NaN"}}, folder)
    assert len(shown) == 1


def test_a_grid_leaves_out_what_is_not_in_use(tmp_path: Path) -> None:
    experiment, state, folder = trained(tmp_path, "model=vcagan", "dataset=digits", "model.categories=4")
    state["parameters"]["p_c"][:] = torch.tensor([0.5, 0.009, 0.001, 0.49])
    draw_all(experiment, state, folder)
    module, units = generator(experiment, state), experiment.view(0).units  # type: ignore[attr-defined]
    assert generated.used(module).tolist() == [0, 3]
    assert generated.category_names(module, experiment) == ["0", "3"]
    grid = generated.image_grid(module, units)
    assert grid.shape == (8, 2, 8, 8)
    with Image.open(folder.figures / "samples.png") as figure:
        assert figure.width == 2 * (72 + 3) + 3
    last = state["film"]["frames"][-1].reshape(8, 4, 8, 8)[:, [0, 3]]
    assert np.abs(last.numpy() - grid).max() <= 0.51  # the film ends with this grid, in bytes

    with torch.no_grad(), module.evaluation_noise(0):
        z = module.latent(8)
        c = torch.eye(4)[3].expand(1, 8, -1)
        column = units.cells(module.generate(z, c)[0].numpy())
    np.testing.assert_allclose(grid[:, 1].reshape(8, -1), column, atol=1e-4)


def test_columns_of_classes_have_their_names(tmp_path: Path) -> None:
    experiment, state, _ = trained(tmp_path, "model=cgan", "dataset=digits")
    assert generated.category_names(generator(experiment, state), experiment) == list(experiment.table.classes)


def test_of_very_many_categories_none_is_left_out(tmp_path: Path) -> None:
    experiment, state, _ = trained(tmp_path, "model=infogan", "dataset=ring8", "model.categories=150")
    assert len(generated.used(generator(experiment, state))) == 150


@pytest.mark.parametrize("native", [True, False])
def test_regions_are_asked_in_units_of_the_table(tmp_path: Path, native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    np.savetxt(tmp_path / "two.csv", rng.normal([50, -3], [20, 1], (150, 2)), delimiter=",", header="a,b", comments="")
    data = ["dataset=ring8"] if native else ["dataset=csv", f"dataset.path={tmp_path / 'two.csv'}"]
    experiment, state, folder = trained(tmp_path, "model=vcagan", *data)
    view, every = experiment.view(0), np.arange(experiment.table.n_rows)
    method = of_module(generator(experiment, state), view)
    expected = about(method, view, every, ["cluster"])["cluster"].argmax(1)
    told: list[Any] = []
    monkeypatch.setattr(generated, "regions", lambda data, extent, category_of, out: told.append(category_of(data)))
    generated.draw_regions(experiment, state, 0, {}, folder)
    (found,) = told
    assert len(np.unique(found)) > 1
    np.testing.assert_array_equal(found, expected)
