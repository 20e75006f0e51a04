"""Another file in the form of a known table, for a model that was trained on that table."""

from __future__ import annotations

import csv
import io
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ganx.data.csv_cells import Floats, Unknown, finite, has_commas, numbers_of
from ganx.data.csv_text import TextTable, number, read_text, show
from ganx.data.table import Column
from ganx.errors import UserError, nearest
from ganx.text import plural

PORTION = 8192  # rows whose cells are in memory as texts when a file is filled
UNSEEN = -1.0  # a code
_TRUTHS = ("True", "TRUE", "true", "False", "FALSE", "false")  # pandas takes these for 1 and 0


@dataclass(frozen=True)
class Like:
    """A file in the form of a known table.

    Attributes:
        text: the file.
        x: (N, D) as in `Table`.
        y: (N,) as in `Table`; None if the file lacks the target.
        gaps: (N, D) cells that hold nothing. What a cell holds that the known table does not is NaN in x, but no gap.
        gaps_y: (N,) the same for labels.
        notes: what was taken as missing, in words.
    """

    text: TextTable
    x: Floats
    y: NDArray[np.int64] | None
    gaps: NDArray[np.bool_]
    gaps_y: NDArray[np.bool_]
    notes: list[str]


def read_like(
    path: str,
    columns: Sequence[Column],
    classes: Sequence[str],
    target: str | None,
    missing: Sequence[str | float] = (),
    *,
    filling: bool = True,
) -> Like:
    """Read another file in the form of a known table, for a model that was trained on that table.

    Further columns and another order are allowed; a column that the file lacks is missing in every row. A category or
    a class counts as known if a single one differs in upper and lower case alone, or is the same number.

    Args:
        path: a file as for `read_csv`.
        columns: D columns of the known table.
        classes: its class names.
        target: name of its target column, which may be missing in the file.
        missing: as for `read_csv`.
        filling: whether the gaps are to be filled; the notes say then what becomes of them.

    Raises:
        UserError: the file has none of the columns, or text where numbers are expected.
    """
    text, unknown = read_text(path), Unknown(missing)
    if not any(text.has(column.name) for column in columns):
        raise UserError(f"{path} has none of the run's columns: {', '.join(c.name for c in columns[:20])}")
    known = [*columns, Column(target, tuple(classes))] if target is not None else list(columns)
    codes = {column.name: _Codes(column.categories, unknown) for column in known if column.categories}
    x = np.full((len(text), len(known)), math.nan)
    numeric = [column.name for column in known if column.numeric and text.has(column.name)]
    for start in range(0, len(text), PORTION):
        parsed = _parsed(text, numeric, start, unknown)
        few = parsed is not None and not any(text.has(name) for name in codes)
        cells = {} if few else dict(zip(text.header, text.columns(start, start + PORTION), strict=True))
        for j, column in enumerate(known):
            name, rows = column.name, slice(start, start + PORTION)
            if column.numeric and text.has(name):
                read = _numbers_like(text, name, cells[name], unknown, start) if parsed is None else parsed[name]
                x[rows, j] = _known_numbers(text, name, read, unknown, start)
            elif text.has(name):
                x[rows, j] = list(map(codes[name].__getitem__, cells[name]))
    gaps = np.isnan(x)
    unseen = x == UNSEEN
    unseen[:, [column.numeric for column in known]] = False
    x[unseen] = math.nan
    notes = [_lacking(text, column.name, filling) for column in columns if not text.has(column.name)]
    for j in unseen.any(0).nonzero()[0]:
        notes.append(_unseen(codes[known[j].name], known[j].name, int(unseen[:, j].sum()), filling))
    y = np.nan_to_num(x[:, -1], nan=-1).astype(np.int64) if target is not None and text.has(target) else None
    d = len(columns)
    return Like(text, x[:, :d], y, gaps[:, :d], gaps[:, d:].any(1), notes)


