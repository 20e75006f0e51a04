"""The cells of one column: which mean "unknown", and which numbers the others are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ganx.data.csv_doubts import thousands, with_comma
from ganx.data.csv_text import TextTable, number, show
from ganx.data.table import LARGEST

Floats = NDArray[np.float64]

#: Cells that mean "unknown", in lower case: those of pandas, and what else is seen in the repositories of the field.
MISSING = frozenset(["", "?", "-", "--", ".", "na", "n/a", "#na", "#n/a", "<na>", "nan", "-nan", "null", "none"])


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


def numbers_of(cells: Sequence[str | None], commas: bool) -> list[float]:
    """Return the numbers of cells, NaN for everything else."""
    values = (None if cell is None else number(cell.replace(",", "") if commas else cell) for cell in cells)
    return [math.nan if value is None else value for value in values]


def finite(text: TextTable, name: str, values: Floats, start: int = 0) -> Floats:
    """Return numbers (n,) of rows from `start`; infinite ones, and those beyond `LARGEST`, are refused."""
    beyond = np.flatnonzero(np.abs(values) > LARGEST)
    if beyond.size:
        value, line = values[beyond[0]], text.line(start + int(beyond[0]))
        found = f"has {value:g}, beyond +-{LARGEST:g}," if math.isfinite(value) else "is infinite"
        raise text.refuse(name, f"{found} in line {line}; leave the cell empty if it is unknown")
    return values


def has_commas(text: TextTable, name: str, cells: Sequence[str]) -> bool:
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
