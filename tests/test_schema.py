"""Values and their types, and constructors read from their source."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganx.errors import UserError
from ganx.targets import added_by, check_target, constructor, locate, spec, targets_of
from ganx.types import Fraction, NonNegativeFloat, PositiveFloat, PositiveInt, Range, Width, check, describe

MINE = Path(__file__).parent / "cli" / "mine"


@pytest.fixture
def mine(monkeypatch):
    monkeypatch.syspath_prepend(str(MINE))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (PositiveInt, "an integer >= 1"),
        (PositiveFloat, "a number > 0"),
        (Fraction, "a number in [0, 1]"),
        (Annotated[float, Range(0, 1, True, True)], "a number in (0, 1)"),
        (Literal["a", "b"], "one of a, b"),
        (Literal[0] | Annotated[int, Range(2)], "0 or an integer >= 2"),
        (list[PositiveInt], "a list in brackets, [an integer >= 1, ...]"),
        (dict[str, float], "a mapping, each value a number"),
        (str | None, "text or null"),
        (Any, "any value"),
    ],
)
def test_types_in_words(kind, words):
    assert describe(kind) == words


@given(st.floats(allow_nan=True), st.sampled_from([PositiveFloat, NonNegativeFloat, Fraction]))
def test_ranges(value, kind):
    low, high = {PositiveFloat: (5e-324, 1.8e308), NonNegativeFloat: (0, 1.8e308), Fraction: (0, 1)}[kind]
    if low <= value <= high and value != float("inf"):
        assert check("x", value, kind) == value
    else:
        with pytest.raises(UserError, match="x="):
            check("x", value, kind)


@given(st.one_of(st.booleans(), st.none(), st.text(), st.lists(st.integers())))
def test_nothing_else_is_a_number(value):
    for kind in (PositiveInt, PositiveFloat, int, float):
        with pytest.raises(UserError):
            check("x", value, kind)


def test_integers_become_numbers():
    assert isinstance(check("x", 1, PositiveFloat), float)
    assert isinstance(check("x", [1], list[float] | None)[0], float)
    assert isinstance(check("x", 1, int), int)
    assert [type(size) for size in check("x", [1, 1.0], list[Width])] == [int, float]


def test_constructor_of_an_own_method(mine):
    toy = constructor("toymethod.Toy")
    assert "setting" not in toy
    assert toy["n_critic"].kind == PositiveInt
    assert toy["hidden"].kind == dict[Literal["g", "d"], list[PositiveInt]]
    assert toy["penalty"].kind == NonNegativeFloat | None
    assert toy["n_critic"].required
    assert not toy["title"].required
    assert spec({"_target_": "toymethod.Toy"}).fitter == "gradient"
    assert spec({"_target_": "toymethod.Mean"}).fitter == "estimator"


@pytest.mark.parametrize("name", ["Adam", "AdamW", "RMSprop", "SGD"])
def test_constructor_of_torch(name):
    parameters = constructor(f"torch.optim.{name}")
    assert {"lr", "weight_decay"} <= set(parameters)
    assert "params" not in parameters
    assert not any(parameter.required for parameter in parameters.values())


def test_constructor_follows_imports_and_bases(tmp_path, monkeypatch):
    package = tmp_path / "apackage"
    package.mkdir()
    (package / "__init__.py").write_text("from .child import Child as Renamed\n")
    (package / "base.py").write_text(
        "import lightning.pytorch as pl\n"
        "class Base(pl.LightningModule):\n"
        "    def __init__(self, setting, *, width: 'PositiveInt') -> None: ...\n"
    )
    (package / "child.py").write_text("from apackage.base import Base\nclass Child(Base):\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert constructor("apackage.Renamed")["width"].kind == PositiveInt
    assert "apackage" not in sys.modules


def test_targets_of_nested_containers():
    config = {"a": {"_target_": "x.Y"}, "b": [{"_target_": "z.W"}], "c": 1}
    assert list(targets_of(config)) == [("a._target_", "x.Y"), ("b.0._target_", "z.W")]


def test_added_by():
    assert added_by(["model=toy"]) == frozenset()
    for words in (["--config-dir", str(MINE)], [f"--config-dir={MINE}"], [f"hydra.searchpath=[file://{MINE}]"]):
        assert {"toymethod.Toy", "toymethod.Mean"} <= added_by(words)


@pytest.mark.parametrize("name", ["os.system", "ganxos.x", "ganx.x y", "torch.load", "", "ganx"])
def test_check_target_refuses(name):
    with pytest.raises(UserError, match="may only name code of ganx"):
        check_target(name)


def test_locate(mine):
    assert locate("toymethod.Toy", frozenset({"toymethod.Toy"})).__name__ == "Toy"
    assert locate("ganx.run.folder.RunFolder").__name__ == "RunFolder"
    with pytest.raises(UserError, match="may only name"):
        locate("toymethod.Toy")


@pytest.mark.parametrize(
    "name", ["ganx.run.provenance.Path", "ganx.targets.Any", "ganx.cli.os.system", "ganx.cli.main"]
)
def test_locate_gives_only_classes_of_the_package(name):
    with pytest.raises(UserError):
        locate(name)
