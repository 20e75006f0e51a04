"""Gradients and gradients of gradients of every network, against finite differences in double precision."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call

from ganx.nets.layers import BatchNorm, Conv, Dense, ResizeConv, UpConv
from ganx.nets.players import Design, discriminator, generator
from ganx.nets.stacked import ACTIVATIONS, StackedMLP

R, B = 2, 3
DESIGN = Design("mlp", [4], [2], 3, "transposed", "silu", "equalized", "none", False)
CNN = replace(DESIGN, net="cnn")


def make_generators() -> list[torch.Generator]:
    return [torch.Generator().manual_seed(i) for i in range(R)]


def numbers(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


def function_of(net: nn.Module, call: Callable[..., Any] | None, *further: Tensor) -> Callable[..., Any]:
    """Return a network as a function of its input and of all its parameters."""
    names = [f"net.{name}" for name, _ in net.named_parameters()]
    buffers = {f"net.{name}": value for name, value in net.named_buffers()}

    def function(x: Tensor, *parameters: Tensor) -> Any:
        state = dict(zip(names, parameters, strict=True)) | {name: value.clone() for name, value in buffers.items()}
        return functional_call(Called(net, call), state, (x, *further))

    return function


def in_double(net: nn.Module) -> tuple[Tensor, ...]:
    """Give every parameter, biases too, other values than those they start with, and return them."""
    net.double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(numbers(*parameter.shape), alpha=0.7)
    return tuple(parameter.detach().clone().requires_grad_() for parameter in net.parameters())


def check(net: nn.Module, x: Tensor, call: Callable[..., Any] | None = None) -> None:
    """Check derivatives by input and parameters, and derivatives of these, along random directions (`fast_mode`)."""
    arguments = (x, *in_double(net))
    function = function_of(net, call)
    assert gradcheck(function, arguments, fast_mode=True)
    assert gradgradcheck(function, arguments, fast_mode=True, atol=1e-4)


def check_normalised(net: nn.Module, x: Tensor, *further: Tensor) -> None:
    """Check the derivatives of a net with spectral norm, and those of its gradient by the input.

    Singular vectors are constants to autograd. Once power iteration has converged, that is exact for first derivatives
    by weights, and so for what gradient penalties need; second derivatives by weights are none of its business.
    """
    arguments = (x, *in_double(net))
    for _ in range(300):
        net.train()(x, *further)
    function = function_of(net.eval(), None, *further)

    def slope(x: Tensor, *parameters: Tensor) -> Tensor:
        return torch.autograd.grad(function(x, *parameters).square().sum(), x, create_graph=True)[0]

    assert gradcheck(function, arguments, fast_mode=True)
    assert gradcheck(slope, arguments, fast_mode=True)


class Called(nn.Module):
    """A network of which another method than `forward` is called."""

    def __init__(self, net: nn.Module, call: Callable[..., Any] | None) -> None:
        super().__init__()
        self.net, self.call = net, call

    def forward(self, *arguments: Tensor) -> Any:
        return self.net(*arguments) if self.call is None else self.call(self.net, *arguments)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [[], [3], [3, 4]], ids=str)
def test_stacked_mlp(hidden: list[int], activation: str) -> None:
    net = StackedMLP(4, hidden, 2, activation=activation, generators=make_generators(), output=torch.sigmoid)
    check(net, numbers(R, B, 4))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("hidden", "n_rows", "n_outputs"), [([], 3, 2), ([2], 12, 6), ([5], 3, 2), ([3, 4], 3, 2)])
def test_closed_form_penalties(activation: str, hidden: list[int], n_rows: int, n_outputs: int) -> None:
    """Both forms of `with_penalty`, `with_probed_penalty` and `with_gradient_norms`."""
    net = StackedMLP(4, hidden, n_outputs, activation=activation, generators=make_generators())
    weight = numbers(R, n_rows, n_outputs).detach().abs()
    check(net, numbers(R, n_rows, 4), lambda net, x: net.with_penalty(x, 3, weight))
    check(net, numbers(R, n_rows, 4), lambda net, x: net.with_gradient_norms(x, 3, n_outputs))
    signs = numbers(R, n_rows, 2, n_outputs).detach().sign()
    check(net, numbers(R, n_rows, 4), lambda net, x: net.with_probed_penalty(x, 3, weight, signs))


LAYERS = {
    "dense": (lambda **options: Dense(3, 2, **options), (R, B, 3)),
    "convolution": (lambda **options: Conv(2, 3, size=4, stride=2, **options), (B, R * 2, 4, 4)),
    "transposed": (lambda **options: UpConv(2, 1, **options), (B, R * 2, 2, 2)),
    "resized": (lambda **options: ResizeConv(2, 1, **options), (B, R * 2, 2, 2)),
}


@pytest.mark.parametrize("layer", LAYERS)
def test_layers(layer: str) -> None:
    make, shape = LAYERS[layer]
    check(make(weights="equalized", generators=make_generators()), numbers(*shape))


def test_layers_with_spectral_norm() -> None:
    options: dict[str, Any] = {"weights": "equalized", "generators": make_generators(), "spectral": True}
    check_normalised(Dense(3, 2, **options), numbers(R, B, 3))
    check_normalised(Conv(2, 3, size=3, **options), numbers(B, R * 2, 4, 4))


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm(training: bool) -> None:
    check(BatchNorm(R, 2).train(training), numbers(B, R * 2, 2, 2))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_perceptron(activation: str) -> None:
    design = replace(DESIGN, activation=activation, batch_norm="generator")
    check(generator(design, 3, (2,), make_generators(), torch.tanh), numbers(R, 4, 3))


@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
def test_convolutional_generator(upsampling: str) -> None:
    design = replace(CNN, upsampling=upsampling, batch_norm="generator")
    check(generator(design, 3, (1, 4, 4), make_generators(), torch.tanh), numbers(R, B, 3))


@pytest.mark.parametrize("net", ["mlp", "cnn"])
def test_discriminator_with_labels_and_spectral_norm(net: str) -> None:
    design = replace(DESIGN, net=net, spectral_norm=True)
    d = discriminator(design, (1, 4, 4), 2, make_generators(), n_labels=2)
    check_normalised(d, numbers(R, B, 1, 4, 4), numbers(R, B, 2).detach())
