"""A user's own table: separator, missing cells, numbers and categories are told from the file, or refused by name."""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ganx.data.table import Column, Table
from ganx.errors import UserError, nearest

SEPARATORS = ",;\t|"
#: Cells that mean "unknown", in lower case: those of pandas, and what else is seen in the repositories of the field.
MISSING = frozenset(["", "?", "-", "--", ".", "na", "n/a", "#na", "#n/a", "<na>", "nan", "-nan", "null", "none"])
MOSTLY = 0.9  # a column with this share of numbers is meant to be numeric
FEW = 50  # more categories or classes than this must be repeated to be believed
MANY = 1000  # a one-hot code cannot be longer than this
LARGEST = 1e300  # so that a column's range is finite, too


@dataclass(frozen=True)
class _Text:
    """The cells of a file as text: `rows[i][j]`, where row i stands on line `lines[i]` of the file."""

    path: str
    separator: str
    header: list[str]
    rows: list[list[str]]
    lines: list[int]

    def column(self, name: str) -> list[str]:
        j = self.header.index(name)
        return [row[j].strip() for row in self.rows]

    def refuse(self, column: str, why: str) -> UserError:
        return UserError(f"{self.path}: column {_show(column)} {why}")


def _show(cell: str) -> str:
    """Return a cell for a message of one line."""
    line = " ".join(cell.split())
    return f"'{line[:40]}...'" if len(line) > 40 else f"'{line}'"


def read_csv(path: str, target: str | None = None, drop: Sequence[str] = (), group: str | None = None) -> Table:
    """Read a table with a header line.

    A column is numeric if all its cells are finite numbers, and categorical otherwise; see docs/data.md.

    Args:
        path: a text file; separated by comma, semicolon, tab or bar.
        target: name of the column with the class, None if there is none.
        drop: names of columns to leave out.
        group: name of the column whose equal values keep rows together; it is no column of the table then.

    Raises:
        UserError: the file or a column of it cannot be used; the message says why and what to do.
    """
    text = _read_text(path)
    for key, names in (("target", [target]), ("drop", drop), ("group", [group])):
        for name in names:
            if name is not None and name not in text.header:
                raise UserError(f"dataset.{key}: {path} has no column '{name}'{nearest(str(name), text.header)}")
    if target in drop:
        raise UserError(f"column '{target}' is both dataset.target and in dataset.drop")
    if group is not None and group == target:
        raise UserError(f"column '{group}' is both dataset.target and dataset.group")
    names = [name for name in text.header if name not in (target, group, *drop)]
    if not names:
        raise UserError(f"{path}: no column is left besides dataset.target, dataset.drop and dataset.group")

    columns, cells = zip(*(_parse_column(text, name) for name in names), strict=True)
    y, classes = _parse_target(text, target) if target is not None else (None, ())
    groups = _parse_groups(text, group) if group is not None else None
    return Table("csv", np.column_stack(cells), y, columns, classes, target, groups=groups)


def read_like(
    path: str, columns: Sequence[Column], classes: Sequence[str], target: str | None
) -> tuple[pd.DataFrame, NDArray[np.float64], NDArray[np.int64] | None]:
    """Read another file in the form of a known table, for a model that was trained on that table.

    Args:
        path: a file as for `read_csv`; further columns and another order are allowed.
        columns: D columns of the known table.
        classes: its class names.
        target: name of its target column, which may be missing in the file.

    Returns:
        raw: the cells of the file as text, unchanged; `raw.attrs["separator"]` is the separator.
        x: (N, D) as in `Table`.
        y: (N,) as in `Table`; None if the file lacks the target.

    Raises:
        UserError: a column is missing, or a cell is neither missing nor a number or category of its column.
    """
    text = _read_text(path)
    for column in columns:
        if column.name not in text.header:
            raise UserError(f"{path} lacks the column '{column.name}'{nearest(column.name, text.header)}")
    x = np.column_stack([_cells_like(text, column) for column in columns])
    y = None
    if target is not None and target in text.header:
        codes = _cells_like(text, Column(target, tuple(classes)))
        y = np.where(np.isnan(codes), -1, codes).astype(np.int64)
    raw = pd.DataFrame(text.rows, columns=text.header, dtype=object)
    raw.attrs["separator"] = text.separator
    return raw, x, y


