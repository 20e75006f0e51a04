"""What a network is told of the scale of features, and where its outputs start."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ganx.compose import compose
from ganx.methods.autoencoder import Autoencoder
from ganx.methods.gain import GAIN
from ganx.methods.hexagan import HexaGAN
from ganx.run.experiment import Experiment
from tests.engine.conftest import build, make_experiment, walk


def make(model: str, *overrides: str) -> Any:
    return build(make_experiment(f"model={model}", *overrides))[0]


def test_moments_are_those_of_the_observed_training_cells() -> None:
    module = make("autoencoder")
    for r, split in enumerate(module.data.splits):
        seen, rows = split.shown()[split.rows], module.data.features[torch.from_numpy(split.rows)].numpy()
        x = np.where(seen, (rows - split.low) / split.span, np.nan)
        np.testing.assert_allclose(module.scale.mean[r, 0], np.nanmean(x, 0), rtol=1e-5)
        np.testing.assert_allclose(module.scale.sd[r, 0], np.nanstd(x, 0), rtol=1e-4)


@pytest.mark.parametrize("model", ["autoencoder", "gain", "hexagan"])
def test_outputs_start_about_the_mean(model: str) -> None:
    module = make(model, "model.inputs=standard", "model.output_bias=mean")
    assert isinstance(module, Autoencoder | GAIN | HexaGAN)
    batch = module.data.batch(torch.arange(150).expand(4, -1))
    with torch.no_grad():
        filled = module.impute(batch.x, torch.zeros_like(batch.m)).mean(1)
    torch.testing.assert_close(filled, module.scale.mean[:, 0], atol=0.02, rtol=0)


@pytest.mark.parametrize("preset", ["gain_paper", "gain_authors", "hexagan_authors", "hexagan_slides"])
def test_the_published_presets_know_no_moments(preset: str) -> None:
    experiment = Experiment.of(compose("train", ["dataset=wine", f"experiment={preset}", "protocol.folds=2"]))
    module, _ = build(experiment)
    assert isinstance(module, GAIN | HexaGAN)
    assert not any(name.startswith("scale.") for name in module.tensors())
    net = module.g if isinstance(module, GAIN) else module.g_mi
    assert not net.layers[-1].bias.any()


def test_moments_are_stored_and_brought_back() -> None:
    experiment = make_experiment("model=autoencoder", "model.hidden=[8]")
    (here, loader), (there, _) = build(experiment), build(experiment)
    walk(here, loader, 3)
    there.scale.mean.zero_()
    there.load_training_state(here.training_state())
    batch = loader.block(3, 1)[0]
    assert torch.equal(there.impute(batch.x, batch.m), here.impute(batch.x, batch.m))


def test_constant_columns_and_long_tails_stay_finite(tmp_path: Path) -> None:
    file = tmp_path / "odd.csv"
    rows = [f"7,{10 ** (i % 40 == 0) * (i % 3)},{1e6 if i == 5 else i % 2}" for i in range(80)]
    file.write_text("\n".join(["same,skewed,tail", *rows]) + "\n")
    module, loader = build(make_experiment("model=gain", "dataset=csv", f"dataset.path={file}"))
    walk(module, loader, 20)
    assert all(bool(losses.isfinite().all()) for losses in module.block_losses().values())
    batch = loader.block(20, 1)[0]
    assert bool((module.scale(batch.x).abs() < 10).all())
