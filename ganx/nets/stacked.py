"""Multi-layer perceptrons with a leading replica axis R.

Small networks leave a processor idle, so R independent copies live in one tensor and one batched product
serves all of them. `R = 1` is the same code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Activation(NamedTuple):
    """An element-wise function and its derivative as a function of the pre-activation."""

    function: Callable[[Tensor], Tensor]
    derivative: Callable[[Tensor], Tensor]


def _relu_derivative(a: Tensor) -> Tensor:
    return (a.detach() > 0).to(a.dtype)


def _leaky_relu_derivative(a: Tensor) -> Tensor:
    return torch.where(a.detach() > 0, 1.0, 0.2).to(a.dtype)


def _tanh_derivative(a: Tensor) -> Tensor:
    return 1 - torch.tanh(a).square()


def _silu_derivative(a: Tensor) -> Tensor:
    s = torch.sigmoid(a)
    return s * (1 + a * (1 - s))


ACTIVATIONS: dict[str, Activation] = {
    "relu": Activation(torch.relu, _relu_derivative),
    "leaky_relu": Activation(lambda a: F.leaky_relu(a, 0.2), _leaky_relu_derivative),
    "tanh": Activation(torch.tanh, _tanh_derivative),
    "silu": Activation(F.silu, _silu_derivative),
}


class StackedLinear(nn.Module):
    """R affine maps: (R, B, n_in) -> (R, B, n_out). Xavier-uniform weights, zero bias.

    Args:
        generators: one per replica; replica r draws its weights from `generators[r]` alone.
    """

    def __init__(self, n_in: int, n_out: int, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        bound = math.sqrt(6 / (n_in + n_out))
        weight = torch.empty(len(generators), n_in, n_out)
        for replica, generator in zip(weight, generators, strict=True):
            replica.uniform_(-bound, bound, generator=generator)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(len(generators), 1, n_out))

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)


class StackedMLP(nn.Module):
    """R perceptrons: (R, B, n_in) -> (R, B, n_out), with `hidden` layers between and an optional output function."""

    def __init__(
        self,
        n_in: int,
        hidden: Sequence[int],
        n_out: int,
        *,
        activation: str,
        generators: Sequence[torch.Generator],
        output: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        widths = [n_in, *hidden, n_out]
        self.layers = nn.ModuleList(
            StackedLinear(a, b, generators) for a, b in zip(widths[:-1], widths[1:], strict=True)
        )
        self.activation = ACTIVATIONS[activation]
        self.output = output

    def forward(self, x: Tensor) -> Tensor:
        *hidden, last = self.layers
        for layer in hidden:
            x = self.activation.function(layer(x))
        x = last(x)
        return x if self.output is None else self.output(x)

    def with_squared_gradients(self, x: Tensor, n: int) -> tuple[Tensor, Tensor]:
        """Outputs, and for each of them the squared norm of its gradient with respect to the first `n` inputs.

        Closed form: back through the layers with the activations' derivatives, and the Gram matrix of the first
        layer at the end. It is differentiable by an ordinary backward pass, with no graph of a graph.

        Returns:
            outputs (R, B, n_out) and squared norms (R, B, n_out). For nets without an output function.
        """
        *hidden, last = self.layers
        slopes = []
        for layer in hidden:
            a = layer(x)
            slopes.append(self.activation.derivative(a))
            x = self.activation.function(a)
        first = self.layers[0].weight[:, :n]  # (R, n, h)
        if not hidden:
            return last(x), first.square().sum(1, keepdim=True).expand(-1, x.shape[1], -1)
        # jacobian: d outputs / d pre-activations of the first hidden layer, (R, B, h, n_out)
        jacobian = slopes[-1].unsqueeze(-1) * last.weight.unsqueeze(1)
        for layer, slope in zip(reversed(hidden[1:]), reversed(slopes[:-1]), strict=True):
            jacobian = slope.unsqueeze(-1) * (layer.weight.unsqueeze(1) @ jacobian)
        gram = first.mT @ first
        return last(x), (jacobian * (gram.unsqueeze(1) @ jacobian)).sum(2)
