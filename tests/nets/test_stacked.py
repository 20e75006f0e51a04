"""Stacked networks: replicas are independent, and the closed form of the penalty is the true one."""

import pytest
import torch
from torch import Tensor

from ganx.nets.stacked import ACTIVATIONS, StackedLinear, StackedMLP, width


def make_generators(n: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(i) for i in range(n)]


def penalty_by_autograd(net: StackedMLP, x: Tensor, n: int, weight: Tensor) -> Tensor:
    """The definition: one backward pass for each output."""
    x = x.detach().requires_grad_()
    outputs = net(x)
    total = torch.zeros(x.shape[0])
    for j in range(weight.shape[2]):
        (gradient,) = torch.autograd.grad(outputs[..., j].sum(), x, create_graph=True)
        total = total + (gradient[..., :n].square().sum(-1) * weight[..., j]).sum(1)
    return total


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [[], [3], [40], [7, 5], [6, 5, 4]], ids=str)
@pytest.mark.parametrize("n_outputs", [1, 4])
def test_closed_form_penalty_and_its_gradient_equal_autograd(
    hidden: list[int], activation: str, n_outputs: int
) -> None:
    net = StackedMLP(6, hidden, 4, activation=activation, generators=make_generators(3))
    x = torch.rand(3, 20, 6)
    weight = torch.rand(3, 20, n_outputs)
    outputs, penalty = net.with_penalty(x, 5, weight)
    same_outputs, squares = net.with_gradient_norms(x, 5, n_outputs)
    torch.testing.assert_close(same_outputs, outputs)
    torch.testing.assert_close((squares * weight).sum((1, 2)), penalty)
    expected = penalty_by_autograd(net, x, 5, weight)
    torch.testing.assert_close(outputs, net(x))
    torch.testing.assert_close(penalty, expected)
    weights = [layer.weight for layer in net.layers]
    ours = torch.autograd.grad(penalty.sum(), weights)
    theirs = torch.autograd.grad(expected.sum(), weights)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def random_signs(*shape: int) -> Tensor:
    return 2 * torch.randint(2, shape, generator=torch.Generator().manual_seed(6)).float() - 1


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [[], [3], [7, 5], [6, 5, 4]], ids=str)
def test_probed_penalty_and_its_gradient_equal_autograd(hidden: list[int], activation: str) -> None:
    """For given signs: the squared gradient of the sum that they make of a row's scores."""
    net = StackedMLP(6, hidden, 4, activation=activation, generators=make_generators(3))
    x, weight, signs = torch.rand(3, 20, 6), torch.rand(3, 20, 3), random_signs(3, 20, 2, 3)
    outputs, penalty = net.with_probed_penalty(x, 5, weight, signs)
    torch.testing.assert_close(outputs, net(x))
    x.requires_grad_()
    expected = torch.zeros(3)
    for probe in signs.unbind(2):
        mixed = (probe * weight.sqrt() * net(x)[..., :3]).sum()
        (gradient,) = torch.autograd.grad(mixed, x, create_graph=True)
        expected = expected + gradient[..., :5].square().sum((1, 2)) / 2
    torch.testing.assert_close(penalty, expected)
    weights = [layer.weight for layer in net.layers]
    ours, theirs = (torch.autograd.grad(value.sum(), weights) for value in (penalty, expected))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def probed(net: StackedMLP, x: Tensor, weight: Tensor, n_draws: int, n_probes: int) -> Tensor:
    """Estimates (n_draws,) of the penalty of a row (6,) with weights (J,); each draw has a replica of its own."""
    signs = random_signs(n_draws, 1, n_probes, len(weight))
    rows, weights = x.expand(n_draws, 1, -1), weight.expand(n_draws, 1, -1)
    return net.with_probed_penalty(rows, 5, weights, signs)[1].detach()


def test_probes_have_no_bias_and_a_variance_that_falls_with_their_number() -> None:
    n_draws = 1000
    same = [torch.Generator().manual_seed(0) for _ in range(n_draws)]  # every replica has the same weights
    net = StackedMLP(6, [7, 5], 8, activation="silu", generators=same)
    x, weight = torch.rand(6), torch.rand(8)
    one, four = probed(net, x, weight, n_draws, 1), probed(net, x, weight, n_draws, 4)
    exact = float(net.with_penalty(x.expand(n_draws, 1, -1), 5, weight.expand(n_draws, 1, -1))[1][0].detach())
    for estimates in (one, four):
        error = abs(float(estimates.mean()) - exact)
        assert error < 4 * float(estimates.std()) / len(estimates) ** 0.5
    # With A the rows sqrt(w_j) grad D_j: 2 (||A A'||^2 - sum of its squared diagonal) <= 2 exact^2.
    assert float(one.var()) < 2 * exact**2
    assert 2.5 < float(one.var() / four.var()) < 6


@pytest.mark.parametrize("hidden", [[], [3], [7, 5]], ids=str)
def test_one_probe_of_one_score_is_exact(hidden: list[int]) -> None:
    net = StackedMLP(6, hidden, 4, activation="silu", generators=make_generators(3))
    x, weight = torch.rand(3, 20, 6), torch.rand(3, 20, 1)
    for sign in (1.0, -1.0):
        _, penalty = net.with_probed_penalty(x, 5, weight, torch.full((3, 20, 1, 1), sign))
        torch.testing.assert_close(penalty, net.with_penalty(x, 5, weight)[1])


@pytest.mark.parametrize(("hidden", "cost"), [([], 0), ([3], 20 * 4 * 9 + 5 * 9), ([3, 2], 20 * 4 * (6 + 9) + 5 * 9)])
def test_multiplications_of_an_exact_penalty(hidden: list[int], cost: int) -> None:
    net = StackedMLP(6, hidden, 4, activation="silu", generators=make_generators(1))
    assert net.penalty_cost(5, 20, 4) == cost


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_derivative_is_the_derivative(activation: str) -> None:
    a = torch.linspace(-3, 3, 50).requires_grad_()
    function, derivative = ACTIVATIONS[activation]
    (expected,) = torch.autograd.grad(function(a).sum(), a)
    torch.testing.assert_close(derivative(a), expected)


def test_a_replica_has_the_weights_it_has_alone() -> None:
    stack = StackedLinear(4, 3, make_generators(3))
    alone = StackedLinear(4, 3, make_generators(3)[1:2])
    assert torch.equal(stack.weight[1:2], alone.weight)


def test_replicas_do_not_touch() -> None:
    net = StackedMLP(4, [5], 2, activation="relu", generators=make_generators(2))
    x = torch.rand(2, 6, 4)
    before = net(x)
    with torch.no_grad():
        net.layers[0].weight[0] += 1.0
    after = net(x)
    assert not torch.equal(before[0], after[0])
    assert torch.equal(before[1], after[1])


@pytest.mark.parametrize(("size", "expected"), [(12, 12), (0.5, 15), (1.0, 30), (0.01, 1)])
def test_a_width_is_units_or_a_share(size: float, expected: int) -> None:
    assert width(size, 30) == expected