class _Codes(dict[str, float]):
    """The codes of cells of a known column: NaN where they mean "unknown", `UNSEEN` where it has no such category."""

    def __init__(self, categories: Sequence[str], unknown: Unknown) -> None:
        super().__init__({category: float(k) for k, category in enumerate(categories)})
        self.unknown = unknown
        self.alike: dict[object, set[float]] = {}
        for category, code in self.items():
            for form in _forms(category):
                self.alike.setdefault(form, set()).add(code)

    def __missing__(self, cell: str) -> float:
        text = cell.strip()
        self[cell] = value = self.get(text, math.nan if text in self.unknown else self._alike(text))
        return value

    def _alike(self, text: str) -> float:
        found = [codes for form in _forms(text) if len(codes := self.alike.get(form, set())) == 1]
        return min(found[0]) if found else UNSEEN


def _forms(category: str) -> list[object]:
    """Return what categories are alike by: their letters without case, and the number they are."""
    return [category.casefold(), *([] if (value := number(category)) is None else [value])]


def _lacking(text: TextTable, name: str, filling: bool) -> str:
    hint = nearest(name, text.header)
    return (
        f"the file lacks the column {show(name)}: it counts as missing in every row"
        f"{', is filled, and stands at the end' if filling else ''}"
        f"{hint if hint.startswith('; did') else ''}"
    )


def _unseen(codes: _Codes, name: str, count: int, filling: bool) -> str:
    texts = ", ".join([show(cell) for cell in codes if codes[cell] == UNSEEN][:3])
    return (
        f"column {show(name)}: {plural(count, 'cell')} with values that the run does not know ({texts}), "
        f"counted as missing{' and left as they are' if filling else ''}"
    )


def _parsed(text: TextTable, names: Sequence[str], start: int, unknown: Unknown) -> dict[str, Floats] | None:
    """Return the cells (n,) of numeric columns, of rows from `start`, as numbers; NaN = missing.

    None where a cell is anything but a plain number or one of the `frequent` texts; then each has to be looked at.
    """
    rows = text.plain(start, start + PORTION)
    if rows is None or not names or "\ufeff" in rows:  # a byte order mark, which pandas would pass over
        return None
    if any(word in rows for word in _TRUTHS):
        return None
    positions = sorted(text.position("", name) for name in names)
    with warnings.catch_warnings():
        # The argument is needed up to pandas 2, whose other ways are off by a last digit, and deprecated since.
        warnings.filterwarnings("ignore", ".*float_precision", DeprecationWarning)
        warnings.filterwarnings("ignore", ".*float_precision", FutureWarning)
        try:
            frame = pd.read_csv(
                io.StringIO(rows),
                sep=text.separator,
                header=None,
                names=range(len(text.header)),
                usecols=positions,
                dtype=np.float64,
                quoting=csv.QUOTE_NONE,
                keep_default_na=False,
                na_values=sorted(unknown.frequent),
                skip_blank_lines=False,
                float_precision="round_trip",
            )
        except ValueError:
            return None
    return {text.header[j]: frame[j].to_numpy() for j in positions}


def _numbers_like(text: TextTable, name: str, cells: Sequence[str], unknown: Unknown, start: int) -> Floats:
    """Return cells (n,) of a numeric column, of rows from `start`, as numbers; NaN = missing."""
    try:
        if "_" in "".join(cells):  # see `number`
            raise ValueError
        return np.array([math.nan if cell in unknown.frequent else float(cell) for cell in cells])
    except ValueError:  # one by one, with all that a table may hold
        known = unknown.known(cells)
        commas = has_commas(text, name, [cell for cell in known if cell is not None])
        found = numbers_of(known, commas)
        odd = [i for i, cell in enumerate(known) if cell is not None and math.isnan(found[i])]
        if odd:
            raise text.refuse(
                name,
                f"has {show(cells[odd[0]])} in line {text.line(start + odd[0])}, which is not a number; "
                "leave the cell empty if it is unknown",
            ) from None
        return np.array(found)


def _known_numbers(text: TextTable, name: str, values: Floats, unknown: Unknown, start: int) -> Floats:
    """Return numbers (n,), NaN where they mean "unknown"; infinite ones are refused."""
    values = finite(text, name, values.copy(), start)
    values[np.isin(values, unknown.numbers)] = math.nan
    return values
