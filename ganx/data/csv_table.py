"""A user's own table: missing cells, numbers and categories are told from the file, or refused by name."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ganx.data.csv_cells import Floats, Unknown, finite, has_commas, numbers_of
from ganx.data.csv_doubts import (
    number_like,
    numbers_rows,
    points_of_thousands,
    sentinels,
    spelt_alike,
    unknown_words,
)
from ganx.data.csv_text import TextTable, number, read_text, show
from ganx.data.table import Column, Table
from ganx.data.written import style_of
from ganx.errors import UserError
from ganx.text import list_override, plural

MOSTLY = 0.9  # a column with this share of numbers is meant to be numeric
FEW = 50  # more categories or classes than this must be repeated to be believed
MANY = 1000  # a one-hot code cannot be longer than this
LEVELS = 10  # no more different numbers than this may well be names of categories


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


def _parse_column(text: TextTable, name: str, cells: Sequence[str | None], notes: list[str]) -> tuple[Column, Floats]:
    present = [cell for cell in cells if cell is not None]
    if not present:
        raise text.refuse(name, f"is empty in every row; leave it out with {_drop(name)}")
    commas = has_commas(text, name, present)
    numbers = numbers_of(cells, commas)
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
    for code in sentinels(finite(text, name, values)):
        notes.append(
            f"column {show(name)}: {code:g} stands in {plural(int((values == code).sum()), 'cell')}, far from others; "
            f"if it means unknown, add {list_override('dataset.missing', [code])}"
        )
    if numbers_rows(values):
        notes.append(
            f"column {show(name)}: numbers the rows, {values.min():g} to {values.max():g}; if it is no quantity, "
            f"leave it out with {_drop(name)}"
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
