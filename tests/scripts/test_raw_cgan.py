"""The loop that ganx is timed against computes what ganx computes, so that the comparison is one of cost alone."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
import torch

from ganx.compose import compose
from ganx.engine.generative import GenerativeModule
from ganx.engine.noise import NOISE, Noise, generators
from ganx.run.experiment import Experiment
from tests.engine.conftest import build

STEPS = 3


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = spec_from_file_location("raw_cgan", Path(__file__).parents[2] / "scripts" / "raw_cgan.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def copied(stacked: torch.nn.Module, plain: torch.nn.Module) -> None:
    """Give the plain layers the weights of the stacked ones: a dense layer's lie the other way round."""
    layers = [layer for layer in stacked.modules() if hasattr(layer, "weight")]
    for ours, theirs in zip(layers, plain.children(), strict=True):
        weight = ours.weight[0].T if isinstance(theirs, torch.nn.Linear) else ours.weight[0]
        theirs.weight.data.copy_(weight)
        theirs.bias.data.copy_(ours.bias[0])


def test_losses_and_the_average_are_those_of_ganx(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = Experiment.of(compose("train", ["model=cgan", "dataset=digits", "model.net=cnn"]))
    model, optimizer = experiment.config["model"], experiment.config["optimizer"]
    # What costs time has to be the same. Weights of losses and rates cost none, so the script need not follow them.
    assert model["channels"] == list(script.WIDTHS)
    assert model["latent"] == script.LATENT
    assert model["batch_size"] == script.BATCH
    assert (model["n_critic"], model["penalty_every"], model["lr_decay"]) == (1, 1, 1.0)
    monkeypatch.setattr(script, "RATE", optimizer["lr"])
    monkeypatch.setattr(script, "BETAS", tuple(optimizer["betas"]))
    monkeypatch.setattr(script, "PENALTY", model["penalty_weight"])
    monkeypatch.setattr(script, "EMA", model["ema"])

    ganx, loader = build(experiment)
    assert isinstance(ganx, GenerativeModule)
    raw = script.RawCGAN(8, 10)
    for name, net in raw.nets.items():
        copied(dict(ganx.named_children())[name], net)
    raw.average.load_state_dict(raw.g.state_dict())
    noise = Noise(generators(experiment.replicas, NOISE))
    raw.normal = lambda *shape: noise.normal(*shape)[0]

    ganx.optimizers = lambda *_, **__: torch.optim.SGD([torch.zeros(1)], lr=0.0)  # type: ignore[method-assign]
    block = loader.block(0, STEPS)
    ganx.training_step(block, 0)
    expected = ganx.block_losses()
    for step, batch in enumerate(block):
        losses = raw.outer_step(batch.x[0].detach(), batch.y[0])
        assert losses.keys() == expected.keys()
        now = {name: loss[step, 0] for name, loss in expected.items()}
        torch.testing.assert_close(losses, now, rtol=1e-4, atol=0)

    z, y = raw.normal(5, script.LATENT), torch.eye(10)[:5]
    ganx.eval()
    torch.testing.assert_close(raw.average(z, y), ganx.generate(z[None], y[None])[0], rtol=1e-3, atol=1e-4)
