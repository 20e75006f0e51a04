"""Generators and discriminators of rows and of images, with a leading replica axis R.

What they return is float32 at least, whatever the precision that they compute in: so are losses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from ganx.errors import UserError
from ganx.nets.layers import BatchNorm, Conv, Dense, Generators, ResizeConv, UpConv, Weights
from ganx.nets.stacked import ACTIVATIONS

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Design:
    """What the networks of a method look like.

    Attributes:
        net: perceptrons (`mlp`), convolutions (`cnn`), or whatever suits the data (`auto`: convolutions for images from
            16 x 16 pixels on).
        hidden: mlp: widths of the hidden layers, in the generator and in the discriminator.
        channels: cnn: channels of the discriminator's layers, each at half the resolution of the one before; the
            generator has them in reverse.
        dense: cnn: units of a hidden dense layer, the generator's first and the discriminator's last; 0: none.
        upsampling: cnn: of the generator.
        batch_norm: in no network, in the generator, or in both.
        spectral_norm: in the discriminator.
    """

    net: Literal["auto", "mlp", "cnn"]
    hidden: Sequence[int]
    channels: Sequence[int]
    dense: int
    upsampling: Literal["transposed", "resize"]
    activation: str
    weights: Weights
    batch_norm: Literal["none", "generator", "both"]
    spectral_norm: bool

    def convolves(self, shape: Shape) -> bool:
        """Whether data of this shape, (d,) or (C, H, W), get convolutions.

        Raises:
            UserError: `cnn` for rows, or an image that cannot be halved so often.
        """
        image = len(shape) == 3
        if self.net == "cnn" and not image:
            raise UserError("model.net=cnn is for images, and these rows are none: choose model.net=mlp")
        if self.net == "mlp" or not image or (self.net == "auto" and min(shape[1:]) < 16):
            return False
        if any(size % 2 ** len(self.channels) for size in shape[1:]):
            raise UserError(
                f"model.channels={list(self.channels)}: an image of {shape[1]} x {shape[2]} pixels cannot be halved "
                f"{len(self.channels)} times; name fewer channels"
            )
        return True


def generator(
    design: Design,
    n_in: int,
    shape: Shape,
    generators: Generators,
    output: Callable[[Tensor], Tensor] | None,
) -> nn.Module:
    """Return R generators: (R, B, n_in) -> (R, B, *shape), with an optional output function."""
    if design.convolves(shape):
        return ConvGenerator(design, n_in, shape, generators, output)
    return Perceptron(design, n_in, shape, generators, output)


def discriminator(
    design: Design, shape: Shape, n_out: int, generators: Generators, n_labels: int = 0
) -> Perceptron | ConvDiscriminator:
    """Return R discriminators: (R, B, *shape) and, with labels, (R, B, n_labels) -> (R, B, n_out)."""
    if design.convolves(shape):
        return ConvDiscriminator(design, shape, n_out, generators, n_labels)
    n_in = torch.Size(shape).numel() + n_labels
    return Perceptron(design, n_in, (n_out,), generators, None, judges=True)


class Perceptron(nn.Module):
    """R perceptrons: (R, B, ...) -> (R, B, *shape). What comes in is flattened; labels are joined to it."""

    def __init__(
        self,
        design: Design,
        n_in: int,
        shape: Shape,
        generators: Generators,
        output: Callable[[Tensor], Tensor] | None,
        *,
        judges: bool = False,
    ) -> None:
        super().__init__()
        self.shape, self.output = shape, output
        self.activation = ACTIVATIONS[design.activation].function
        widths = [n_in, *design.hidden, torch.Size(shape).numel()]
        *hidden, self.last = [
            Dense(a, b, weights=design.weights, generators=generators, spectral=judges and design.spectral_norm)
            for a, b in pairwise(widths)
        ]
        self.hidden = nn.ModuleList(hidden)
        normalised = design.batch_norm == "both" or (design.batch_norm == "generator" and not judges)
        self.norms = nn.ModuleList(BatchNorm(len(generators), h) for h in design.hidden if normalised)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the outputs."""
        x = x.flatten(2)
        if labels is not None:
            x = torch.cat([x, labels], 2)
        for i, layer in enumerate(self.hidden):
            x = layer(x)
            if self.norms:
                x = by_replica(self.norms[i](by_row(x)), x.shape[0])
            x = self.activation(x)
        x = full_precision(self.last(x).unflatten(2, self.shape))
        return x if self.output is None else self.output(x)