def _read_text(path: str) -> _Text:
    file = Path(path).expanduser()
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    if b"\0" in data:
        raise UserError(f"{path} is not a plain text file; save the table as CSV (UTF-8)")
    try:
        content = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        content = data.decode("latin-1")
    separator = _separator(content)
    header, rows, lines = _records(path, content, separator)
    _check_header(path, header)
    if not rows:
        raise UserError(f"{path} has no rows below its header line")
    return _Text(path, separator, header, rows, lines)


def _separator(content: str) -> str:
    """Return the separator that divides the header and most of the first rows into the same number of cells."""

    def score(separator: str) -> tuple[float, int]:
        reader = csv.reader(io.StringIO(content, newline=""), delimiter=separator)
        try:
            widths = [len(row) for row, _ in zip(reader, range(100), strict=False) if row]
        except csv.Error:
            return 0.0, 0
        if not widths or widths[0] < 2:
            return 0.0, 0
        return Counter(widths)[widths[0]] / len(widths), widths[0]

    # max keeps the first of equals, so a file of one column is separated by commas.
    return max(SEPARATORS, key=score)


def _records(path: str, content: str, separator: str) -> tuple[list[str], list[list[str]], list[int]]:
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=separator, strict=True)
    header: list[str] = []
    rows, lines = [], []
    try:
        for row in reader:
            if not row:
                continue  # a blank line
            if not header:
                header = [name.strip() for name in row]
            elif len(row) != len(header):
                raise UserError(
                    f"{path}, line {reader.line_num}: {len(row)} cells where the header has {len(header)} "
                    f"(separator {separator!r}); quote cells that hold the separator"
                )
            else:
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: {error}; is a quotation mark left open?") from error
    return header, rows, lines


def _check_header(path: str, header: list[str]) -> None:
    if not header:
        raise UserError(f"{path} is empty; a table needs a header line and rows")
    for j, name in enumerate(header):
        if not name:
            raise UserError(
                f"{path}: column {j + 1} has no name (an index column?); name it in the header line or remove it"
            )
        if header.index(name) != j:
            raise UserError(f"{path}: columns {header.index(name) + 1} and {j + 1} are both named '{name}'; rename one")
    numbers = [_number(name) for name in header]
    counted = all(b is not None and a is not None and b == a + 1 for a, b in itertools.pairwise(numbers))
    if None not in numbers and not (counted and len(header) > 1):  # 0, 1, 2, ... or years are names
        raise UserError(f"{path}: the first line looks like data ({header[0]}, ...); add a line with the column names")


def _number(text: str) -> float | None:
    if "_" in text:  # Python reads 1_000 as a number, a table does not mean one
        return None
    try:
        return float(text)
    except ValueError:
        return None


def _is_missing(text: str) -> bool:
    return text.lower() in MISSING


def _known(cells: list[str]) -> list[str | None]:
    """Return the cells with None for those that mean "unknown"."""
    plus_minus = "+" in cells  # then "-" is the other value
    return [cell if cell == "-" and plus_minus else None if _is_missing(cell) else cell for cell in cells]


