"""Optimisers by hand."""

import math

import torch

from ganx.compose import compose
from ganx.engine.optimizers import RMSpropTensorFlow, make_optimizer


def test_rmsprop_of_tensorflow_by_hand() -> None:
    """v starts at 1, and eps stands inside the root."""
    group = compose("train", ["model=hexagan", "dataset=breast", "optimizer=rmsprop_tensorflow", "optimizer.eps=0.01"])
    p = torch.tensor([1.0, -2.0], dtype=torch.float64)
    optimizer = make_optimizer(group["optimizer"], [p], lr=0.1)
    assert isinstance(optimizer, RMSpropTensorFlow)
    expected, v = [1.0, -2.0], [1.0, 1.0]
    for gradient in ([0.5, 1e-6], [0.0, 3.0], [-4.0, 0.1]):
        p.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
        v = [0.9 * old + 0.1 * g * g for old, g in zip(v, gradient, strict=True)]
        expected = [x - 0.1 * g / math.sqrt(s + 0.01) for x, g, s in zip(expected, gradient, v, strict=True)]
        torch.testing.assert_close(p, torch.tensor(expected, dtype=torch.float64))


def test_the_authors_presets_have_it() -> None:
    for preset in ("hexagan_authors", "hexagan_slides", "ablation_mlp"):
        config = compose("train", [f"experiment={preset}", "dataset=breast"])
        assert config["optimizer"] == {
            "_target_": "ganx.engine.optimizers.RMSpropTensorFlow",
            "name": "rmsprop_tensorflow",
            "lr": config["optimizer"]["lr"],
            "alpha": 0.9,
            "eps": 1e-10,
        }
