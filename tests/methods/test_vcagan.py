"""VCAGAN beside its Algorithm 1."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from ganx.methods.vcagan import VCAGAN
from tests.engine.conftest import build, make_experiment

GIVEN = ("model=vcagan", "dataset=gaussians4", "protocol=generation", "model.hidden=[8]")


def made(*overrides: str) -> tuple[Any, Any]:
    module, loader = build(make_experiment(*GIVEN, *overrides))
    assert isinstance(module, VCAGAN)
    module._losses = [{}]
    return module, loader.block(0, 1)[0]


@pytest.mark.parametrize("loss", ["nonsaturating", "nonsaturating_r1", "lsgan"])
def test_both_move_at_once_by_what_one_d_said_of_one_x(loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines 5 and 6: D* judges x' and x once each; after line 13: D* and G are updated."""
    module, batch = made(f"loss={loss}")
    judged, moved = [], []
    d_star, step_players = module.d_star, module.step_players

    def judge(x: Tensor) -> tuple[Tensor, Tensor]:
        judged.append(x)
        return d_star(x)  # type: ignore[no-any-return]

    def move(gradients: Mapping[str, Any]) -> None:
        moved.append(gradients)
        step_players(gradients)

    monkeypatch.setattr(module, "d_star", judge)
    monkeypatch.setattr(module, "step_players", move)
    module.outer_step(batch)
    assert len(judged) == 2
    assert torch.equal(judged[1], batch.x)
    assert [set(gradients) for gradients in moved] == [{"d", "g"}]


def test_g_is_judged_by_d_before_its_step() -> None:
    """G's step is the same whatever the rate of D: the D that judged it had not moved."""
    players = []
    for rate in (1.0, 100.0):
        module, batch = made(f"+model.lr_scale.d={rate}")
        module.outer_step(batch)
        players.append({name: [p.detach() for p in module.players[name]] for name in ("d", "g")})
    slow, fast = players
    assert all(map(torch.equal, slow["g"], fast["g"]))
    assert not any(map(torch.equal, slow["d"], fast["d"]))
