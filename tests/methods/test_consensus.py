from typing import Any

import pytest
import torch
from torch import nn

from tests.methods.bare import bare, examples, walk

SMALL = ["model.hidden=[8]", "model.latent=2"]


def test_a_bilinear_game_by_hand() -> None:
    """G descends a b and D descends -a b: v = (b, -a), grad 1/2 ||v||^2 = (a, b)."""
    module = bare("consensus", (2,), *SMALL, "model.gamma=3.0")
    a, b = nn.Parameter(torch.tensor([2.0, -1.0])), nn.Parameter(torch.tensor([5.0, 0.5]))
    module.players = {"g": [a], "d": [b]}
    v = {
        "g": torch.autograd.grad(a * b, [a], torch.ones(2), create_graph=True),
        "d": torch.autograd.grad(-a * b, [b], torch.ones(2), create_graph=True),
    }
    steps = module.towards_consensus(v)
    torch.testing.assert_close(steps["g"][0], (b + 3 * a).detach())
    torch.testing.assert_close(steps["d"][0], (-a + 3 * b).detach())
    assert not steps["g"][0].requires_grad


def steps_of(module: Any, x: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[torch.Tensor, ...]]:
    taken: list[dict[str, tuple[torch.Tensor, ...]]] = []
    monkeypatch.setattr(module, "step_players", taken.append)
    walk(module, [examples(x)])
    return taken[0]


@pytest.mark.parametrize("gamma", [0.0, 10.0])
def test_each_replica_goes_its_own_way(gamma: float, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(2, 16, 2)
    both = steps_of(bare("consensus", (2,), *SMALL, f"model.gamma={gamma}"), x, monkeypatch)
    alone = steps_of(bare("consensus", (2,), *SMALL, f"model.gamma={gamma}", replicas=1), x[:1], monkeypatch)
    for player in ("g", "d"):
        for stacked, single in zip(both[player], alone[player], strict=True):
            torch.testing.assert_close(stacked[:1], single)


def test_both_players_step_from_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """With gamma = 0 the gradients are those of the two losses at the parameters before the step."""
    module = bare("consensus", (2,), *SMALL, "model.gamma=0.0")
    x = torch.randn(2, 16, 2)
    with module.evaluation_noise(0):
        x_g, _ = module.sample(16)
        loss = module.f.d(module.judge(x), module.judge(x_g))
        expected = torch.autograd.grad(loss.sum(), module.players["d"])
        with module.evaluation_noise(0):
            steps = steps_of(module, x, monkeypatch)
    torch.testing.assert_close(steps["d"], expected)


def test_it_settles_where_simultaneous_steps_go_round() -> None:
    """One point of data: with gamma, G is on it in the end."""
    keys = [
        "model.hidden=[]",
        "model.latent=1",
        "model.weights=xavier",
        "optimizer=sgd",
        "optimizer.lr=0.1",
        "model.linear_decay=0.0",
    ]
    x = torch.full((2, 8, 1), 2.0)
    distance = []
    for gamma in (0.0, 1.0):
        module = bare("consensus", (1,), *keys, f"model.gamma={gamma}")
        walk(module, [examples(x)] * 200)
        distance.append((module.sample(200)[0].mean(1) - 2).abs().max())
    assert distance[1] < 0.2
    assert distance[1] < distance[0]
