"""Generators and discriminators: replicas are independent, and layers are what torch calls by the same names."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganx.errors import UserError
from ganx.nets.layers import BatchNorm, Conv, Dense, ResizeConv, UpConv
from ganx.nets.players import Design, discriminator, generator

DESIGN = Design("auto", [12, 12], [4, 6], 0, "transposed", "leaky_relu", "equalized", "none", False)
CNN = replace(DESIGN, net="cnn")
SHAPES = [(3,), (1, 8, 8), (1, 28, 28), (3, 32, 32)]


def make_generators(n: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(i) for i in range(n)]


def designs() -> list[Design]:
    changes: list[dict[str, object]] = [
        {},
        {"weights": "xavier", "spectral_norm": True, "dense": 9},
        {"weights": "normal", "batch_norm": "both", "upsampling": "resize"},
    ]
    return [replace(DESIGN, **change) for change in changes]  # type: ignore[arg-type]


@pytest.mark.parametrize("design", designs(), ids=lambda design: design.weights)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_replica_in_a_stack_is_itself_alone(design: Design, shape: tuple[int, ...]) -> None:
    stack, alone = make_generators(3), make_generators(3)[2:]
    z, c = torch.randn(3, 7, 5), torch.eye(4)[torch.arange(21) % 4].view(3, 7, 4)
    g, g_alone = generator(design, 5, shape, stack, torch.tanh), generator(design, 5, shape, alone, torch.tanh)
    x = g(z)
    assert x.shape == (3, 7, *shape)
    torch.testing.assert_close(g_alone(z[2:]), x[2:], rtol=1e-4, atol=1e-5)
    d, d_alone = discriminator(design, shape, 2, stack, n_labels=4), discriminator(design, shape, 2, alone, n_labels=4)
    torch.testing.assert_close(d_alone(x[2:], c[2:]), d(x, c)[2:], rtol=1e-4, atol=1e-5)
    assert {len(value) for net in (g, d) for value in (*net.parameters(), *net.buffers())} == {3}


@pytest.mark.parametrize("design", [DESIGN, CNN, replace(CNN, channels=[4])], ids=["mlp", "cnn", "one layer"])
def test_the_label_matters_to_a_discriminator(design: Design) -> None:
    d = discriminator(design, (1, 8, 8), 1, make_generators(1), n_labels=3)
    x = torch.randn(1, 3, 1, 8, 8)
    one, other = torch.eye(3)[[0, 1, 2]].unsqueeze(0), torch.eye(3)[[1, 2, 0]].unsqueeze(0)
    assert bool((d(x, one) != d(x, other)).all())


def test_auto_takes_convolutions_for_images_from_16_pixels_on() -> None:
    assert [DESIGN.convolves(shape) for shape in SHAPES] == [False, False, True, True]
    assert not replace(DESIGN, net="mlp").convolves((1, 28, 28))


def test_what_cannot_be_convolved_is_refused() -> None:
    with pytest.raises(UserError, match=r"net=mlp"):
        CNN.convolves((13,))
    with pytest.raises(UserError, match="cannot be halved 3 times"):
        replace(CNN, channels=[4, 4, 4]).convolves((1, 28, 28))


# --- layers ----------------------------------------------------------------------------------------------------


def theirs_per_replica(layer: Dense | Conv | UpConv, x: Tensor) -> Tensor:
    """Apply torch's own layer to each replica."""
    outputs = []
    for weight, bias, rows in zip(layer.weight, layer.bias, x, strict=True):
        if isinstance(layer, Dense):
            outputs.append(F.linear(rows, weight.T, bias))
        elif isinstance(layer, UpConv):
            outputs.append(F.conv_transpose2d(rows, weight, bias, 2, 1))
        else:
            rows = F.interpolate(rows, scale_factor=2) if isinstance(layer, ResizeConv) else rows
            outputs.append(F.conv2d(rows, weight, bias, layer.stride, layer.padding))
    return torch.stack(outputs)


@pytest.mark.parametrize(
    "layer",
    [
        Dense(3, 5, weights="xavier", generators=make_generators(2)),
        Conv(3, 5, size=4, stride=2, weights="normal", generators=make_generators(2)),
        UpConv(3, 5, weights="normal", generators=make_generators(2)),
        ResizeConv(3, 5, weights="normal", generators=make_generators(2)),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_are_torchs(layer: Dense | Conv | UpConv) -> None:
    nn.init.normal_(layer.bias)
    x = torch.randn(2, 4, 3) if isinstance(layer, Dense) else torch.randn(2, 4, 3, 8, 8)
    expected = theirs_per_replica(layer, x)
    if isinstance(layer, Dense):
        torch.testing.assert_close(layer(x), expected)
    else:
        ours = layer(x.transpose(0, 1).flatten(1, 2)).unflatten(1, (2, 5)).transpose(0, 1)
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)


def test_equalized_weights_keep_the_variance_of_what_passes() -> None:
    layer = Dense(2000, 2000, weights="equalized", generators=make_generators(1))
    assert float(layer.weight.detach().std()) == pytest.approx(1, abs=0.01)
    outputs = layer(torch.randn(1, 100, 2000))
    assert float(outputs.detach().var()) == pytest.approx(2, rel=0.05)  # a leaky ReLU halves it


@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_spectral_norm_brings_the_largest_singular_value_to_one(kind: str) -> None:
    generators = make_generators(2)
    if kind == "dense":
        layer: Dense | Conv = Dense(6, 9, weights="xavier", generators=generators, spectral=True)
    else:
        layer = Conv(3, 5, size=3, weights="xavier", generators=generators, spectral=True)
    for _ in range(200):
        layer.effective_weight()
    weight = layer.effective_weight()
    matrix = weight.mT if kind == "dense" else weight.flatten(2)
    torch.testing.assert_close(torch.linalg.matrix_norm(matrix, 2), torch.ones(2), rtol=1e-3, atol=1e-3)


def test_spectral_norm_moves_only_while_training() -> None:
    layer = Dense(6, 9, weights="xavier", generators=make_generators(1), spectral=True)
    layer.eval()
    before = layer.u.clone()
    layer(torch.randn(1, 2, 6))
    assert torch.equal(layer.u, before)
    layer.train()
    layer(torch.randn(1, 2, 6))
    assert not torch.equal(layer.u, before)


def test_batch_norm_is_torchs_for_each_replica() -> None:
    ours, theirs = BatchNorm(2, 3), [nn.BatchNorm2d(3), nn.BatchNorm2d(3)]
    for _ in range(5):
        x = torch.randn(8, 6, 4, 4) * 3 + 1
        expected = torch.cat([net(part) for net, part in zip(theirs, x.chunk(2, 1), strict=True)], 1)
        torch.testing.assert_close(ours(x), expected, rtol=1e-4, atol=1e-5)
    ours.eval()
    expected = torch.cat([net.eval()(part) for net, part in zip(theirs, x.chunk(2, 1), strict=True)], 1)
    torch.testing.assert_close(ours(x), expected, rtol=1e-4, atol=1e-5)
