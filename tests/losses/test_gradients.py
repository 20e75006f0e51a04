"""Gradients and gradients of gradients of every loss and penalty, against finite differences in double precision."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck, gradgradcheck

from ganx.losses.adversarial import binary_cross_entropy, mean_over
from ganx.losses.balance import classification_loss
from ganx.losses.elementwise import expected_score
from ganx.losses.gan import LOSSES
from ganx.losses.penalties import line_penalty, squared_gradient

R, B, K = 2, 5, 3


def numbers(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.randn(*shape, generator=generator, dtype=torch.float64)).requires_grad_()


def check(loss: Callable[..., Tensor], *arguments: Tensor) -> None:
    assert loss(*arguments).shape == (R,)
    assert gradcheck(loss, arguments, fast_mode=True)
    assert gradgradcheck(loss, arguments, fast_mode=True)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_whole_rows(name: str) -> None:
    check(LOSSES[name].d, numbers(R, B), numbers(R, B, seed=1))
    check(LOSSES[name].g, numbers(R, B))


def test_losses_of_cells() -> None:
    cells = (numbers(R, B, K, seed=1) > 0).double()
    check(lambda a: mean_over(binary_cross_entropy(a, cells), cells), numbers(R, B, K))
    for reduction in ("sum", "mean"):
        check(lambda a, reduction=reduction: expected_score(a.tanh(), cells, reduction), numbers(R, B, K))


@pytest.mark.parametrize("balance", ["none", "cs", "crl"])
def test_losses_of_classifiers(balance: str) -> None:
    y = torch.eye(K, dtype=torch.float64)[torch.tensor([0, 0, 0, 1, 1])].expand(R, -1, -1)
    check(lambda logits: classification_loss(logits, y, balance), numbers(R, B, K))


class Critic(nn.Module):
    """(R, B, 2) -> (R, B), smooth, by a weight that is given."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.given = weight

    def forward(self, x: Tensor) -> Tensor:
        return (x @ self.given).tanh().sum(2)


def test_a_squared_gradient() -> None:
    check(lambda x, w: squared_gradient(Critic(w)(x), x).mean(1), numbers(R, B, 2), numbers(R, 2, 3, seed=1))


@pytest.mark.parametrize("name", ["zero_centered", "wgan_gp"])
def test_penalties_on_lines(name: str) -> None:
    real, fake = numbers(R, B, 2).detach(), numbers(R, B, 2, seed=1).detach()
    place = torch.linspace(0, 0.9, B, dtype=torch.float64).expand(R, -1)
    check(lambda w: line_penalty(name, Critic(w), real, fake, place), numbers(R, 2, 3, seed=2))
