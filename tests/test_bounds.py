"""What could exhaust the machine is refused in one line, before it does: numbers, YAML, files that are none."""

from __future__ import annotations

import gzip
import math
import os
import tracemalloc
import typing
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser

from ganx.config_file import read_config
from ganx.data.datasets import load_cut
from ganx.errors import UserError
from ganx.files import read_bytes, read_unpacked
from ganx.groups import options, own_dir
from ganx.launch.sweeper import MOST_RUNS, _count
from ganx.nets.layers import empty_weights
from ganx.schema import Hardware, Interpolate, Protocol, Train, TrainedModel
from ganx.targets import added_by, constructor
from ganx.types import Width, check

HUGE = (10**400, -(10**400), math.inf, -math.inf, math.nan)


def keys() -> list[tuple[str, Any]]:
    """Return (name, type) of each key of a configuration that takes numbers."""
    found = {}
    for schema in (Train, Protocol, Hardware, TrainedModel, Interpolate):
        for key, kind in typing.get_type_hints(schema, include_extras=True).items():
            found[f"{schema.__name__}.{key}"] = kind
    for group in ("model", "dataset"):
        for name in options(group):
            target = yaml.safe_load((own_dir() / group / f"{name}.yaml").read_text())["_target_"]
            found |= {f"{name}.{key}": parameter.kind for key, parameter in constructor(target).items()}
    return [(name, kind) for name, kind in found.items() if kind is not Any and takes_numbers(kind)]


def takes_numbers(kind: Any) -> bool:
    return accepts(1, kind) or accepts(0.5, kind)


def accepts(value: Any, kind: Any) -> bool:
    try:
        check("key", value, kind)
    except UserError:
        return False
    return True


@pytest.mark.parametrize(("name", "kind"), keys())
def test_no_key_takes_a_number_without_bounds(name: str, kind: Any) -> None:
    assert not any(accepts(value, kind) for value in HUGE)
    if not accepts(0.5, kind) and not accepts(1.5, kind):  # integers alone
        assert not accepts(10**19, kind)


@pytest.mark.parametrize(
    "name",
    ["Train.seeds", "Hardware.workers", "Hardware.threads", "TrainedModel.batch_size", "two_moons.n", "vae.latent"],
)
def test_what_would_take_memory_is_told_its_limit(name: str) -> None:
    with pytest.raises(UserError, match=r"^x=1000000000: expected .*integer <= [0-9,]+"):
        check("x", 10**9, dict(keys())[name])
    with pytest.raises(UserError, match=r"integer >= "):
        check("x", -1, dict(keys())[name])


def test_cells_that_are_drawn() -> None:
    keys = yaml.safe_load((own_dir() / "dataset" / "contaminated.yaml").read_text())
    with pytest.raises(UserError, match="500,000,000,000 cells, and at most 50,000,000 are drawn"):
        load_cut(keys | {"n": 5_000_000, "p": 100_000})


def test_layers() -> None:
    with pytest.raises(UserError, match=r"a layer of 100000 x 100000 has 10,000,000,000 weights"):
        empty_weights((100_000, 100_000), [])
    with pytest.raises(UserError, match=r"a list of 1,001 numbers"):
        check("hidden", [1] * 1001, list[Width])


def bomb(merge: bool) -> str:
    """Return nine levels, each of nine times the one before."""
    lines = ["a0: &a0 {x: 1}"]
    for k in range(9):
        aliases = ", ".join([f"*a{k}"] * 9)
        lines.append(f"a{k + 1}: &a{k + 1} {{'<<': [{aliases}]}}" if merge else f"a{k + 1}: &a{k + 1} [{aliases}]")
    return "\n".join(lines).replace("'<<'", "<<")


BOUNDLESS = {
    "aliases": (bomb(False), "more than 50,000 values, with all that its aliases repeat"),
    "merged": (bomb(True), "more than 50,000 values"),
    "itself": ("a: &a [*a]", "an alias stands for what it is in"),
    "nested": ("a: " + "[" * 3000 + "]" * 3000, "more than 50 levels deep"),
    "indented": ("\n".join(" " * i + "a:" for i in range(300)), "more than 50 levels deep"),
    "long": ("a: [" + "1," * 70_000 + "]", "bytes, and at most 131,072 are taken"),
    "digits": ("a: " + "1" * 5000, "damaged"),
    "date": ("a: 2001-99-99", "damaged"),
    "list": ("[a]", "not a mapping"),
}


@pytest.mark.parametrize(("text", "message"), BOUNDLESS.values(), ids=BOUNDLESS.keys())
def test_yaml(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=message):
        read_config(file)


def test_aliases_within_bounds(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("a: &a [1, 2]\nb: {c: *a}\n")
    assert read_config(tmp_path / "config.yaml") == {"a": [1, 2], "b": {"c": [1, 2]}}


@pytest.mark.parametrize("name", ["aliases", "nested", "long"])
def test_a_users_own_folder(tmp_path: Path, name: str) -> None:
    text, message = BOUNDLESS[name]
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(UserError, match=message):
        added_by(["--config-dir", str(tmp_path)])


@pytest.mark.parametrize(
    ("word", "count"),
    [
        ("seed=1,2,3", 3),
        ("seed=1", 1),
        ("seed=range(0,1000000000)", MOST_RUNS + 1),
        ("seed=shuffle(range(0,1000000000))", MOST_RUNS + 1),
        ("x=range(0,1,0.0000001)", MOST_RUNS + 1),
    ],
)
def test_runs_of_a_sweep_are_counted_before_they_are_made(word: str, count: int) -> None:
    (override,) = OverridesParser.create().parse_overrides([word])
    assert _count(override) == count


@pytest.mark.parametrize("name", ["fifo", "/dev/zero", "folder", "a" * 10_000, "a\0b", "nowhere"])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="cannot read ") as refused:
        read_bytes(tmp_path / name, 10)
    assert len(str(refused.value)) < 400


def test_a_bomb_of_gzip_is_not_unpacked(tmp_path: Path) -> None:
    file = tmp_path / "bomb.gz"
    file.write_bytes(gzip.compress(bytes(50_000_000)))
    tracemalloc.start()
    with pytest.raises(UserError, match="more than 1,000,000 bytes when unpacked"):
        read_unpacked(file, 1_000_000)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
