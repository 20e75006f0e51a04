"""A user's own table: missing cells, numbers and categories are told from the file, or refused by name."""

from __future__ import annotations

import csv
import io
import math
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ganx.data.csv_doubts import (
    number_like,
    points_of_thousands,
    sentinels,
    spelt_alike,
    thousands,
    unknown_words,
    with_comma,
)
from ganx.data.csv_text import TextTable, number, read_text, show
from ganx.data.table import Column, Table
from ganx.data.written import style_of
from ganx.errors import UserError, nearest
from ganx.text import list_override, plural

Floats = NDArray[np.float64]

#: Cells that mean "unknown", in lower case: those of pandas, and what else is seen in the repositories of the field.
MISSING = frozenset(["", "?", "-", "--", ".", "na", "n/a", "#na", "#n/a", "<na>", "nan", "-nan", "null", "none"])
MOSTLY = 0.9  # a column with this share of numbers is meant to be numeric
FEW = 50  # more categories or classes than this must be repeated to be believed
MANY = 1000  # a one-hot code cannot be longer than this
LEVELS = 10  # no more different numbers than this may well be names of categories
PORTION = 8192  # rows whose cells are in memory as texts when a file is filled
UNSEEN = -1.0  # a code
_TRUTHS = ("True", "TRUE", "true", "False", "FALSE", "false")  # pandas takes these for 1 and 0
LARGEST = 1e300  # so that a column's range is finite, too


class Unknown:
    """Which cells mean "unknown".

    Args:
        further: texts and numbers beside `MISSING`; a number is known by its value, so that -999 is -999.0, too.
    """

    def __init__(self, further: Sequence[str | float] = ()) -> None:
        texts = [str(item).strip() for item in further]
        self.texts = MISSING | {text.lower() for text in texts}
        self.numbers = [value for text in texts if (value := number(text)) is not None]
        self.frequent = {spelt for text in self.texts for spelt in (text, text.upper(), text.title())}

    def __contains__(self, cell: str) -> bool:
        return cell.lower() in self.texts or (bool(self.numbers) and number(cell) in self.numbers)

    def known(self, cells: Sequence[str]) -> list[str | None]:
        """Return the cells, None where they mean "unknown"."""
        cells = [cell.strip() for cell in cells]
        plus_minus = "+" in cells  # then "-" is the other value
        return [cell if cell == "-" and plus_minus else None if cell in self else cell for cell in cells]


def read_csv(
    path: str,
    target: str | None = None,
    drop: Sequence[str] = (),
    missing: Sequence[str | float] = (),
    group: str | None = None,
) -> Table:
    """Read a table with a header line.

    A column is numeric if all its cells are finite numbers, and categorical otherwise; see docs/data.md. What was
    guessed, or looks odd, is in the table's notes.

    Args:
        path: a text file; separated by comma, semicolon, tab or bar.
        target: name of the column with the class, None if there is none.
        drop: names of columns to leave out.
        missing: further texts and numbers that mean "unknown".
        group: name of the column whose equal values keep rows together; it is no column of the table then.

    Raises:
        UserError: the file or a column of it cannot be used; the message says why and what to do.
    """
    text = read_text(path)
    for key, names in (("target", [target]), ("drop", drop), ("group", [group])):
        for name in names:
            if name is not None:
                text.position(f"dataset.{key}", name)
    if target in drop:
        raise UserError(f"column '{target}' is both dataset.target and in dataset.drop")
    if group is not None and group == target:
        raise UserError(f"column '{group}' is both dataset.target and dataset.group")
    names = [name for name in text.header if name not in (target, group, *drop)]
    if not names:
        raise UserError(f"{path}: no column is left besides dataset.target, dataset.drop and dataset.group")

    unknown, cells = Unknown(missing), dict(zip(text.header, text.columns(), strict=True))
    notes: list[str] = []
    columns, x = [], np.empty((len(text), len(names)))
    for j, name in enumerate(names):
        column, x[:, j] = _parse_column(text, name, unknown.known(cells[name]), notes)
        columns.append(column)
        notes += _doubts(name, column.categories, "category", "categories")
    y, classes = (None, ()) if target is None else _parse_target(text, target, unknown.known(cells[target]))
    notes += _doubts(target or "", classes, "class", "classes")
    groups = None if group is None else _parse_groups(unknown.known(cells[group]))
    return Table("csv", x, y, tuple(columns), classes, target, groups=groups, notes=tuple(notes))


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
        commas = _commas(text, name, [cell for cell in known if cell is not None])
        found = _numbers(known, commas)
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
    values = _finite(text, name, values.copy(), start)
    values[np.isin(values, unknown.numbers)] = math.nan
    return values


