"""Where a filled table goes: names that can be written to, as text or as Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, TextIO

import numpy as np
import pandas as pd

from ganx.data.csv_text import number
from ganx.errors import UserError
from ganx.files import atomic, make_folder

TEXT = ("", ".csv", ".tsv", ".tab", ".txt", ".dat", ".data")
TABS = (".tsv", ".tab")
PARQUET = ".parquet"


def check_places(source: str, places: Mapping[str, str]) -> None:
    """Refuse names that cannot be written to, or should not, before anything is read.

    Args:
        source: the table that is read.
        places: {key of the command: file}.

    Raises:
        UserError: so it is.
    """
    taken = {"the input itself": Path(source).expanduser()}
    for key, name in places.items():
        path = Path(name).expanduser()
        for what, other in taken.items():
            if _same(path, other):
                raise UserError(f"{key}={name} is {what}; write to another file")
        taken[f"{key}={name}, too"] = path
        if why := _unfit(path):
            raise UserError(f"{key}={name}: {why}")


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


def _same(path: Path, other: Path) -> bool:
    return path.resolve() == other.resolve() or (path.exists() and other.exists() and path.samefile(other))


def _unfit(path: Path) -> str:
    """Return why a file cannot be written; empty when nothing is in the way."""
    suffix = path.suffix.lower()
    if path.is_dir():
        return "this is a folder; name a file in it"
    if path.exists() and not path.is_file():
        return "this is no regular file"
    if suffix == PARQUET and find_spec("pyarrow") is None:
        return "writing Parquet needs pyarrow: `pip install pyarrow`, or let the name end in .csv"
    if suffix not in (*TEXT, PARQUET):
        return f"ganx writes text (.csv, .tsv, .txt) and Parquet, no {suffix}"
    parents = path.resolve().parents
    if any((folder / "provenance.json").exists() and (folder / "config.yaml").exists() for folder in parents):
        return "this is in the folder of a run; choose another folder"
    try:
        with TemporaryFile(dir=next(folder for folder in parents if folder.exists())):
            return ""
    except OSError as error:
        return f"cannot write there: {error.strerror}"


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