class ConvGenerator(nn.Module):
    """R convolutional generators: (R, B, n_in) -> (R, B, C, H, W). A dense layer, then doubled until it fits."""

    def __init__(
        self,
        design: Design,
        n_in: int,
        shape: Shape,
        generators: Generators,
        output: Callable[[Tensor], Tensor] | None,
    ) -> None:
        super().__init__()
        channels = [*reversed(design.channels), shape[0]]
        halved = 2 ** len(design.channels)
        self.n_replicas, self.output = len(generators), output
        self.first_shape = (channels[0], shape[1] // halved, shape[2] // halved)
        self.activation = ACTIVATIONS[design.activation].function
        n_first = torch.Size(self.first_shape).numel()
        widths = [n_in, *([design.dense] if design.dense else []), n_first]
        *hidden, self.first = [Dense(a, b, weights=design.weights, generators=generators) for a, b in pairwise(widths)]
        self.hidden = nn.ModuleList(hidden)
        up = {"transposed": UpConv, "resize": ResizeConv}[design.upsampling]
        self.ups = nn.ModuleList(up(a, b, weights=design.weights, generators=generators) for a, b in pairwise(channels))
        normalised = design.batch_norm != "none"
        self.norms = nn.ModuleList(BatchNorm(self.n_replicas, c) for c in channels[:-1] if normalised)

    def forward(self, z: Tensor) -> Tensor:
        """Return images."""
        for layer in self.hidden:
            z = self.activation(layer(z))
        x = channels_last(by_row(self.first(z).unflatten(2, self.first_shape)))
        for i, up in enumerate(self.ups):
            x = self.activation(self.norms[i](x) if self.norms else x)
            x = up(x)
        x = full_precision(by_replica(x, self.n_replicas))
        return x if self.output is None else self.output(x)


class ConvDiscriminator(nn.Module):
    """R convolutional discriminators: (R, B, C, H, W) -> (R, B, n_out).

    Labels are joined as constant maps to what the first convolution gives, so that the following ones see image and
    label together.
    """

    def __init__(self, design: Design, shape: Shape, n_out: int, generators: Generators, n_labels: int) -> None:
        super().__init__()
        self.n_replicas = len(generators)
        self.activation = ACTIVATIONS[design.activation].function
        channels = [shape[0], *design.channels]
        extra = [0, n_labels, *[0] * len(channels)]
        self.convolutions = nn.ModuleList(
            Conv(
                a + extra[i],
                b,
                size=4,
                stride=2,
                weights=design.weights,
                generators=generators,
                spectral=design.spectral_norm,
            )
            for i, (a, b) in enumerate(pairwise(channels))
        )
        normalised = design.batch_norm == "both"
        self.norms = nn.ModuleList(BatchNorm(self.n_replicas, c) for c in channels[2:] if normalised)  # not the first
        pixels = (shape[1] // 2 ** len(design.channels)) * (shape[2] // 2 ** len(design.channels))
        n_last = (channels[-1] + extra[len(design.channels)]) * pixels
        widths = [n_last, *([design.dense] if design.dense else []), n_out]
        *hidden, self.last = [
            Dense(a, b, weights=design.weights, generators=generators, spectral=design.spectral_norm)
            for a, b in pairwise(widths)
        ]
        self.hidden = nn.ModuleList(hidden)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the outputs."""
        x = channels_last(by_row(x))
        for i, convolution in enumerate(self.convolutions):
            x = convolution(x)
            if i and self.norms:
                x = self.norms[i - 1](x)
            x = self.activation(x)
            if labels is not None and i == 0:
                x = self._join(x, labels)
        x = by_replica(x, self.n_replicas).flatten(2)
        for layer in self.hidden:
            x = self.activation(layer(x))
        return full_precision(self.last(x))

    def _join(self, x: Tensor, labels: Tensor) -> Tensor:
        images = by_replica(x, self.n_replicas)
        maps = labels[..., None, None].expand(-1, -1, -1, *x.shape[2:])
        return by_row(torch.cat([images, maps], 2))


def full_precision(x: Tensor) -> Tensor:
    """Return what networks have computed in 16 bits as float32."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def by_row(x: Tensor) -> Tensor:
    """(R, B, C, ...) -> (B, R C, ...)."""
    return x.transpose(0, 1).flatten(1, 2)


def by_replica(x: Tensor, n_replicas: int) -> Tensor:
    """(B, R C, ...) -> (R, B, C, ...)."""
    return x.view(len(x), n_replicas, -1, *x.shape[2:]).transpose(0, 1)


def channels_last(x: Tensor) -> Tensor:
    """Lay out (B, C, H, W) as convolutions on a GPU are fastest; leave it alone elsewhere."""
    return x.contiguous(memory_format=torch.channels_last) if x.is_cuda else x
