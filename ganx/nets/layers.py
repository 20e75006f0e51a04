"""Layers with a leading replica axis R: affine maps, convolutions and batch normalisation.

R independent copies live in one tensor, and one product serves all of them; `R = 1` is the same code. Between
convolutions activations have the shape (B, R C, H, W): a convolution in R groups is R convolutions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganx.errors import UserError

Weights = Literal["xavier", "he", "normal", "equalized"]
Generators = Sequence[torch.Generator]

MOST_WEIGHTS = 100_000_000  # of a layer, for each replica


def empty_weights(shape: Sequence[int], generators: Generators) -> Tensor:
    """Return room for the weights (R, *shape) of a layer.

    Raises:
        UserError: no machine that trains it would have room.
    """
    if (count := math.prod(shape)) > MOST_WEIGHTS:
        size = " x ".join(map(str, shape))
        raise UserError(
            f"a layer of {size} has {count:,} weights; at most {MOST_WEIGHTS:,} are taken: choose smaller widths"
        )
    return torch.empty(len(generators), *shape)


class Stacked(nn.Module):
    """R weight tensors (R, *shape) with zero biases; replica r draws its weights from `generators[r]` alone.

    Args:
        shape: of one replica's weights.
        n_bias: length of one replica's bias.
        fan: numbers that enter and leave one unit.
        weights: `xavier` uniform (Glorot and Bengio, 2010); `he` normal with sd sqrt(2 / fan_in) (He et al., 2015);
            `normal` with sd 0.02 (Radford et al., 2016); `equalized`, standard normal and scaled by sqrt(2 / fan_in) in
            every forward pass, so that all layers learn at one pace (Karras et al., 2018).
        output_axis: of one replica's weights, the one that counts outputs.
        spectral: divide by the largest singular value, from one power iteration in each forward pass of training
            (Miyato et al., 2018).
    """

    u: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        n_bias: int,
        fan: tuple[int, int],
        *,
        weights: Weights,
        generators: Generators,
        output_axis: int,
        spectral: bool = False,
    ) -> None:
        super().__init__()
        he = math.sqrt(2 / fan[0])
        sd = {"he": he, "normal": 0.02, "equalized": 1.0}
        weight = empty_weights(shape, generators)
        for replica, generator in zip(weight, generators, strict=True):
            if weights == "xavier":
                bound = math.sqrt(6 / sum(fan))
                replica.uniform_(-bound, bound, generator=generator)
            else:
                replica.normal_(std=sd[weights], generator=generator)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(len(generators), n_bias))
        self.scale = he if weights == "equalized" else 1.0
        self.output_axis = output_axis
        self.spectral = spectral
        if spectral:
            u = torch.stack([torch.empty(shape[output_axis]).normal_(generator=g) for g in generators])
            self.register_buffer("u", F.normalize(u, dim=1))

    def effective_weight(self) -> Tensor:
        """Return the weights as the forward pass uses them, (R, *shape)."""
        weight = self.weight * self.scale if self.scale != 1.0 else self.weight
        if not self.spectral:
            return weight
        matrix = weight.movedim(self.output_axis + 1, 1).flatten(2)  # (R, n_out, fan_in)
        with torch.no_grad():
            v = F.normalize(torch.einsum("ro,rof->rf", self.u, matrix), dim=1)
            u = F.normalize(torch.einsum("rof,rf->ro", matrix, v), dim=1)
            if self.training:
                self.u.copy_(u)
        norm = torch.einsum("ro,rof,rf->r", u, matrix, v)
        return weight / norm.view(-1, *[1] * (weight.dim() - 1))


class Dense(Stacked):
    """R affine maps: (R, B, n_in) -> (R, B, n_out)."""

    def __init__(
        self, n_in: int, n_out: int, *, weights: Weights, generators: Generators, spectral: bool = False
    ) -> None:
        super().__init__(
            (n_in, n_out),
            n_out,
            (n_in, n_out),
            weights=weights,
            generators=generators,
            output_axis=1,
            spectral=spectral,
        )

    def forward(self, x: Tensor) -> Tensor:
        """x W + b for each replica."""
        return torch.baddbmm(self.bias.unsqueeze(1), x, self.effective_weight())


class Conv(Stacked):
    """R convolutions: (B, R c_in, H, W) -> (B, R c_out, H', W'), of the same size or, with stride 2, half of it."""

    def __init__(
        self,
        c_in: int,
        c_out: int,
        *,
        size: int,
        stride: int = 1,
        weights: Weights,
        generators: Generators,
        spectral: bool = False,
    ) -> None:
        super().__init__(
            (c_out, c_in, size, size),
            c_out,
            (c_in * size**2, c_out * size**2),
            weights=weights,
            generators=generators,
            output_axis=0,
            spectral=spectral,
        )
        self.stride, self.padding = stride, (size - 1) // 2

    def forward(self, x: Tensor) -> Tensor:
        """Convolve the channels of each replica."""
        weight = self.effective_weight().flatten(0, 1)
        return F.conv2d(x, weight, self.bias.flatten(), self.stride, self.padding, groups=len(self.weight))


class UpConv(Stacked):
    """R transposed convolutions, 4 x 4 with stride 2: (B, R c_in, H, W) -> (B, R c_out, 2 H, 2 W)."""

    def __init__(self, c_in: int, c_out: int, *, weights: Weights, generators: Generators) -> None:
        # A pixel of the result is reached from 2 x 2 pixels.
        super().__init__(
            (c_in, c_out, 4, 4),
            c_out,
            (c_in * 4, c_out * 16),
            weights=weights,
            generators=generators,
            output_axis=1,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Convolve the channels of each replica, the other way round."""
        weight = self.effective_weight().flatten(0, 1)
        return F.conv_transpose2d(x, weight, self.bias.flatten(), 2, 1, groups=len(self.weight))


class ResizeConv(Conv):
    """Nearest-neighbour resizing and a 3 x 3 convolution: no checkerboards (Odena, Dumoulin, Olah, 2016)."""

    def __init__(self, c_in: int, c_out: int, *, weights: Weights, generators: Generators) -> None:
        super().__init__(c_in, c_out, size=3, weights=weights, generators=generators)

    def forward(self, x: Tensor) -> Tensor:
        """Resize, then convolve."""
        return super().forward(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class BatchNorm(nn.Module):
    """Batch normalisation of (B, R C, ...), each replica's channels by themselves (Ioffe and Szegedy, 2015)."""

    mean: Tensor
    variance: Tensor

    def __init__(self, n_replicas: int, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(n_replicas, channels))
        self.shift = nn.Parameter(torch.zeros(n_replicas, channels))
        self.register_buffer("mean", torch.zeros(n_replicas, channels))
        self.register_buffer("variance", torch.ones(n_replicas, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise by the minibatch while training, by running averages afterwards."""
        running = self.mean.flatten(), self.variance.flatten()  # views
        return F.batch_norm(x, *running, self.gain.flatten(), self.shift.flatten(), self.training, 0.1, 1e-5)
