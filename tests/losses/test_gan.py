"""Losses and gradient penalties of GANs, against their definitions."""

import math

import pytest
import torch
from torch import Tensor

from ganx.errors import UserError
from ganx.losses.gan import LOSSES, adversarial_loss
from ganx.losses.penalties import line_penalty, squared_gradient

REAL, FAKE = torch.tensor([[2.0, -1.0], [0.5, 3.0]]), torch.tensor([[1.0, 0.0], [-2.0, 4.0]])


def log_sigmoid(x: Tensor) -> Tensor:
    return torch.sigmoid(x).log()


@pytest.mark.parametrize(
    ("name", "d", "g"),
    [
        ("nonsaturating", -(log_sigmoid(REAL) + log_sigmoid(-FAKE)), -log_sigmoid(FAKE)),
        ("saturating", -(log_sigmoid(REAL) + log_sigmoid(-FAKE)), log_sigmoid(-FAKE)),
        ("lsgan", 0.5 * ((REAL - 1) ** 2 + FAKE**2), 0.5 * (FAKE - 1) ** 2),
        ("hinge", (1 - REAL).clamp_min(0) + (1 + FAKE).clamp_min(0), -FAKE),
        ("wgan", FAKE - REAL, -FAKE),
    ],
)
def test_losses_are_what_the_papers_say(name: str, d: Tensor, g: Tensor) -> None:
    torch.testing.assert_close(LOSSES[name].d(REAL, FAKE), d.mean(1))
    torch.testing.assert_close(LOSSES[name].g(FAKE), g.mean(1))


def test_at_equilibrium_the_loss_is_log_4() -> None:
    assert float(LOSSES["nonsaturating"].d(torch.zeros(1, 5), torch.zeros(1, 5))) == pytest.approx(math.log(4))


@pytest.mark.parametrize(
    ("name", "penalty"), [("wgan", None), ("hinge", "wgan_gp"), ("lsgan", "clipping"), ("nonsaturating", "clipping")]
)
def test_what_makes_no_sense_is_refused(name: str, penalty: str | None) -> None:
    with pytest.raises(UserError, match=r"loss\.penalty"):
        adversarial_loss({"name": name, "penalty": penalty})


def test_an_unknown_loss_refuses_only_to_be_used() -> None:
    loss = adversarial_loss({"name": "mine", "penalty": "wgan_gp"})
    with pytest.raises(UserError, match="loss=mine: it says no `_target_: file"):
        loss.d(REAL, FAKE)
    with pytest.raises(UserError, match="nonsaturating, saturating"):
        loss.g(FAKE)


def squared_length(x: Tensor) -> Tensor:
    """A critic whose gradient is known: 2 x."""
    return x.square().sum(2)


@pytest.mark.parametrize(("name", "expected"), [("zero_centered", 4 * 25 / 4), ("wgan_gp", (5 - 1.0) ** 2)])
def test_penalties_of_a_critic_with_a_known_gradient(name: str, expected: float) -> None:
    real, fake = torch.tensor([[[3.0, 4.0]]]), torch.zeros(1, 1, 2)
    penalty = line_penalty(name, squared_length, real, fake, torch.full((1, 1), 0.5))
    torch.testing.assert_close(penalty, torch.tensor([expected]))


@pytest.mark.parametrize("name", ["zero_centered", "wgan_gp"])
def test_penalties_are_in_float32_whatever_the_precision(name: str) -> None:
    layer = torch.nn.Linear(4, 1)
    real, fake = torch.randn(1, 6, 4), torch.randn(1, 6, 4)
    place = torch.rand(1, 6)
    expected = line_penalty(name, lambda x: layer(x).squeeze(2), real, fake, place)
    with torch.autocast("cpu", torch.bfloat16):
        found = line_penalty(name, lambda x: layer(x).squeeze(2), real, fake, place)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected)


def test_the_penalty_of_a_row_is_its_own() -> None:
    x = torch.randn(2, 5, 3, requires_grad=True)
    torch.testing.assert_close(squared_gradient(squared_length(x), x), 4 * x.square().sum(2))


def test_a_squared_gradient_is_in_float32_whatever_the_precision() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(16, 64), torch.nn.SiLU(), torch.nn.Linear(64, 1))
    x = torch.randn(1, 8, 16, requires_grad=True)
    outputs = net(x).squeeze(2)
    expected = squared_gradient(outputs, x)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(squared_gradient(outputs, x), expected)
