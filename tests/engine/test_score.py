"""Metrics of what is generated, for generators and classifiers whose quality is known."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganx.compose import compose
from ganx.engine.capabilities import ask, of_module
from ganx.engine.film import MOST_FRAMES, Film, grid_codes
from ganx.engine.generative import GenerativeModule
from ganx.run.experiment import Experiment
from tests.engine.conftest import build


def made(model: str, dataset: str, *overrides: str) -> tuple[Any, Experiment]:
    arguments = [f"model={model}", f"dataset={dataset}", "model.hidden=[8]", *overrides]
    experiment = Experiment.of(compose("train", arguments))
    module, _ = build(experiment)
    assert isinstance(module, GenerativeModule)
    return module, experiment


def scores(module: Any, experiment: Experiment, *names: str) -> dict[str, float]:
    """What a module, a stack of one, reaches."""
    view = experiment.view(0)
    module.eval()
    return experiment.score(0, ask(of_module(module, view), view, names))


def test_the_mixture_itself_is_nearly_perfect() -> None:
    module, experiment = made("gan", "ring8")
    drawn = torch.from_numpy(experiment.table.x).float()

    def generate(z: Tensor, c: Tensor) -> Tensor:
        return drawn[: z.shape[1]].unsqueeze(0)

    module.generate = generate
    metrics = scores(module, experiment, "sample")
    assert metrics["modes"] == 8
    assert metrics["high_quality"] == pytest.approx(0.989, abs=0.006)
    assert metrics["reverse_kl"] < 0.01


def test_a_generator_of_one_mode_covers_one() -> None:
    module, experiment = made("gan", "ring8")
    module.generate = lambda z, c: torch.tensor([2.0, 0.0]).expand(1, z.shape[1], 2)
    metrics = scores(module, experiment, "sample")
    assert metrics["modes"] == 1
    assert metrics["reverse_kl"] == pytest.approx(np.log(8), abs=1e-2)


@pytest.mark.parametrize("wrong", [0.0, 0.25])
def test_clusters_are_named_on_training_rows_and_scored_on_test_rows(wrong: float) -> None:
    module, experiment = made("vcagan", "gaussians4", "model.categories=4")
    table = experiment.table
    assert table.mixture is not None
    centres = torch.from_numpy(table.mixture.centres).float()

    def cluster(x: Tensor) -> Tensor:
        nearest = torch.cdist(x, centres).argmin(2)
        renamed = (nearest + 1) % 4
        generator = torch.Generator().manual_seed(0)
        lost = torch.rand(renamed.shape, generator=generator) < wrong
        return torch.eye(4)[torch.where(lost, (renamed + 1) % 4, renamed)]

    module.cluster = cluster
    metrics = scores(module, experiment, "cluster")
    assert metrics["clustering_error"] == pytest.approx(wrong, abs=0.02)
    assert metrics["clustering_error_majority"] == pytest.approx(wrong, abs=0.02)
    assert (metrics["ari"] > 0.95) == (wrong == 0)


def test_a_film_keeps_few_frames_with_the_same_noise_and_comes_back_from_a_checkpoint() -> None:
    module, experiment = made("vcagan", "ring8")
    units = experiment.view(0).units  # type: ignore[attr-defined]
    film = Film(units)
    for step in range(MOST_FRAMES + 5):
        module.step = step
        film.record(module)
    assert len(film.steps) <= MOST_FRAMES
    assert film.steps == sorted(film.steps)
    np.testing.assert_array_equal(film.frames[0], film.frames[-1])  # untrained in between
    other = Film(units)
    other.load_state_dict(film.state_dict())
    assert other.steps == film.steps
    np.testing.assert_allclose(np.stack(other.frames), np.stack(film.frames), rtol=1e-6)
    np.testing.assert_array_equal(np.stack(other.categories), np.stack(film.categories))


def test_in_a_grid_rows_share_z_and_columns_share_c() -> None:
    module, _ = made("cgan", "digits")
    z, c = grid_codes(module, 3)
    z, c = z.view(3, 10, -1), c.view(3, 10, -1)
    assert torch.equal(z[:, :1].expand_as(z), z)
    assert torch.equal(c[:1].expand_as(c), c)
    assert not torch.equal(z[0], z[1])


def test_rows_of_unknown_class_do_not_count_among_clusters() -> None:
    module, experiment = made("vcagan", "gaussians4", "model.categories=4")
    table, (split,) = experiment.table, experiment.splits
    assert table.y is not None
    known = np.arange(table.n_rows) % 2 == 0
    half = replace(experiment, table=replace(table, y=np.where(known, table.y, -1)))
    some = replace(split, train=split.train[known[split.train]], test=split.test[known[split.test]])
    assert scores(module, half, "cluster") == scores(module, replace(experiment, splits=[some]), "cluster")
    nothing = replace(experiment, table=replace(table, y=np.full_like(table.y, -1)))
    assert scores(module, nothing, "cluster") == {}
