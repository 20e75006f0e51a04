"""Element-wise adversarial losses: a critic gives one score per cell of a table (HexaGAN, section 2 of its slides).

A cell counts as real where it was observed and as fake where a generator filled it in. The two published
readings of the expectation are both here:

- `sum`: the slides' sum over cells j of E[weight_j * score_j], the expectation running over rows;
- `mean`: the authors' code, a mean over the cells with that weight, then a mean over j.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganx.nets.stacked import StackedMLP


def expected_score(scores: Tensor, weight: Tensor, reduction: str) -> Tensor:
    """Return E[weight * score] over rows, reduced over cells. (R, B, J), (R, B, J) -> (R,)."""
    total = (scores * weight).sum(1)
    if reduction == "sum":
        return total.sum(1) / scores.shape[1]
    return (total / weight.sum(1).clamp_min(1e-8)).mean(1)


def zero_centered_penalty(squared_gradients: Tensor, real: Tensor, reduction: str) -> Tensor:
    """Return the penalty on ||grad D(x)_j||^2 at rows whose cell j is real. (R, B, J), (R, B, J) -> (R,)."""
    return expected_score(squared_gradients, real, reduction)


def squared_gradients_autograd(critic: StackedMLP, x: Tensor, n: int) -> Tensor:
    """Return ||d critic(x)_j / d x[:n]||^2 for every output j by automatic differentiation, (R, B, J).

    One backward pass per output; it holds for any critic, and is the reference for the closed form.
    """
    x = x.detach().requires_grad_()
    outputs = critic(x)
    columns = []
    for j in range(outputs.shape[-1]):
        (gradient,) = torch.autograd.grad(outputs[..., j].sum(), x, create_graph=True)
        columns.append(gradient[..., :n].square().sum(-1))
    return torch.stack(columns, -1)
