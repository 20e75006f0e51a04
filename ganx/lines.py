"""Plain lines on the terminal: cells in columns, states in colour. Standard library only, so that it opens at once."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence

from ganx.text import printable

_COLOURS = {"done": "32", "running": "36", "failed": "31", "damaged": "31", "stale": "33", "interrupted": "33"}


def print_rows(rows: Iterable[Sequence[str]], coloured: int | None = None) -> None:
    """Print rows in columns; the state in column `coloured` is painted on a terminal."""
    lines = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [f"{cell:{width}}" for cell, width in zip(line[:-1], widths, strict=False)] + line[-1:]
        if coloured is not None:
            cells[coloured] = painted(line[coloured]) + cells[coloured][len(line[coloured]) :]
        print("  ".join(cells).rstrip())


def painted(state: str) -> str:
    """Return a state in its colour, on a terminal."""
    return f"\033[{_COLOURS.get(state, '0')}m{state}\033[0m" if sys.stdout.isatty() else state


def age(seconds: float) -> str:
    """Return how long something is ago: `5 s`, `3 min`, `2 h`, `4 d`; `-` for never."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}" if math.isfinite(seconds) else "-"
    return f"{max(seconds, 0):.0f} s"
