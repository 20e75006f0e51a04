"""What a column looks like, beside what it is: numbers in disguise, spellings of one word, codes for "unknown"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

_CURRENCY = "$€£¥¢₹₽₩₺₪₫฿₴₦₱₿"
_CODES = "USD|EUR|GBP|CHF|JPY|CNY|INR|CAD|AUD|SEK|NOK|DKK|PLN|CZK|HUF|RUB|BRL|ZAR|KRW|Rs"
_NUMBER = r"[+\-−]?\d+([.,'’ \u00a0\u202f]\d+)*([eE][+-]?\d+)?"
_LIKE = re.compile(
    rf"\(?[+\-−]?([<>≤≥~≈±]=?)?\s*(({_CODES})\b\.?|(US|A|C|R)(?=\$))?\s*[{_CURRENCY}]?\s*"
    rf"{_NUMBER}"
    rf"(?P<unit>\s*([^\W\d_]|[%°‰+/{_CURRENCY}])[^\d,;]{{0,15}}[23²³]?)?\)?"
)
_GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?")
_DECIMAL_COMMA = re.compile(r"[+\-−]?(\d+|\d{1,3}([. '’\u00a0\u202f]\d{3})+),\d+")
_POINTS = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}")
_BELOW_THOUSAND = re.compile(r"[+-]?(0|[1-9]\d{0,2})")
_ORDINAL = re.compile(r"\d+(st|nd|rd|th)", re.IGNORECASE)

#: Words for "unknown" that people write, in lower case, beside those that are always read so.
_UNKNOWN = frozenset(
    [
        *("-", "--", "---", "?", "??", "???", ".", "..", "none", "null", "nil", "missing", "unspecified", "undefined"),
        *("unknown", "unk", "unk.", "n.a.", "n.a", "n. a.", "n/a.", "n.k.", "n.d.", "not available", "not known"),
        *("not specified", "not stated", "not recorded", "no data", "no answer", "no value", "undetermined"),
        *("unbekannt", "unbek.", "k.a.", "k.a", "k. a.", "keine angabe", "nicht bekannt", "fehlt", "fehlend"),
        *("inconnu", "inconnue", "desconocido", "desconocida", "sconosciuto", "onbekend", "ukjent", "ukendt", "okänd"),
    ]
)

FEW_ROWS = 10  # so many may well be counted from 1 to 10
FAR = 2  # times the widest gap between the other values


def with_comma(cell: str) -> bool:
    """Whether a cell is a number with commas, of thousands or of decimals."""
    return "," in cell and bool(_GROUPS.fullmatch(cell) or _DECIMAL_COMMA.fullmatch(cell))


def thousands(cell: str) -> bool:
    """Whether every comma of a number stands before exactly three digits, as in 1,234,567.89."""
    return _GROUPS.fullmatch(cell) is not None


def points_of_thousands(cells: Iterable[str]) -> str:
    """Return a number such as 1.234 where the points of all may separate thousands as well; empty where they do not.

    With points of decimals, all would have three of them, or none and be below 1000, and none would begin with 0.
    """
    found = ""
    for cell in cells:
        if _POINTS.fullmatch(cell):
            found = found or cell
        elif not _BELOW_THOUSAND.fullmatch(cell):
            return ""
    return found


def number_like(cells: Iterable[str]) -> set[str]:
    """Return the cells that are numbers with a currency, a unit, a sign such as < or separators of thousands.

    A single letter right after the digits is a unit only if all have the same; otherwise it is a name, like 12a.
    """
    found = {cell: match for cell in cells if (match := _LIKE.fullmatch(cell)) and not _ORDINAL.fullmatch(cell)}
    letters = {unit for match in found.values() if (unit := match["unit"]) and len(unit) == 1 and unit.isalpha()}
    if len(letters) > 1:
        return {cell for cell, match in found.items() if match["unit"] not in letters}
    return set(found)


def sentinels(values: NDArray[np.float64]) -> list[float]:
    """Return the repeated values, far from all others, that people write for "unknown": -1, -9, 99, -999, 9999, ...

    Args:
        values: (N,), NaN = missing.
    """
    counts = Counter(values[~np.isnan(values)].tolist())
    levels, found = sorted(counts), []
    while len(levels) > 3:
        ends = ((levels[0], levels[1] - levels[0], levels[1:]), (levels[-1], levels[-1] - levels[-2], levels[:-1]))
        odd = [(end, rest) for end, gap, rest in ends if counts[end] > 1 and _is_code(end) and _far(end, gap, rest)]
        if not odd:
            break
        found.append(odd[0][0])
        levels = odd[0][1]
    return sorted(found)


def numbers_rows(values: NDArray[np.float64]) -> bool:
    """Whether values (N,) are whole numbers one after another, each once, in whatever order: a running number."""
    return len(values) > FEW_ROWS and bool((np.sort(values) == values.min() + np.arange(len(values))).all())


def unknown_words(names: Iterable[str]) -> list[str]:
    """Return the names that are words for "unknown", one spelling of each; "-" is none beside "+"."""
    names = list(names)
    found = {name.casefold(): name for name in reversed(names) if name.casefold() in _UNKNOWN}
    return sorted(name for name in found.values() if not (name == "-" and "+" in names))


def spelt_alike(names: Iterable[str]) -> list[list[str]]:
    """Return the groups of names that differ in upper and lower case, or in spaces, alone; no words for "unknown"."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(" ".join(name.casefold().split()), []).append(name)
    return [group for form, group in groups.items() if len(group) > 1 and form not in _UNKNOWN]


def _is_code(value: float) -> bool:
    return re.fullmatch(r"-1|-?(7{2,}|8{2,}|9{2,})|-[789]", f"{value:.12g}") is not None


def _far(end: float, gap: float, rest: list[float]) -> bool:
    """Whether a value is far from the others (ascending), or the only one below 0."""
    return bool(gap > FAR * max(np.diff(rest))) or (end <= -77 and rest[0] >= 0)
