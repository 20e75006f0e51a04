"""Multi-layer perceptrons with a leading replica axis R.

Small networks leave a processor idle, so R independent copies live in one tensor and one batched product
serves all of them. `R = 1` is the same code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganx.nets.layers import empty_weights


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
        weight = empty_weights((n_in, n_out), generators)
        for replica, generator in zip(weight, generators, strict=True):
            replica.uniform_(-bound, bound, generator=generator)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(len(generators), 1, n_out))

    def forward(self, x: Tensor) -> Tensor:
        """x W + b for each replica."""
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
        self._chain = nn.ModuleList(StackedLinear(a, b, generators) for a, b in pairwise(widths))
        self.layers: list[StackedLinear] = list(self._chain)  # type: ignore[arg-type]
        self.activation = ACTIVATIONS[activation]
        self.output = output

    @torch.no_grad()
    def start_at_zero(self) -> None:
        """Let the last layer give 0, whatever comes in, until it is trained."""
        self.layers[-1].weight.zero_()
        self.layers[-1].bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs."""
        *hidden, last = self.layers
        for layer in hidden:
            x = self.activation.function(layer(x))
        x = last(x)
        return x if self.output is None else self.output(x)

    def with_penalty(self, x: Tensor, n: int, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Return the outputs and sum_bj weight_bj ||d output_j(x_b) / d x_b[:n]||^2, in closed form.

        Back through the layers with the activations' derivatives, and the Gram matrix of the first layer at the end:
        an ordinary backward pass differentiates it, with no graph of a graph. For nets without an output function.

        Args:
            x: (R, B, n_in).
            n: how many of the inputs, the first ones, the gradient is taken with respect to.
            weight: (R, B, J) for the first J outputs, without gradient.

        Returns:
            outputs (R, B, n_out) and the sum (R,).
        """
        n_rows, n_outputs = weight.shape[1:]
        n_hidden = self.layers[0].weight.shape[2]
        if len(self.layers) == 2 and n_hidden * (n_rows + n_outputs) < n_rows * n_outputs:
            outputs, (slope,) = self._with_slopes(x)
            first, last = (layer.weight for layer in self.layers)
            gram = first[:, :n].mT @ first[:, :n]
            return outputs, _penalty_by_moments(slope, last[..., :n_outputs].mT, gram, weight)
        outputs, squares = self.with_gradient_norms(x, n, n_outputs)
        return outputs, (squares * weight).sum((1, 2))

    def with_gradient_norms(self, x: Tensor, n: int, n_outputs: int) -> tuple[Tensor, Tensor]:
        """Return the outputs (R, B, n_out) and ||d output_j(x_b) / d x_b[:n]||^2 of the first outputs, (R, B, J).

        In closed form, as for `with_penalty`.
        """
        outputs, slopes = self._with_slopes(x)
        first = self.layers[0].weight[:, :n]  # (R, n, h)
        if len(self.layers) == 1:
            squares = first[..., :n_outputs].square().sum(1, keepdim=True)
            return outputs, squares.expand(-1, x.shape[1], -1)
        jacobian = self._back_to_first(self.layers[-1].weight[..., :n_outputs].mT.unsqueeze(1), slopes)
        squares = ((jacobian @ (first.mT @ first)) * jacobian).sum(2)
        return outputs, squares.view(-1, x.shape[1], n_outputs)

    def with_probed_penalty(self, x: Tensor, n: int, weight: Tensor, signs: Tensor) -> tuple[Tensor, Tensor]:
        """Return what `with_penalty` does, the sum as an estimate from random signs (after Hutchinson, 1990).

        Of independent signs e_j, E[e_i e_j] is 1 where i = j and 0 elsewhere, so that mixed terms cancel in

            E ||sum_j e_j sqrt(w_j) d output_j / d x||^2 = sum_j w_j ||d output_j / d x||^2,

        and each probe costs one way back through the net instead of J. With J = 1, one probe is exact.

        Args:
            x, n, weight: as for `with_penalty`.
            signs: (R, B, P, J), each -1 or 1: P probes for each row, of which the mean is taken.
        """
        outputs, slopes = self._with_slopes(x)
        n_probes, n_outputs = signs.shape[2:]
        mixed = (signs * weight.sqrt().unsqueeze(2)).flatten(1, 2)  # (R, B P, J)
        rows = mixed @ self.layers[-1].weight[..., :n_outputs].mT
        if len(self.layers) > 1:
            rows = self._back_to_first(rows.view(*x.shape[:2], n_probes, -1), slopes) @ self.layers[0].weight[:, :n].mT
        return outputs, rows[..., :n].square().sum((1, 2)) / n_probes

    def penalty_cost(self, n: int, n_rows: int, n_outputs: int) -> int:
        """Return the multiplications that `with_penalty` takes for one replica, but for small terms."""
        hidden = [layer.weight.shape[2] for layer in self.layers[:-1]]
        back = sum(a * b for a, b in pairwise(hidden))
        gram = hidden[0] ** 2 if hidden else 0
        return n_rows * n_outputs * (back + gram) + n * gram

    def _back_to_first(self, rows: Tensor, slopes: list[Tensor]) -> Tensor:
        """Take derivatives by the last hidden layer back to the pre-activations of the first.

        Args:
            rows: (R, B or 1, P, h), P derivatives for each sample.
            slopes: (R, B, h) of each hidden layer.

        Returns:
            (R, B P, h): a row per (sample, derivative), so that one product serves all of them.
        """
        n_each = rows.shape[2]
        for layer, slope in zip(reversed(self.layers[1:-1]), reversed(slopes[1:]), strict=True):
            rows = (_scale_rows(rows, slope) @ layer.weight.mT).view(*slopes[0].shape[:2], n_each, -1)
        return _scale_rows(rows, slopes[0])

    def _with_slopes(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the outputs, and the activations' derivatives at each hidden layer."""
        *hidden, last = self.layers
        slopes = []
        for layer in hidden:
            a = layer(x)
            slopes.append(self.activation.derivative(a))
            x = self.activation.function(a)
        return last(x), slopes


def _penalty_by_moments(slope: Tensor, v: Tensor, gram: Tensor, weight: Tensor) -> Tensor:
    """Sum over rows first, as sum_b w_bj s_bk s_bl: cheaper for narrow nets with many outputs."""
    pairs = (slope.unsqueeze(3) * slope.unsqueeze(2)).flatten(2)  # (R, B, h h)
    moments = (weight.mT @ pairs).view(*v.shape, -1)  # (R, J, h, h)
    return (moments * gram.unsqueeze(1) * (v.unsqueeze(3) * v.unsqueeze(2))).sum((1, 2, 3))


def _scale_rows(rows: Tensor, slope: Tensor) -> Tensor:
    """(R, B or 1, P, h) times (R, B, h), flattened to (R, B P, h) so that one product serves all rows."""
    return (rows * slope.unsqueeze(2)).flatten(1, 2)


def width(size: float, d: int) -> int:
    """Return a layer's width: an int as it is, a float as a share of d (rounded down, at least 1)."""
    return size if isinstance(size, int) else max(1, int(size * d))
