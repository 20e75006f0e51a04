"""Methods whose networks are layers of plain torch.nn: one replica, batch normalisation, dropout."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganx.engine.checkpoint import merge, read_checkpoint, write_checkpoint
from ganx.engine.module import Module
from ganx.engine.selection import Best
from ganx.engine.setting import Setting
from tests.engine.test_module import ADAM, make_setting

BATCHES = torch.randn(12, 16, 3, generator=torch.Generator().manual_seed(0))


class Affine(nn.Linear):
    """A layer of one's own, derived from torch's."""


class Plain(Module):
    """Learns the sum of three numbers, through everything that makes resuming hard."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.net = nn.Sequential(Affine(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 1))
        self.add_player("net", self.net, averaged=True)

    def outer_step(self, batch: Tensor) -> None:
        self.update("net", F.mse_loss(self.net(batch), batch.sum(1, keepdim=True)).unsqueeze(0))
        self.average("net", 0.9)


def made(seed: int = 0, **changes: Any) -> Plain:
    setting = make_setting(1, optimizer=ADAM, **changes)
    object.__setattr__(setting, "replicas", [(seed, 0)])
    module = Plain(setting)
    module.optimizers = lambda *_, **__: torch.optim.SGD([torch.zeros(1)], lr=0.0)  # type: ignore[method-assign]
    return module


def walk(module: Plain, first: int, last: int) -> None:
    module.training_step(list(BATCHES[first:last]), 0)


def same(one: Module, other: Module) -> bool:
    return all(torch.equal(value, other.tensors()[name]) for name, value in one.tensors().items())


def test_all_that_is_stored_has_a_replica_axis() -> None:
    module = made()
    walk(module, 0, 3)
    tensors = module.tensors()
    assert {len(value) for value in tensors.values()} == {1}
    assert tensors["net.0.weight"].shape == (1, 8, 3)
    assert tensors["net.1.num_batches_tracked"].tolist() == [3]
    assert tensors["averages.net.1.num_batches_tracked"].tolist() == [3]
    assert set(tensors) == set(module.state_dict())


def test_what_is_loaded_arrives_in_the_layers() -> None:
    module, other = made(), made(1)
    walk(module, 0, 5)
    other.load_parameters({name: value.clone() for name, value in module.tensors().items()})
    assert same(module, other)
    assert int(other.net[1].num_batches_tracked) == 5
    assert other._flat["net"].data_ptr() == other.net[0].weight.data_ptr()  # still views of what the optimiser moves


def test_initial_weights_come_from_the_seed() -> None:
    torch.manual_seed(1)
    module = made()
    torch.manual_seed(2)
    assert same(module, made())
    assert not torch.equal(module.tensors()["net.0.weight"], made(1).tensors()["net.0.weight"])


@pytest.mark.parametrize("clip_norm", [None, 0.1])
def test_training_goes_on_byte_for_byte(tmp_path: Path, clip_norm: float | None) -> None:
    reference = made(clip_norm=clip_norm)
    walk(reference, 0, 12)
    first = made(clip_norm=clip_norm)
    walk(first, 0, 7)
    write_checkpoint(tmp_path / "last.ckpt", first.training_state())
    torch.manual_seed(99)
    second = made(clip_norm=clip_norm)
    second.load_training_state(read_checkpoint(tmp_path / "last.ckpt"))
    walk(second, 7, 12)
    assert same(second, reference)
    assert torch.equal(second.block_losses()["net"], reference.block_losses()["net"][7:])


def test_a_look_at_it_is_not_noticed_and_can_be_had_again() -> None:
    reference, module = made(), made()
    walk(reference, 0, 6)
    walk(module, 0, 3)
    looks = []
    for _ in range(2):
        with module.evaluation_noise(), torch.no_grad():
            looks.append(torch.dropout(module.net(BATCHES[0]), 0.5, train=True))
    walk(module, 3, 6)
    assert torch.equal(*looks)
    assert same(module, reference)


def test_best_states_and_finished_stacks_are_put_together() -> None:
    states = []
    for seed in (0, 1):
        module = made(seed)
        best = Best("f1", module)
        walk(module, 0, 2)
        best.update(module, torch.tensor([0.5]))
        walk(module, 2, 4)
        best.update(module, torch.tensor([0.4]))
        state = {**module.training_state(), "replicas": [[seed, 0]], "best": {"f1": best.state_dict()}}
        states.append({**state, "film": None, "failed": {}})
    merged = merge(states)
    assert merged["parameters"]["net.1.num_batches_tracked"].tolist() == [4, 4]
    assert merged["best"]["f1"]["parameters"]["net.1.num_batches_tracked"].tolist() == [2, 2]
    again = made(1)
    again.load_parameters({name: value[1:2] for name, value in merged["parameters"].items()})
    assert same(again, module)
