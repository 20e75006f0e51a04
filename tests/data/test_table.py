from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ganx.data import Column, Encoding, Mixture, Table


def table(x: np.ndarray, columns: tuple[Column, ...] | None = None) -> Table:
    columns = columns or tuple(Column(f"c{j}") for j in range(x.shape[1]))
    return Table("toy", x, None, columns, (), None)


MIXED = table(
    np.array([[1.0, 0, 5, np.nan], [3.0, 2, 5, np.nan], [np.nan, np.nan, 5, np.nan]]),
    (Column("size"), Column("colour", ("blue", "green", "red")), Column("constant"), Column("nothing")),
)


def test_encoding_by_hand() -> None:
    encoding = Encoding.of(MIXED)
    assert encoding.group.tolist() == [0, 1, 1, 1, 2, 3]
    expected = [[0, 1, 0, 0, 0, 0], [1, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 0]]
    features = encoding.encode(MIXED.x)
    assert features.dtype == np.float32
    np.testing.assert_array_equal(features, expected)
    np.testing.assert_array_equal(encoding.expand(~np.isnan(MIXED.x))[2], [False, False, False, False, True, False])


def test_decode_takes_the_likeliest_category() -> None:
    decoded = Encoding.of(MIXED).decode(np.array([[0.5, 0.2, 0.1, 0.7, 0.0, 0.0]]))
    np.testing.assert_array_equal(decoded, [[2.0, 2.0, 5.0, 0.0]])


def test_encoding_travels_as_plain_containers() -> None:
    encoding = Encoding.of(MIXED)
    again = Encoding.from_dict(encoding.to_dict())
    assert again.columns == encoding.columns
    np.testing.assert_array_equal(again.encode(MIXED.x), encoding.encode(MIXED.x))


@given(
    hnp.arrays(np.float64, hnp.array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.floats(-1e6, 1e6)),
    st.integers(1, 4),
    st.randoms(),
)
def test_encoding_round_trip(numbers: np.ndarray, n_categories: int, random: np.random.Generator) -> None:
    codes = np.array([[random.randrange(n_categories)] for _ in numbers], dtype=np.float64)
    columns = (*(Column(f"n{j}") for j in range(numbers.shape[1])), Column("c", tuple("abcd"[:n_categories])))
    mixed = table(np.hstack([numbers, codes]), columns)
    encoding = Encoding.of(mixed)
    features = encoding.encode(mixed.x)
    assert features.min() >= 0
    assert features.max() <= 1
    np.testing.assert_allclose(encoding.decode(features), mixed.x, rtol=0, atol=1e-6 * max(1, np.ptp(numbers)))


def test_checksum_is_of_the_content() -> None:
    same = Table("other", MIXED.x.copy(), None, MIXED.columns, (), None)
    assert same.checksum() == MIXED.checksum()
    assert table(np.array([[0.0]])).checksum() == table(np.array([[-0.0]], dtype=np.float32)).checksum()


@pytest.mark.parametrize(
    "other",
    [
        table(np.array([[1.0, 2.0]])),
        table(np.array([[1.0], [3.0]])),
        table(np.array([[1.0], [2.0]]), (Column("d0"),)),
        Table("toy", np.array([[1.0], [2.0]]), np.array([0, 1]), (Column("c0"),), ("a", "b"), "y"),
    ],
)
def test_checksum_tells_tables_apart(other: Table) -> None:
    assert other.checksum() != table(np.array([[1.0], [2.0]])).checksum()


def test_a_cut_keeps_rows_whole_and_always_the_same() -> None:
    whole = Table("toy", np.arange(60.0).reshape(30, 2), np.arange(30), (Column("a"), Column("b")), ("k",), "y")
    part = whole.cut(12)
    assert part.n_rows == 12
    assert part.y is not None
    np.testing.assert_array_equal(part.x[:, 0], 2 * part.y)
    assert (np.diff(part.y) > 0).all()
    assert part.checksum() == whole.cut(12).checksum() != whole.checksum()
    assert whole.cut(30) is whole


def test_a_cut_is_not_divided_as_the_whole_was() -> None:
    whole = replace(table(np.arange(60.0).reshape(30, 2)), n_train=20)
    assert whole.cut(30).n_train == 20
    assert whole.cut(12).n_train is None


def test_the_checksum_is_of_cells_labels_and_names_alone() -> None:
    mixture = Mixture(np.zeros((1, 1)), 1.0, np.ones(1))
    plain = table(np.array([[1.0], [2.0]]))
    assert replace(plain, native=True, mixture=mixture, n_train=1).checksum() == plain.checksum()