def _numbers(cells: Sequence[str | None], commas: bool) -> list[float]:
    """Return the numbers of cells, NaN for everything else."""
    values = (None if cell is None else number(cell.replace(",", "") if commas else cell) for cell in cells)
    return [math.nan if value is None else value for value in values]


def _finite(text: TextTable, name: str, values: Floats, start: int = 0) -> Floats:
    infinite = np.flatnonzero(np.abs(values) > LARGEST)
    if infinite.size:
        line = text.line(start + int(infinite[0]))
        raise text.refuse(name, f"is infinite in line {line}; leave the cell empty if it is unknown")
    return values


def _commas(text: TextTable, name: str, cells: Sequence[str]) -> bool:
    """Whether the numbers of a column have commas, of thousands; commas of decimals are refused."""
    having = [cell for cell in cells if with_comma(cell)]
    if not having or len(having) + sum(number(cell) is not None for cell in cells) < len(cells) / 2:
        return False
    decimal = next((cell for cell in having if not thousands(cell)), None)
    if decimal is not None:
        raise text.refuse(name, f"has decimal commas ({show(decimal)}); write numbers with a decimal point")
    if text.separator != "," and not any(cell.count(",") > 1 or "." in cell for cell in cells):
        whole, decimals = having[0].replace(",", ""), having[0].replace(",", ".")
        raise text.refuse(name, f"has {show(having[0])}, which may be {whole} or {decimals}; write one of them")
    return True


def _parse_column(text: TextTable, name: str, cells: Sequence[str | None], notes: list[str]) -> tuple[Column, Floats]:
    present = [cell for cell in cells if cell is not None]
    if not present:
        raise text.refuse(name, f"is empty in every row; leave it out with {_drop(name)}")
    commas = _commas(text, name, present)
    numbers = _numbers(cells, commas)
    words = Counter(cell for cell, value in zip(cells, numbers, strict=True) if cell is not None and value != value)
    if not words and not _are_names(name, present, notes):
        if commas:
            notes.append(f"column {show(name)}: commas are taken as separators of thousands ({show(_comma(present))})")
        if found := points_of_thousands(present):
            notes.append(
                f"column {show(name)}: points are taken as decimal points ({show(found)} is less than a thousand); "
                f"if they separate thousands, write {found.replace('.', '')}"
            )
        return _numeric(text, name, np.array(numbers, dtype=np.float64), present, notes)
    if words:
        _judge_words(text, name, cells, words, notes)
    categories = sorted(set(present))
    if len(categories) > MANY or (len(categories) > FEW and len(categories) > len(present) / 2):
        raise text.refuse(
            name,
            f"has {len(categories)} different texts in {len(present)} cells ({show(present[0])}, ...), too many for "
            f"categories; leave it out with {_drop(name)}",
        )
    codes = {category: float(k) for k, category in enumerate(categories)}
    return Column(name, tuple(categories)), np.array([math.nan if cell is None else codes[cell] for cell in cells])


def _numeric(
    text: TextTable, name: str, values: Floats, present: Sequence[str], notes: list[str]
) -> tuple[Column, Floats]:
    for code in sentinels(_finite(text, name, values)):
        notes.append(
            f"column {show(name)}: {code:g} stands in {plural(int((values == code).sum()), 'cell')}, far from others; "
            f"if it means unknown, add {list_override('dataset.missing', [code])}"
        )
    return Column(name, style=style_of(present)), values


def _are_names(name: str, present: Sequence[str], notes: list[str]) -> bool:
    """Whether numbers with leading zeros are names of few categories, such as postcodes."""
    padded = next((cell for cell in present if len(cell) > 1 and cell.startswith("0")), None)
    if padded is None or not all(cell.isdecimal() for cell in present):
        return False
    few = len(set(present)) <= FEW
    taken = f"{len(set(present))} categories" if few else f"numbers, since more than {FEW} are different"
    notes.append(f"column {show(name)}: digits with leading zeros ({show(padded)}) are taken as {taken}")
    return few


