"""The loop that ganx is timed against computes what ganx computes, so that the comparison is one of cost alone."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
import torch

from ganx.engine.noise import NOISE, Noise, generators
from tests.engine.conftest import build, make_experiment

STEPS = 5
# Fake and real scores weigh the same, so the gradient of D_MI's last bias is 0 but for rounding, which Adam's usual eps
# would blow up into a step. The bias moves no gradient, but it does move g_cg's loss.
EPS = 1e-5


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = spec_from_file_location("raw_hexagan", Path(__file__).parents[2] / "scripts" / "raw_hexagan.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("n_cg", [2, 10], ids=["default", "published n_cg"])
def test_losses_are_those_of_ganx(script: ModuleType, monkeypatch: pytest.MonkeyPatch, n_cg: int) -> None:
    experiment = make_experiment(
        *("experiment=hexagan_noise", "dataset=breast", "protocol.folds=0", "seeds=1"),
        *(f"model.n_cg={n_cg}", f"optimizer.eps={EPS}"),
    )
    ganx, loader = build(experiment)
    raw = script.RawHexaGAN(30, 2, n_cg)
    for name, net in raw.nets.items():
        stacked = dict(ganx.named_children())[name].layers
        plain = [layer for layer in net if isinstance(layer, torch.nn.Linear)]
        for ours, theirs in zip(stacked, plain, strict=True):
            theirs.weight.data.copy_(ours.weight[0].T)
            theirs.bias.data.copy_(ours.bias[0, 0])
    # Weights of losses and rates cost no time, so the script need not follow when the defaults are tuned.
    for key in ("lambda_1", "lambda_2", "alpha_1", "alpha_2", "alpha_3", "alpha_4"):
        monkeypatch.setattr(script, key.upper(), experiment.config["model"][key])
    monkeypatch.setattr(script, "DECAY", experiment.config["model"]["lr_decay"])
    for name, optimizer in raw.optimizers.items():
        optimizer.param_groups[0]["lr"] = ganx.player_optimizers[name].param_groups[0]["lr"]
        optimizer.param_groups[0]["eps"] = EPS
    noise = Noise(generators(experiment.replicas, NOISE))
    raw.uniform = lambda *shape: noise.uniform(*shape)[0]

    ganx.optimizers = lambda *_, **__: torch.optim.SGD([torch.zeros(1)], lr=0.0)  # type: ignore[method-assign]
    block = loader.block(0, STEPS)
    ganx.training_step(block, 0)
    expected = ganx.block_losses()
    for step, batch in enumerate(block):
        losses = raw.outer_step(batch.x[0], batch.m[0], batch.y[0], batch.labelled[0])
        raw.decay()
        assert losses.keys() == expected.keys()
        now = {name: loss[step, 0] for name, loss in expected.items()}
        torch.testing.assert_close(losses, now, rtol=1e-4, atol=0)
