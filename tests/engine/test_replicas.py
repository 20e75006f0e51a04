"""Replicas: whoever trains beside one, it takes the same steps."""

import pytest
import torch

from ganx.engine.chunk import layout, resolve_workers
from ganx.engine.module import clip_per_replica
from tests.engine.conftest import build, make_experiment, walk


@pytest.mark.parametrize(("replica", "choice"), [(0, "exact"), (3, "exact"), (3, "2")])
def test_a_replica_in_a_stack_agrees_with_itself_alone(replica: int, choice: str) -> None:
    experiment = make_experiment(f"model.penalty_probes={choice}")
    stack, stack_loader = build(experiment)
    alone, alone_loader = build(experiment, slice(replica, replica + 1))
    walk(stack, stack_loader, 20)
    walk(alone, alone_loader, 20)
    for name, losses in alone.block_losses().items():
        torch.testing.assert_close(stack.block_losses()[name][:, replica], losses[:, 0], rtol=1e-5, atol=1e-5)
    together = dict(stack.named_parameters())
    for name, parameter in alone.named_parameters():
        torch.testing.assert_close(together[name][replica], parameter[0], rtol=1e-5, atol=1e-5)


def test_replicas_differ_from_each_other() -> None:
    module, loader = build(make_experiment())
    walk(module, loader, 3)
    for losses in module.block_losses().values():
        assert len(set(losses[0].tolist())) == 4


def test_gradients_are_clipped_for_each_replica() -> None:
    gradients = [torch.tensor([[3.0, 4.0], [0.3, 0.4]]), torch.zeros(2, 1, 2)]
    clipped = clip_per_replica(gradients, 1.0, 2)
    torch.testing.assert_close(clipped[0], torch.tensor([[0.6, 0.8], [0.3, 0.4]]))


def test_clip_norm_bounds_every_step() -> None:
    experiment = make_experiment("optimizer=sgd", "optimizer.lr=1.0", "model.clip_norm=1e-3", "model.lr_scale.c=1.0")
    module, loader = build(experiment)
    before = [p.detach().clone() for p in module.players["c"]]
    walk(module, loader, 1)
    moved = sum((p - b).square().flatten(1).sum(1) for p, b in zip(module.players["c"], before, strict=True))
    assert bool((moved.sqrt() <= 1.01e-3).all())
    assert bool((moved > 0).all())


@pytest.mark.parametrize(
    ("replicas", "largest", "expected"),
    [(50, 25, [25, 25]), (5, 25, [5]), (9, 25, [9]), (11, 25, [6, 5]), (60, 25, [20, 20, 20]), (3, 1, [1, 1, 1])],
)
def test_layout(replicas: int, largest: int, expected: list[int]) -> None:
    assert layout(replicas, largest) == expected


def test_workers_are_never_more_than_stacks() -> None:
    assert resolve_workers(8, 3, "cpu") == 3
    assert resolve_workers("auto", 1, "cpu") == 1
    assert resolve_workers("auto", 500, "gpu") == 1
