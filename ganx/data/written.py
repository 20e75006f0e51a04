"""How the numbers of a column are written, so that new ones look like those that are there.

A style is a format specification: `z.2f` two decimals (`z`: no -0), `z05.0f` five digits with leading zeros, `z,.0f`
thousands with commas, `z.6g` six significant digits, perhaps with an exponent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ganx.errors import DamagedError

PRECISION = 15  # significant digits of a float64 that are always right
SAMPLE = 1000  # so many cells tell the style of a column
WIDEST = 100  # so many digits are not padded
RARE = 0.05  # more decimals than the other cells, in at most this share of them, are an artefact

_STYLE = re.compile(r"z(0\d{1,2})?,?\.\d{1,2}[fg]")


def style_of(texts: Sequence[str]) -> str:
    """Return the style of numbers as they stand in a file."""
    texts = texts[:: max(1, len(texts) // SAMPLE)] or ["0"]
    exponents = [text for text in texts if "e" in text.lower()]
    if 2 * len(exponents) > len(texts):
        digits = max(len(re.sub(r"[eE].*|\D", "", text)) for text in exponents)
        return f"z.{min(max(digits, 6), PRECISION)}g"
    plain = [text.replace(",", "").partition(".") for text in texts if text not in exponents]
    whole = max(len(before.lstrip("+-")) for before, _, _ in plain)
    decimals = sorted((len(after) for _, _, after in plain), reverse=True)[int(RARE * len(plain))]
    widths = {len(text) for text in texts}
    equal = len(widths) == 1 and 1 < min(widths) < WIDEST
    padded = equal and not decimals and any(text.startswith("0") for text in texts)
    width = f"0{widths.pop()}" if padded else ""
    comma = "," if any("," in text for text in texts) else ""
    return f"z{width}{comma}.{max(0, min(decimals, PRECISION - whole))}f"


def style_of_values(values: NDArray[np.generic]) -> str:
    """Return the style of numbers (n,) that were not read from a text; NaN = missing."""
    known = values[~np.isnan(values)]
    return style_of([repr(value).removesuffix(".0") for value in known[:: max(1, len(known) // SAMPLE)].tolist()])


def is_style(style: object) -> bool:
    """Whether something is a style of numbers, of a bounded number of digits."""
    return isinstance(style, str) and _STYLE.fullmatch(style) is not None


def write(values: Iterable[float], categories: Sequence[str], style: str) -> list[str]:
    """Return cells of a column as text: names of categories, or numbers in the style of the column; NaN is empty.

    Raises:
        DamagedError: the style is none.
    """
    if categories:
        return ["" if value != value else categories[int(value)] for value in values]
    if not is_style(style):
        raise DamagedError(f"{style!r:.20} is no style of numbers: the run is damaged")
    values = list(values)
    texts = {value: "" if value != value else format(value, style) for value in set(values)}
    return [texts[value] for value in values]