def _parse_column(text: _Text, name: str) -> tuple[Column, NDArray[np.float64]]:
    cells = _known(text.column(name))
    present = [cell for cell in cells if cell is not None]
    if not present:
        raise text.refuse(name, f"is empty in every row; leave it out with dataset.drop=[{name}]")
    numbers = [None if cell is None else _number(cell) for cell in cells]
    n_numbers = sum(number is not None for number in numbers)
    if n_numbers == len(present):
        return Column(name), _finite(text, name, numbers)
    if n_numbers >= MOSTLY * len(present):
        i = next(i for i, cell in enumerate(cells) if cell is not None and numbers[i] is None)
        raise text.refuse(
            name,
            f"is numeric but for {_show(cells[i] or '')} in line {text.lines[i]}; "
            f"leave that cell empty if it is unknown, or use dataset.drop=[{name}]",
        )
    if sum(_number(cell.replace(",", ".", 1)) is not None for cell in present) >= MOSTLY * len(present):
        raise text.refuse(name, f"has decimal commas ({_show(_odd(present))}); write numbers with a decimal point")
    categories = sorted(set(present))
    if len(categories) > MANY or (len(categories) > FEW and len(categories) > len(present) / 2):
        raise text.refuse(
            name,
            f"has {len(categories)} different texts in {len(present)} cells ({_show(present[0])}, ...), too many for "
            f"categories; leave it out with dataset.drop=[{name}]",
        )
    return Column(name, tuple(categories)), _codes(cells, {category: k for k, category in enumerate(categories)})


def _odd(cells: list[str]) -> str:
    return next(cell for cell in cells if _number(cell) is None)


def _finite(text: _Text, name: str, numbers: list[float | None]) -> NDArray[np.float64]:
    values = np.array([math.nan if number is None else number for number in numbers], dtype=np.float64)
    infinite = np.flatnonzero(np.abs(values) > LARGEST)
    if infinite.size:
        raise text.refuse(name, f"is infinite in line {text.lines[infinite[0]]}; leave the cell empty if it is unknown")
    return values


def _codes(cells: Sequence[str | None], codes: dict[str, int]) -> NDArray[np.float64]:
    return np.array([math.nan if cell is None else codes[cell] for cell in cells], dtype=np.float64)


def _parse_target(text: _Text, name: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    cells = _known(text.column(name))
    present = [cell for cell in cells if cell is not None]
    same = _same_number(present)
    classes = [same[number] for number in sorted(same)] if same else sorted(set(present))
    if len(classes) < 2:
        found = f"a single class, {_show(classes[0])}" if classes else "no value at all"
        raise text.refuse(
            name, f"cannot be the target: it has {found}; use dataset.target=null for a table without one"
        )
    if (same and len(classes) > FEW) or (len(classes) > 10 and len(classes) > len(present) / 2):
        kind = "numbers, which looks like regression" if same else "texts"
        raise text.refuse(name, f"cannot be the target: it has {len(classes)} different {kind}; ganx predicts classes")
    codes = {cell: classes.index(same[float(cell)] if same else cell) for cell in set(present)}
    return np.array([-1 if cell is None else codes[cell] for cell in cells], dtype=np.int64), tuple(classes)


def _parse_groups(text: _Text, name: str) -> NDArray[np.int64]:
    """Return the number of each row's group (N,); a row where the cell is missing is a group by itself."""
    numbers: dict[str | int, int] = {}
    keys = (i if cell is None else cell for i, cell in enumerate(_known(text.column(name))))
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def _same_number(cells: list[str]) -> dict[float, str]:
    """Return one text for each number (1, 1.0 and 01 are one class), or nothing if not all cells are numbers."""
    same: dict[float, str] = {}
    for cell in cells:
        number = _number(cell)
        if number is None:
            return {}
        same.setdefault(number, cell)
    return same


def _cells_like(text: _Text, column: Column) -> NDArray[np.float64]:
    """Return the cells of a column (N,) as numbers or codes of the known column."""
    codes = {category: float(k) for k, category in enumerate(column.categories)}
    by_number = {_number(category): float(k) for k, category in enumerate(column.categories)}
    values = np.empty(len(text.rows))
    for i, cell in enumerate(text.column(column.name)):
        value: float | None
        if cell in codes:
            value = codes[cell]
        elif _is_missing(cell):
            value = math.nan
        elif column.numeric:
            value = _number(cell)
        else:
            value = by_number.get(_number(cell)) if None not in by_number else None
        if value is None or abs(value) > LARGEST:
            expected = "a finite number" if column.numeric else f"a known category{nearest(cell, column.categories)}"
            raise text.refuse(column.name, f"has {_show(cell)} in line {text.lines[i]}, which is not {expected}")
        values[i] = value
    return values
