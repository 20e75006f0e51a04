"""How a network reads the features of a table, and where its outputs start.

Features lie in [0, 1], by the range of their column. Where a column is skewed, nearly all of its values lie in a corner
of that range: the inputs are next to zero, and sigmoids that start at 1/2 have so far to go that training saturates
them before they have learned anything else. What the observed training cells say of each feature mends both.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from ganx.engine.setting import Setting
from ganx.engine.views import View
from ganx.nets.stacked import StackedMLP

Inputs = Literal["range", "standard"]
OutputBias = Literal["zero", "mean"]

SWEPT = 4096  # rows at a time when moments are taken
RAREST = 1e-3  # means nearer to 0 or 1 count as this near: a sigmoid that starts further out is saturated


class Scale(nn.Module):
    """x -> x as a network reads it. (R, B, d) -> (R, B, d).

    Args:
        setting: what the engine tells.
        inputs: `range`: as it is; `standard`: asinh((x - mean) / deviation). The inverse hyperbolic sine leaves what is
            within a deviation nearly alone and compresses tails like a logarithm, on either side of the mean.
        output_bias: what the sigmoid outputs of a new network are about: `zero`: 1/2; `mean`: the mean of the column.

    Attributes:
        mean, sd: (R, 1, d), of the observed training cells; stored, and there with `standard` alone.
    """

    mean: Tensor
    sd: Tensor

    def __init__(self, setting: Setting, inputs: Inputs, output_bias: OutputBias) -> None:
        super().__init__()
        self.inputs, self.output_bias = inputs, output_bias
        if inputs == "standard":
            shape = (len(setting.replicas), 1, setting.n_features)
            self.register_buffer("mean", torch.zeros(shape, device=setting.device))
            self.register_buffer("sd", torch.ones(shape, device=setting.device))

    @torch.no_grad()
    def prepare(self, view: View, net: StackedMLP) -> None:
        """Look at the training rows of a view, once before step 0, and let the sigmoids of `net` start accordingly."""
        if self.inputs == "range" and self.output_bias == "zero":
            return
        mean, sd = observed_moments(view)
        if self.inputs == "standard":
            self.mean.copy_(mean)
            self.sd.copy_(sd)
        if self.output_bias == "mean":
            net.layers[-1].bias.copy_(mean.clamp(RAREST, 1 - RAREST).logit())

    def noise(self, z: Tensor) -> Tensor:
        """Return noise about 1/2 as what stands beside `forward`: about 0 where it is standardised."""
        return z if self.inputs == "range" else z - 0.5

    @property
    def unit(self) -> Tensor | float:
        """What a step of 1 in the network's units is worth where x is about its mean, (R, 1, d) or 1."""
        return self.sd if self.inputs == "standard" else 1.0

    def forward(self, x: Tensor) -> Tensor:
        """Return x in the units in which the network reads it."""
        return x if self.inputs == "range" else ((x - self.mean) / self.sd).asinh()


def observed_moments(view: View) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of each feature over the observed training cells, (R, 1, d) each.

    Where nothing is observed, or all is equal, they are 0 and 1, or the value and 1.
    """
    count = total = squares = torch.zeros((), dtype=torch.float64, device=view.device)
    for batch, weight in view.sweep("all", SWEPT):
        known = batch.m * weight.unsqueeze(2)
        count = count + known.sum(1, keepdim=True, dtype=torch.float64)
        total = total + (known * batch.x).sum(1, keepdim=True, dtype=torch.float64)
        squares = squares + (known * batch.x.square()).sum(1, keepdim=True, dtype=torch.float64)
    mean = total / count.clamp_min(1)
    sd = (squares / count.clamp_min(1) - mean.square()).clamp_min(0).sqrt()
    return mean.float(), torch.where(sd > 1e-4, sd, 1.0).float()
