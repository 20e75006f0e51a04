"""Exact resume inside one process: state out, state in, and nothing is noticed."""

from pathlib import Path

import pytest
import torch

from ganx.engine.checkpoint import read_checkpoint, write_checkpoint
from ganx.engine.metrics_file import MetricsFile
from ganx.engine.noise import NOISE, Noise, generators
from ganx.errors import RunError
from tests.engine.conftest import build, make_experiment, walk

OPTIMIZERS = ("adam", "adamw", "rmsprop", "rmsprop_tensorflow", "sgd")


@pytest.mark.parametrize("choice", [*(f"optimizer={name}" for name in OPTIMIZERS), "model.penalty_probes=2"])
def test_training_goes_on_byte_for_byte(tmp_path: Path, choice: str) -> None:
    experiment = make_experiment(choice, "optimizer.lr=1e-3")
    reference, loader = build(experiment)
    walk(reference, loader, 12)
    first, loader = build(experiment)
    walk(first, loader, 7)
    write_checkpoint(tmp_path / "c" / "last.ckpt", first.training_state())
    second, loader = build(experiment)
    second.load_training_state(read_checkpoint(tmp_path / "c" / "last.ckpt"))
    walk(second, loader, 5, first=7)
    for (name, expected), parameter in zip(reference.named_parameters(), second.parameters(), strict=True):
        assert torch.equal(parameter, expected), name
    assert torch.equal(second.noise.uniform(9), reference.noise.uniform(9))


def test_noise_goes_on_in_the_middle_of_its_buffer() -> None:
    noise = Noise(generators([(0, 0), (1, 0)], NOISE))
    noise.uniform(1000, 30)
    noise.uniform(1000, 30)
    state = noise.state_dict()
    expected = [noise.uniform(500, 30) for _ in range(5)]
    other = Noise(generators([(0, 0), (1, 0)], NOISE))
    other.load_state_dict(state)
    assert all(torch.equal(other.uniform(500, 30), e) for e in expected)


def test_noise_is_the_same_alone_and_in_company() -> None:
    stack = Noise(generators([(0, 0), (0, 1), (5, 2)], NOISE)).uniform(40, 3)
    alone = Noise(generators([(5, 2)], NOISE)).uniform(40, 3)
    assert torch.equal(stack[2], alone[0])
    assert not torch.equal(stack[0], stack[1])


def test_equal_states_have_equal_bytes(tmp_path: Path) -> None:
    """A run that goes on has equal texts in several objects, where an undisturbed one has one object."""
    text, equal = "a name", "".join(["a", " name"])
    assert text is not equal
    write_checkpoint(tmp_path / "one", {text: [text, text]})
    write_checkpoint(tmp_path / "two", {text: [equal, text]})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"not a checkpoint"])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "last.ckpt"
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"last\.ckpt"):
        read_checkpoint(path)


def test_a_checkpoint_cannot_carry_code(tmp_path: Path) -> None:
    torch.save({"step": Path("x")}, tmp_path / "last.ckpt")
    with pytest.raises(RunError, match="not a ganx checkpoint"):
        read_checkpoint(tmp_path / "last.ckpt")


def test_metrics_are_cut_back_to_the_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    metrics = MetricsFile(path, [(0, 0), (0, 1)])
    for step in (10, 20, 30):
        metrics.append(step, {"loss_c": [0.5, 0.25]})
    expected = "".join(path.read_text().splitlines(keepends=True)[:5])
    with path.open("a") as file:
        file.write("40,0,0,0.1\n40,0,")
    metrics.cut_back(20)
    assert path.read_text() == expected
