"""The bytes of a table's text file, and how large a table may be."""

from __future__ import annotations

import codecs
from pathlib import Path

from ganx.errors import UserError
from ganx.files import read_bytes

# What a table may have at most. Below, its cells need some gigabytes of memory; beyond, no machine would do.
MOST_BYTES = 250_000_000
MOST_ROWS = 5_000_000
MOST_CELLS = 50_000_000
MOST_COLUMNS = 10_000
LONGEST_NAME = 1000


def read_whole(path: str) -> bytes:
    """Return the bytes of a text file.

    Raises:
        UserError: it cannot be read, is no text, or is larger than a table can be.
    """
    data = read_bytes(Path(path).expanduser(), MOST_BYTES)
    if b"\0" in data:
        raise UserError(f"{path} is not a plain text file; save the table as CSV (UTF-8)")
    if (lines := max(data.count(b"\n"), data.count(b"\r"))) > MOST_ROWS:
        raise UserError(f"{path}: {lines:,} lines, and at most {MOST_ROWS:,} are taken; divide the file")
    start = data[: MOST_COLUMNS * LONGEST_NAME]
    if len(start) < len(data) and b"\n" not in start and b"\r" not in start:
        raise UserError(f"{path}: the first line is longer than {len(start):,} bytes, which is no header of a table")
    return data


def encoding_of(data: bytes) -> str:
    """Return UTF-8, or the code page of Windows, or else Latin-1, which has a character for every byte."""
    utf_8 = "utf-8-sig" if data.startswith(codecs.BOM_UTF8) else "utf-8"
    for encoding in (utf_8, "cp1252"):
        try:
            data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return "latin-1"
