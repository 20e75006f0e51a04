"""Noise: what is hidden for a step."""

import pytest
import torch

from ganx.engine.noise import NOISE, Noise, generators


def test_hidden_cells_are_observed_ones() -> None:
    noise = Noise(generators([(0, 0), (1, 0)], NOISE))
    m = (torch.rand(2, 100, 30) < 0.8).float()
    shown = noise.hide(m, 0.3)
    assert bool((shown <= m).all())
    assert float(shown.sum() / m.sum()) == pytest.approx(0.7, abs=0.03)
    assert not torch.equal(shown[0] - m[0], shown[1] - m[1])
    assert torch.equal(noise.hide(m, 0.0), m)
