"""Where a filled table goes: names that can be written to, as text or as Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, TextIO

import numpy as np
import pandas as pd

from ganx.data.csv_text import number
from ganx.errors import UserError
from ganx.files import atomic, make_folder
from ganx.places import check_files

TEXT = ("", ".csv", ".tsv", ".tab", ".txt", ".dat", ".data")
TABS = (".tsv", ".tab")
PARQUET = ".parquet"


def check_places(source: str, places: Mapping[str, str]) -> None:
    """Refuse names that cannot be written to, or should not, before anything is read.

    Args:
        source: the table that is read.
        places: {key of the command: file}.

    Raises:
        UserError: see `ganx.places.check_files`; a format that is not written.
    """
    for key, path in check_files(places, source).items():
        if path.suffix.lower() not in (*TEXT, PARQUET):
            raise UserError(f"{key}={path}: ganx writes text (.csv, .tsv, .txt) and Parquet, no {path.suffix.lower()}")
        if path.suffix.lower() == PARQUET and find_spec("pyarrow") is None:
            raise UserError(
                f"{key}={path}: writing Parquet needs pyarrow: `pip install pyarrow`, or let the name end in .csv"
            )


def check_separator(places: Mapping[str, str], separator: str) -> None:
    """Refuse a name that promises tabs for a table without them."""
    for key, name in places.items():
        if Path(name).suffix.lower() in TABS and separator != "\t":
            raise UserError(
                f"{key}={name}: cells are separated by {separator!r}, as in the input; let the name end in .csv"
            )


@contextmanager
def open_table(name: str, encoding: str, separator: str, numeric: Sequence[str]) -> Iterator[TextIO]:
    """Open a file for the text of a table; it is there when the block ends well, and not before.

    Args:
        numeric: columns that are numbers in Parquet; all others are texts, and null where they are empty.

    Raises:
        UserError: the encoding lacks a letter of a new cell.
        RunError: it cannot be written.
    """
    path = Path(name).expanduser()
    make_folder(path.parent)
    with atomic(path) as file:
        if path.suffix.lower() == PARQUET:
            text = io.StringIO(newline="")
            yield text
            _write_parquet(text, file, separator, numeric)
            return
        lines = io.TextIOWrapper(file, encoding, newline="", write_through=True)
        try:
            yield lines
        except UnicodeEncodeError as error:
            raise UserError(
                f"'{error.object[error.start]}', which the run fills in, is not in the encoding of the input "
                f"({encoding}); save the input as UTF-8"
            ) from error
        finally:
            lines.detach()


def _write_parquet(text: io.StringIO, file: IO[bytes], separator: str, numeric: Sequence[str]) -> None:
    text.seek(0)
    header, *rows = csv.reader(text, delimiter=separator)
    columns = zip(*filter(None, rows), strict=True)  # without blank lines
    cells = dict(zip((name.strip() for name in header), columns, strict=True))
    typed = {name: _numbers(column) if name in numeric else _texts(column) for name, column in cells.items()}
    pd.DataFrame(typed).to_parquet(file, engine="pyarrow", index=False)


def _texts(cells: Sequence[str]) -> list[str | None]:
    return [cell or None for cell in cells]


def _numbers(cells: Sequence[str]) -> np.ndarray[Any, Any]:
    """Return numbers as integers if all are whole, else as floats; NaN where a cell is empty."""
    values = np.array([np.nan if (v := number(cell.replace(",", ""))) is None else v for cell in cells])
    whole = bool(np.all(np.abs(values) < 2**53)) and bool(np.all(values == np.round(values)))
    return values.astype(np.int64) if whole else values