def _doubts(name: str, found: Sequence[str], one: str, several: str) -> list[str]:
    """Return notes about names of categories or classes that may be one and the same, or mean "unknown"."""
    notes = []
    if groups := spelt_alike(found):
        told = "; ".join(", ".join(repr(spelling[:40]) for spelling in group) for group in groups[:3])
        more = "; ..." if len(groups) > 3 else ""
        notes.append(
            f"column {show(name)}: {told}{more} are different {several}, though they differ in case or spaces alone; "
            "write them alike if they are the same"
        )
    if words := unknown_words(found):
        told = ", ".join(map(show, words))
        are = f"are taken as {several}; if they mean" if len(words) > 1 else f"is taken as a {one}; if it means"
        notes.append(f"column {show(name)}: {told} {are} unknown, add {list_override('dataset.missing', words)}")
    return notes


def _judge_words(
    text: TextTable, name: str, cells: Sequence[str | None], words: Counter[str], notes: list[str]
) -> None:
    """Refuse a column of numbers in which some cells are something else; note one that may be such a column.

    Args:
        words: how often each text stands there that is not a number.
    """
    like, n_words = number_like(words), words.total()
    numbers = [cell for cell in cells if cell is not None and cell not in words]
    n, levels = len(numbers) + n_words, set(numbers) | like
    n_like = len(numbers) + sum(words[cell] for cell in like)
    if len(numbers) >= MOSTLY * n or (2 * n_like >= n and len(levels) > LEVELS):
        i = next(i for i, cell in enumerate(cells) if cell in words)
        is_numeric = "is numeric but for" if 2 * len(numbers) >= n else "looks numeric but has"
        others = f" and {plural(n_words - 1, 'other cell')}" if n_words > 1 else ""
        raise text.refuse(
            name,
            f"{is_numeric} {show(cells[i] or '')} in line {text.line(i)}{others}; {_remedies(name, words, like)}",
        )
    if like or len(levels) > LEVELS:
        notes.append(
            f"column {show(name)}: numbers such as {show(min(like or levels))} are taken as names of categories; "
            "if they are quantities, write plain numbers in every cell"
        )


def _remedies(name: str, words: Counter[str], like: set[str]) -> str:
    unknown = [word for word, _ in words.most_common() if word not in like][:3]
    return ", ".join(
        [
            *(["write plain numbers, without currency, unit or separator"] if like else []),
            *([f"use {list_override('dataset.missing', unknown)} if that means unknown"] if unknown else []),
            f"or leave the column out with {_drop(name)}",
        ]
    )


def _drop(name: str) -> str:
    return list_override("dataset.drop", [name])


def _comma(cells: Sequence[str]) -> str:
    return next(cell for cell in cells if "," in cell)


def _parse_target(text: TextTable, name: str, cells: Sequence[str | None]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    present = [cell for cell in cells if cell is not None]
    same = _same_number(present)
    classes = [same[number] for number in sorted(same)] if same else sorted(set(present))
    if len(classes) < 2:
        found = f"a single class, {show(classes[0])}" if classes else "no value at all"
        raise text.refuse(
            name, f"cannot be the target: it has {found}; use dataset.target=null for a table without one"
        )
    if (same and len(classes) > FEW) or (len(classes) > 10 and len(classes) > len(present) / 2):
        kind = "numbers, which looks like regression" if same else "texts"
        raise text.refuse(name, f"cannot be the target: it has {len(classes)} different {kind}; ganx predicts classes")
    codes = {cell: classes.index(same[float(cell)] if same else cell) for cell in set(present)}
    return np.array([-1 if cell is None else codes[cell] for cell in cells], dtype=np.int64), tuple(classes)


def _parse_groups(cells: Sequence[str | None]) -> NDArray[np.int64]:
    """Return the number of each row's group (N,); a row where the cell is missing is a group by itself."""
    numbers: dict[str | int, int] = {}
    keys = (i if cell is None else cell for i, cell in enumerate(cells))
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def _same_number(cells: list[str]) -> dict[float, str]:
    """Return one text for each number (1, 1.0 and 01 are one class), or nothing if not all cells are numbers."""
    same: dict[float, str] = {}
    for cell in cells:
        value = number(cell)
        if value is None:
            return {}
        same.setdefault(value, cell)
    return same
