"""Gradient penalties of discriminators that judge whole rows or images.

r1             squared gradient norm at real rows (Mescheder, Geiger, Nowozin, ICML 2018)
r2             the same at generated rows
zero_centered  the same on lines between both (Thanh-Tung, Tran, Venkatesh, ICLR 2019)
wgan_gp        (norm - 1)^2 on lines between both (Gulrajani et al., NIPS 2017)
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

#: The bound of weight clipping (Arjovsky et al., 2017), the penalty that is none.
CLIP = 0.01

Critic = Callable[[Tensor], Tensor]


def squared_gradient(outputs: Tensor, x: Tensor) -> Tensor:
    """Return ||d output(x_b) / d x_b||^2 of each row. (R, B), (R, B, ...) -> (R, B).

    A row's output must depend on that row alone: no batch normalisation. Always in float32, if the outputs were: what
    goes back through a layer follows the precision of here and now.
    """
    with torch.autocast(x.device.type, enabled=False):
        (gradient,) = torch.autograd.grad(outputs.sum(), x, create_graph=True)
        return gradient.flatten(2).square().sum(2)


def line_penalty(name: str, critic: Critic, real: Tensor, fake: Tensor, place: Tensor) -> Tensor:
    """Return the penalty `zero_centered` or `wgan_gp` of a critic, (R,).

    Always in float32 at least: the gradient of a gradient overflows in less.

    Args:
        critic: (R, B, ...) -> (R, B).
        real, fake: (R, B, ...), without gradient.
        place: (R, B) in [0, 1), where between generated and real rows the lines are looked at.
    """
    with torch.autocast(real.device.type, enabled=False):
        fake, real = (rows.to(torch.promote_types(rows.dtype, torch.float32)) for rows in (fake, real))
        x = torch.lerp(fake, real, place.view(*place.shape, *[1] * (real.dim() - 2)))
        x = x.detach().requires_grad_()
        squares = squared_gradient(critic(x), x)
        if name == "wgan_gp":
            return ((squares + 1e-12).sqrt() - 1).square().mean(1)
        return squares.mean(1)
