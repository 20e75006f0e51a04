"""Arrays of one's own: what they become, and what is refused in one line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganx.data import Table, load
from ganx.data.npz import read_npz
from ganx.errors import UserError

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (6, 4, 5, 3), dtype=np.uint8)  # (N, H, W, C)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "own.npz"


def read(file: Path, **arrays: Any) -> Table:
    np.savez(file, **arrays)
    return load("npz", path=str(file))


def test_rows(file: Path) -> None:
    x = RNG.normal(size=(5, 3))
    x[1, 2] = np.nan
    table = read(file, x=x, y=np.array(["b", "a", "", "b", "a"]), z=np.zeros(2))
    np.testing.assert_array_equal(table.x, x)
    assert (table.name, table.image_shape, table.native) == ("npz", None, False)
    assert [column.name for column in table.columns] == ["x1", "x2", "x3"]
    assert (table.classes, table.target, table.y.tolist()) == (("a", "b"), "y", [1, 0, -1, 1, 0])


@pytest.mark.parametrize("y", [[7, 10, 7, -1, 10], [7, 10, 7, -5, 10]])
def test_classes_are_in_the_order_of_their_numbers(file: Path, y: list[int]) -> None:
    table = read(file, x=np.ones((5, 2), dtype=np.int16), y=np.array(y))
    assert (table.classes, table.y.tolist()) == (("7", "10"), [0, 1, 0, -1, 1])


def test_labels_that_are_all_unknown_are_none(file: Path) -> None:
    """As in what `ganx sample` writes of a method without categories."""
    table = read(file, x=np.zeros((5, 2)), y=np.full(5, -1))
    assert (table.y, table.classes, table.target) == (None, (), None)


@pytest.mark.parametrize(
    ("x", "shape"),
    [
        (BYTES[..., 0], (1, 4, 5)),
        (BYTES[..., :1], (1, 4, 5)),
        (BYTES, (3, 4, 5)),
        (BYTES.transpose(0, 3, 1, 2), (3, 4, 5)),
        (BYTES.astype(np.int64), (3, 4, 5)),
        (BYTES.astype(np.float32), (3, 4, 5)),
        (BYTES / 255, (3, 4, 5)),
        ((BYTES / 255).astype(np.float16), (3, 4, 5)),
    ],
)
def test_images_become_bytes_channel_by_channel(file: Path, x: np.ndarray, shape: tuple[int, int, int]) -> None:
    table = read(file, x=x)
    assert (table.x.dtype, table.image_shape) == (np.uint8, shape)
    assert len({column.name for column in table.columns}) == table.n_columns == np.prod(shape)
    np.testing.assert_array_equal(table.x.reshape(6, *shape), BYTES.transpose(0, 3, 1, 2)[:, : shape[0]])


def test_black_and_white(file: Path) -> None:
    assert set(np.unique(read(file, x=BYTES[..., 0] > 100).x)) == {0, 255}


def test_the_column_of_the_class_has_a_name_of_its_own() -> None:
    from ganx.data.npz import _free

    assert _free("y", ["x", "y", "y_"]) == "y__"


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "has no array 'x': it is empty"),
        ({"X": BYTES}, "has no array 'x'"),
        ({"x": np.array([[1, None]], dtype=object)}, "it holds Python objects"),
        ({"x": np.ones((2, 2)), "y": np.array([1, None])}, "it holds Python objects"),
        ({"x": np.array([["a", "b"]])}, "x is of type <U1; write numbers"),
        ({"x": np.ones((2, 2)) * 1j}, "x is of type complex128"),
        ({"x": np.float64(1)}, "x has the shape ()"),
        ({"x": np.ones(3)}, "x has the shape (3,)"),
        ({"x": np.ones((0, 3))}, "x has the shape (0, 3)"),
        ({"x": np.ones((2, 0, 3))}, "x has the shape (2, 0, 3)"),
        ({"x": np.ones((1, 2, 3, 4, 5))}, "x has the shape (1, 2, 3, 4, 5)"),
        ({"x": np.ones((2, 4, 4, 4))}, "images have 1 or 3 channels"),
        ({"x": np.array([[1.0, np.inf]])}, "x has cells beyond"),
        ({"x": np.array([[1.0, -1e305]])}, "x has cells beyond"),
        ({"x": np.full((2, 3, 3), 0.5) * 3}, "x has 1.5 to 1.5"),
        ({"x": np.full((2, 3, 3), 256)}, "x has 256 to 256"),
        ({"x": np.full((2, 3, 3), -1)}, "x has -1 to -1"),
        ({"x": np.full((2, 3, 3), np.nan)}, "x has nan to nan"),
        ({"x": np.ones((3, 2)), "y": np.arange(2)}, "y has the shape (2,), and x has 3 rows"),
        ({"x": np.ones((3, 2)), "y": np.ones((3, 1), int)}, "y has the shape (3, 1)"),
        ({"x": np.ones((3, 2)), "y": np.ones(3)}, "y is of type float64; write classes"),
        ({"x": np.ones((3, 2)), "y": np.ones(3, int)}, "y has a single class, '1'"),
        ({"x": np.ones((1001, 2)), "y": np.arange(1001)}, "1001 classes, more than 1000"),
    ],
)
def test_refusals(file: Path, arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as refused:
        read(file, **arrays)
    assert str(file) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_no_file_and_another_kind_of_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        read_npz(str(tmp_path / "nowhere.npz"))
    with pytest.raises(UserError, match="a folder"):
        read_npz(str(tmp_path))
    for name, content in (("empty.npz", b""), ("text.npz", b"a,b\n1,2\n"), ("zip.npz", b"PK\3\4" + bytes(40))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=r"damaged or no \.npz file"):
            read_npz(str(tmp_path / name))
    np.save(tmp_path / "single.npy", BYTES)
    with pytest.raises(UserError, match="is a single array"):
        read_npz(str(tmp_path / "single.npy"))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.booleans(), st.integers(0, 100_000), st.integers(0, 255), st.booleans())
def test_a_damaged_file_is_one_line(tmp_path: Path, packed: bool, place: int, byte: int, cut: bool) -> None:
    file = tmp_path / "damaged.npz"
    (np.savez_compressed if packed else np.savez)(file, x=BYTES, y=np.arange(6) % 2)
    content = bytearray(file.read_bytes())
    place %= len(content)
    content[place] = byte
    file.write_bytes(content[:place] if cut else content)
    try:
        assert read_npz(str(file)).x.shape == (6, 60)
    except UserError as refused:
        assert "\n" not in str(refused)  # noqa: PT017


def test_a_bomb_is_not_unpacked(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(file, x=np.zeros((1000, 1000)), z=np.zeros((2000, 2000)))
    monkeypatch.setattr("ganx.data.npz.MOST_BYTES", 7_000_000)
    monkeypatch.setattr(np.lib.npyio.NpzFile, "__getitem__", None)
    with pytest.raises(UserError, match="8,000,128 bytes when unpacked, and at most 7,000,000 are taken"):
        read_npz(str(file))
