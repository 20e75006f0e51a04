"""The verbs of an outer step, on players small enough to follow by hand."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganx.engine.checkpoint import check_storable, read_checkpoint, write_checkpoint
from ganx.engine.module import Module
from ganx.engine.setting import Setting
from ganx.errors import RunError, UserError

SGD = {"_target_": "torch.optim.SGD", "name": "sgd", "lr": 0.1}
ADAM = {"_target_": "torch.optim.Adam", "name": "adam", "lr": 0.1}


def make_setting(n_replicas: int = 2, **changes: Any) -> Setting:
    replicas = [(seed, 0) for seed in range(n_replicas)]
    given = {"loss": {"name": "none", "penalty": None}, "optimizer": SGD} | changes
    return Setting(replicas, n_features=3, shape=(3,), bounded=True, n_classes=0, steps=10, **given)


class Point(nn.Module):
    """One number for each replica, and a count of nothing in particular."""

    def __init__(self, *values: float) -> None:
        super().__init__()
        self.at = nn.Parameter(torch.tensor(values).unsqueeze(1))
        self.register_buffer("seen", torch.zeros(len(values), 1))


class Duel(Module):
    """min over a, max over b of a b, in two replicas that start elsewhere."""

    def __init__(self, setting: Setting, *, averaged: bool = False) -> None:
        super().__init__(setting)
        self.a, self.b = Point(1.0, 3.0), Point(2.0, -1.0)
        self.add_player("a", self.a, averaged=averaged)
        self.add_player("b", self.b)
        self._losses = [{}]

    def product(self) -> Tensor:
        return (self.a.at * self.b.at).squeeze(1)

    def outer_step(self, batch: None) -> None:
        self.update("a", self.product())
        self.update("b", -self.product())


def values(module: Duel) -> list[list[float]]:
    return [point.at.detach().flatten().tolist() for point in (module.a, module.b)]


def test_players_step_one_after_the_other() -> None:
    module = Duel(make_setting())
    module.outer_step(None)
    assert values(module)[0] == pytest.approx([1 - 0.1 * 2, 3 + 0.1])
    assert values(module)[1] == pytest.approx([2 + 0.1 * 0.8, -1 + 0.1 * 3.1])


def test_players_step_all_at_once() -> None:
    """Simultaneous gradient descent and ascent: b does not see the step of a."""
    module = Duel(make_setting())
    product = module.product()
    by_a = module.gradients(product, "a", retain_graph=True)
    module.step_players({"a": by_a, "b": module.gradients(-product, "b")})
    assert values(module)[0] == pytest.approx([1 - 0.1 * 2, 3 + 0.1])
    assert values(module)[1] == pytest.approx([2 + 0.1 * 1, -1 + 0.1 * 3])


def test_an_update_is_its_two_halves() -> None:
    one, other = Duel(make_setting(optimizer=ADAM)), Duel(make_setting(optimizer=ADAM))
    one.update("a", one.product())
    other.step_players({"a": other.gradients(other.product(), "a")})
    assert values(one) == values(other)
    assert torch.equal(one._losses[0]["a"], other._losses[0]["a"])


def test_gradients_can_be_differentiated_in_turn() -> None:
    """Consensus: the gradient of half the squared length of both gradients is that of (a^2 + b^2) / 2."""
    module = Duel(make_setting())
    by_a = module.gradients(module.product(), "a", create_graph=True)
    by_b = module.gradients(-module.product(), "b", create_graph=True)
    energy = sum(0.5 * g.square().flatten(1).sum(1) for g in (*by_a, *by_b))
    assert isinstance(energy, Tensor)
    (found,) = module.gradients(energy, "a")
    torch.testing.assert_close(found, module.a.at.detach())


def test_a_shared_loss_moves_several_players() -> None:
    module = Duel(make_setting())
    module.update_together(["a", "b"], module.product())
    assert values(module)[0] == pytest.approx([0.8, 3.1])
    assert values(module)[1] == pytest.approx([1.9, -1.3])
    assert list(module._losses[0]) == ["a", "b"]


def test_given_gradients_are_clipped() -> None:
    module = Duel(make_setting(clip_norm=0.5))
    module.step_players({"a": module.gradients(module.product(), "a")})
    assert values(module)[0] == pytest.approx([1 - 0.1 * 0.5, 3 + 0.1 * 0.5])


def test_before_the_first_step_nothing_is_logged() -> None:
    module = Duel(make_setting())
    module._losses = []
    module.update("a", module.product())
    assert values(module)[0] == pytest.approx([0.8, 3.1])


@pytest.mark.parametrize("verb", ["update", "gradients", "step_players", "reset", "average", "averaged", "clip"])
def test_an_unknown_player_is_told(verb: str) -> None:
    module = Duel(make_setting())
    arguments: dict[str, tuple[Any, ...]] = {
        "update": ("aa", module.product()),
        "gradients": (module.product(), "aa"),
        "step_players": ({"aa": []},) if verb != "step_players" else ({"aa": [module.a.at]},),
        "average": ("b", 0.9),
        "clip": ("aa", 1.0),
    }
    with pytest.raises(RunError, match="there is no player"):
        getattr(module, verb)(*arguments.get(verb, ("aa",)))


def test_a_reset_forgets_moments_and_keeps_weights_and_rate() -> None:
    module = Duel(make_setting(optimizer=ADAM, lr_scale={"a": 0.5}, lr_decay=0.5))
    module.step = 1
    module._set_rates()
    module.update("a", module.product())
    before = values(module)
    module.reset("a")
    assert values(module) == before
    assert not module.player_optimizers["a"].state_dict()["state"]
    assert module.player_optimizers["a"].param_groups[0]["lr"] == pytest.approx(0.1 * 0.5 * 0.5)
    module.update("a", module.product())  # the first step of Adam is as long as the rate, whatever the gradient
    moved = torch.tensor(values(module)[0]) - torch.tensor(before[0])
    torch.testing.assert_close(moved.abs(), torch.full((2,), 0.025))


def test_an_average_follows_its_player() -> None:
    module = Duel(make_setting(), averaged=True)
    module.update("a", module.product())
    module.a.seen += 5
    module.average("a", 0.75)
    average = module.averaged("a")
    assert isinstance(average, Point)
    torch.testing.assert_close(average.at.flatten(), torch.tensor([0.75 + 0.25 * 0.8, 0.75 * 3 + 0.25 * 3.1]))
    assert average.seen.flatten().tolist() == [5, 5]
    assert module.averaged("b") is module.b  # none is kept
    assert set(module.tensors()) == {f"{net}.{name}" for net in ("a", "b", "averages.a") for name in ("at", "seen")}
    assert list(module.players) == ["a", "b"]


def test_an_average_is_stored_and_goes_on(tmp_path: Any) -> None:
    module = Duel(make_setting(), averaged=True)
    module.update("a", module.product())
    module.average("a", 0.5)
    write_checkpoint(tmp_path / "last.ckpt", module.training_state())
    other = Duel(make_setting(), averaged=True)
    other.load_training_state(read_checkpoint(tmp_path / "last.ckpt"))
    for each in (module, other):
        each.average("a", 0.5)
    assert all(torch.equal(value, other.tensors()[name]) for name, value in module.tensors().items())


# --- what cannot be stacked or stored --------------------------------------------------------------------------


def test_constants_are_not_stored() -> None:
    module = Duel(make_setting())
    module.register_buffer("grid", torch.arange(9), persistent=False)
    assert "grid" not in module.tensors()
    module.check_stack(2)


@pytest.mark.parametrize("n_replicas", [1, 2])
def test_what_has_no_replica_axis_is_not_stacked(n_replicas: int) -> None:
    module = Duel(make_setting(n_replicas)) if n_replicas == 2 else Duel.__new__(Duel)
    if n_replicas == 1:
        Module.__init__(module, make_setting(1))
    module.linear = nn.Linear(3, 2)
    module.check_stack(1)
    with pytest.raises(UserError, match=r"'linear.weight', of shape \(2, 3\).* model\.max_replicas=1"):
        module.check_stack(2)


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ({"found": {1, 2}}, r"training_state\(\)\['found'\] holds a set"),
        ({"found": [0, np.float64(1.0)]}, r"training_state\(\)\['found'\]\[1\] holds a float64"),
        ({"found": {"rng": np.random.default_rng()}}, "holds a Generator"),
        ({"found": {("a", np.int64(1)): 0}}, "a key of"),
    ],
)
def test_what_no_checkpoint_can_hold_is_told(what: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        check_storable(what)


def test_what_passes_comes_back(tmp_path: Any) -> None:
    state = {"a": [torch.zeros(2), nn.Parameter(torch.ones(1)), None], "b": {1: (2.5, "c", b"d", True)}}
    check_storable(state)
    write_checkpoint(tmp_path / "x.ckpt", state)
    assert read_checkpoint(tmp_path / "x.ckpt")["b"] == {1: [2.5, "c", b"d", True]}
