"""Rows as generative models see them, and back."""

from dataclasses import replace

import numpy as np
import pytest

from ganx.data.datasets import load
from ganx.data.encoding import Encoding, column_range
from ganx.data.rows import Rows, as_images
from ganx.data.table import Column, Table
from ganx.errors import UserError


def rows_of(table: Table) -> Rows:
    return Rows.of(table, Encoding.of(table))


@pytest.mark.parametrize(
    ("dataset", "shape", "bounded"), [("wine", (13,), True), ("digits", (1, 8, 8), True), ("ring8", (2,), False)]
)
def test_there_and_back(dataset: str, shape: tuple[int, ...], bounded: bool) -> None:
    table = load(dataset)
    rows = rows_of(table)
    assert (rows.shape, rows.bounded) == (shape, bounded)
    seen = (rows.stored.astype(np.float32) - rows.centre) / rows.half
    if bounded:
        assert seen.min() == pytest.approx(-1, abs=1e-6)
        assert seen.max() == pytest.approx(1, abs=1e-6)
    else:
        np.testing.assert_allclose(seen, table.x, rtol=1e-6)
    np.testing.assert_allclose(rows.cells(seen.reshape(-1, *shape)), table.x, rtol=1e-4, atol=1e-3)


def test_images_are_stored_as_bytes() -> None:
    assert rows_of(load("digits")).stored.dtype == np.uint8


def test_a_category_comes_back_as_its_code() -> None:
    x = np.array([[0.0, 5.0], [2.0, 7.0], [1.0, 6.0]])
    columns = (Column("colour", ("red", "green", "blue")), Column("size"))
    table = Table("csv", x, None, columns, (), None)
    rows = rows_of(table)
    assert rows.shape == (4,)
    noisy = (rows.stored - rows.centre) / rows.half * 0.9
    np.testing.assert_array_equal(rows.cells(noisy)[:, 0], x[:, 0])


def test_missing_cells_are_refused() -> None:
    table = load("wine")
    x = table.x.copy()
    x[3, 4] = np.nan
    with pytest.raises(UserError, match=r"1 missing cell.*fill them first"):
        rows_of(replace(table, x=x))


def test_colours_there_and_back() -> None:
    cells = np.arange(2 * 3 * 4 * 5, dtype=np.uint8).reshape(2, 60)
    columns = tuple(Column(f"c{j}") for j in range(60))
    rows = rows_of(Table("toy", cells, None, columns, (), None, (3, 4, 5)))
    assert (rows.shape, rows.image, rows.stored.dtype) == ((3, 4, 5), True, np.uint8)
    seen = (rows.stored.astype(np.float32) - rows.centre) / rows.half
    np.testing.assert_allclose(rows.cells(seen.reshape(2, 3, 4, 5)), cells, atol=1e-4)
    drawn = as_images(cells, rows.shape)
    assert drawn.shape == (2, 4, 5, 3)
    np.testing.assert_array_equal(drawn[1, 2, 3], cells.reshape(2, 3, 4, 5)[1, :, 2, 3])
    assert as_images(cells[:, :20], (1, 4, 5)).shape == (2, 4, 5)


def test_columns_of_bytes_have_their_ranges() -> None:
    low, span = column_range(np.array([[10, 7, 0], [250, 7, 255]], dtype=np.uint8))
    np.testing.assert_array_equal(low, [10, 7, 0])
    np.testing.assert_array_equal(span, [240, 1, 255])
