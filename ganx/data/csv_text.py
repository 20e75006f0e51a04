"""A table's text file: its rows as cells, and the file again with some cells replaced and nothing else touched."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ganx.data.csv_bytes import LONGEST_NAME, MOST_CELLS, MOST_COLUMNS, encoding_of, read_whole
from ganx.errors import UserError, nearest
from ganx.text import printable

SEPARATORS = ",;\t|"


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

#: Header, raw, ends and lines of a `TextTable`.
Records = tuple[list[str], list[str], list[str], Sequence[int]]


@dataclass(frozen=True)
class TextTable:
    """A header and N rows as they stand in a file.

    Attributes:
        path: the file.
        encoding: one that gives the bytes of the file back.
        separator: between cells.
        header: names of the columns.
        raw: the header (after blank lines, if any) and each row, without their line ends; N + 1.
        ends: what follows each of them: its line end, and blank lines.
        lines: on which line of the file each of them ends.
    """

    path: str
    encoding: str
    separator: str
    header: list[str]
    raw: list[str]
    ends: list[str]
    lines: Sequence[int]

    def __len__(self) -> int:
        return len(self.raw) - 1

    def position(self, key: str, name: str) -> int:
        """Return where a column stands; raises UserError, with the `key` that asked for it, if there is none."""
        if name not in self._positions:
            raise UserError(f"{key}: {self.path} has no column '{name}'{nearest(name, self.header)}")
        return self._positions[name]

    def has(self, name: str) -> bool:
        """Whether there is such a column."""
        return name in self._positions

    def line(self, row: int) -> int:
        """Return the line of the file on which a row ends."""
        return self.lines[row + 1]

    def columns(self, start: int = 0, stop: int | None = None) -> list[Sequence[str]]:
        """Return the cells of rows start to stop, column by column, without quotation marks."""
        records = self.raw[start + 1 : None if stop is None else stop + 1]
        text, width = self.separator.join(records), len(self.header)
        if '"' not in text:
            cells = text.split(self.separator)
            return [cells[j::width] for j in range(width)]
        rows = csv.reader(records, delimiter=self.separator, strict=True)
        return list(zip(*(row or [""] for row in rows), strict=True))

    def plain(self, start: int, stop: int) -> str | None:
        """Return rows start to stop, a line each, where no cell has quotation marks; None where one has."""
        text = "\n".join(self.raw[start + 1 : stop + 1])
        return None if '"' in text else text

    def refuse(self, column: str, why: str) -> UserError:
        """Return the refusal of a column."""
        return UserError(f"{self.path}: column {show(column)} {why}")

    def head(self, added: list[str]) -> str:
        """Return the beginning of the file, up to the first row, with further columns."""
        return self.separator.join([self.raw[0], *(self._quoted(name) for name in added)]) + self.ends[0]

    def filled(self, start: int, stop: int, texts: Mapping[str, Mapping[int, str]], added: list[str]) -> str:
        """Return the rows start to stop as they stand in the file, but for some cells.

        Args:
            texts: {column: {row: text}}; rows are counted from `start`.
            added: columns that the file lacks; cells without a text are empty there.
        """
        records, ends = self.raw[start + 1 : stop + 1], self.ends[start + 1 : stop + 1]
        if added:
            records = [raw + self.separator * len(added) for raw in records]
        whole, width = self.separator.join(records), len(self.header) + len(added)
        quoted = '"' in whole
        cells = whole.split(self.separator) if not quoted else [cell for raw in records for cell in self._cells(raw)]
        position = self._positions | {name: len(self.header) + k for k, name in enumerate(added)}
        for name, by_row in texts.items():
            j = position[name]
            if quoted or self._special.search("".join(by_row.values())):
                for i, text in by_row.items():
                    cells[i * width + j] = self._quoted(text, cells[i * width + j])
            else:  # as most are: there is nothing to ask of each
                for i, text in by_row.items():
                    cells[i * width + j] = text
        rows = zip(range(0, len(cells), width), ends, strict=True)
        return "".join([self.separator.join(cells[at : at + width]) + end for at, end in rows])

    def _cells(self, raw: str) -> list[str]:
        """Return the cells of a row with their quotation marks."""
        return self._cell.findall(raw) if '"' in raw else raw.split(self.separator)

    def _quoted(self, text: str, before: str = "") -> str:
        """Return a new cell, in quotation marks if it needs them or the one before had them."""
        if before.startswith('"') or self._special.search(text):
            return '"' + text.replace('"', '""') + '"'
        return text

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {name: j for j, name in enumerate(self.header)}

    @cached_property
    def _special(self) -> re.Pattern[str]:
        return re.compile(rf'[{re.escape(self.separator)}"\n\r]')

    @cached_property
    def _cell(self) -> re.Pattern[str]:
        separator = re.escape(self.separator)
        return re.compile(rf'(?:^|{separator})("(?:[^"]|"")*"|[^{separator}]*)')


def show(cell: str) -> str:
    """Return a cell for a message of one line; what cannot be printed stands as an escape."""
    line = printable(cell)
    return f"'{line[:40]}...'" if len(line) > 40 else f"'{line}'"


def number(text: str) -> float | None:
    """Return the number that a cell is, with a decimal point; None if it is none."""
    if "_" in text:  # Python reads 1_000 as a number, a table does not mean one
        return None
    try:
        return float(text)
    except ValueError:
        return None


def read_text(path: str) -> TextTable:
    """Read a file with a header line, whose cells are separated by comma, semicolon, tab or bar.

    Raises:
        UserError: it cannot be read, is no text, or its rows do not fit its header; the message says why.
    """
    data = read_whole(path)
    encoding = encoding_of(data)
    with io.TextIOWrapper(io.BytesIO(data), encoding, newline="") as lines:
        separator = _separator([line for line, _ in zip(lines, range(1000), strict=False)])
        lines.seek(0)
        plain = None if b'"' in data else _plain_records(list(lines), separator)
        lines.seek(0)
        header, raw, ends, numbers = plain or _records(path, lines, separator)
    _check_header(path, header)
    if (cells := len(header) * (len(raw) - 1)) > MOST_CELLS:
        raise UserError(f"{path}: {cells:,} cells, and at most {MOST_CELLS:,} are taken; divide the file")
    if len(raw) == 1:
        raise UserError(f"{path} has no rows below its header line")
    return TextTable(path, encoding, separator, header, raw, ends, numbers)


def _separator(lines: list[str]) -> str:
    """Return the separator that divides the header and most of the first rows into the same number of cells."""

    def score(separator: str) -> tuple[float, int]:
        reader = csv.reader(lines, delimiter=separator)
        try:
            widths = [len(row) for row, _ in zip(reader, range(100), strict=False) if row]
        except csv.Error:
            return 0.0, 0
        if not widths or widths[0] < 2:
            return 0.0, 0
        return Counter(widths)[widths[0]] / len(widths), widths[0]

    # max keeps the first of equals, so a file of one column is separated by commas.
    return max(SEPARATORS, key=score)


def _plain_records(lines: list[str], separator: str) -> Records | None:
    """Return what `_records` does, in a fraction of the time; None for lines that are not records one by one.

    Args:
        lines: without quotation marks.
    """
    raw = [line.rstrip("\r\n") for line in lines]
    widths = {row.count(separator) for row in raw}
    if len(widths) != 1 or widths == {0} or max(map(len, raw)) > csv.field_size_limit():
        return None
    header = [name.strip() for name in raw[0].split(separator)]
    ends = [line[len(row) :] for line, row in zip(lines, raw, strict=True)]
    return header, raw, ends, range(1, len(raw) + 1)


def _records(path: str, lines: Iterator[str], separator: str) -> Records:
    """Return header, raw, ends and lines, see `TextTable`.

    A blank line belongs to what stands before it. In a table of one column it is a row, unless only blank lines follow.
    """
    header: list[str] = []
    raw: list[str] = []
    ends: list[str] = []
    numbers: list[int] = []
    blank: list[tuple[str, int]] = []
    before = ""

    def add(record: str, number: int) -> None:
        text = record.rstrip("\r\n")
        raw.append(text)
        ends.append(record[len(text) :])
        numbers.append(number)

    for cells, record, number in _parsed(path, lines, separator):
        if len(cells) < 2 and not record.strip():
            blank.append((record, number))
            continue
        if not header:
            before, header = "".join(line for line, _ in blank), [name.strip() for name in cells]
        elif len(cells) != len(header):
            raise UserError(
                f"{path}, line {number}: {len(cells)} cells where the header has {len(header)} "
                f"(separator {separator!r}); quote cells that hold the separator"
            )
        elif len(header) > 1:
            ends[-1] += "".join(line for line, _ in blank)
        else:
            for line, at in blank:
                add(line, at)
        blank.clear()
        add(record, number)
    if header:
        raw[0] = before + raw[0]
        ends[-1] += "".join(line for line, _ in blank)
    return header, raw, ends, numbers


def _parsed(path: str, lines: Iterator[str], separator: str) -> Iterator[tuple[list[str], str, int]]:
    """Yield the cells of each record, its text, and the line on which it ends."""
    text: list[str] = []

    def noted() -> Iterator[str]:
        for line in lines:
            text.append(line)
            yield line

    reader = csv.reader(noted(), delimiter=separator, strict=True)
    try:
        for cells in reader:
            yield cells, "".join(text), reader.line_num
            text.clear()
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: {error}; is a quotation mark left open?") from error


def _check_header(path: str, header: list[str]) -> None:
    if not header:
        raise UserError(f"{path} is empty; a table needs a header line and rows")
    if len(header) > MOST_COLUMNS:
        raise UserError(f"{path}: {len(header):,} columns, and at most {MOST_COLUMNS:,} are taken; leave some out")
    first: dict[str, int] = {}
    for j, name in enumerate(header):
        if not name:
            raise UserError(
                f"{path}: column {j + 1} has no name (an index column?); name it in the header line or remove it"
            )
        if len(name) > LONGEST_NAME or _CONTROL.search(name):
            why = "a control character" if len(name) <= LONGEST_NAME else f"more than {LONGEST_NAME:,} letters"
            raise UserError(f"{path}: the name of column {j + 1}, {show(name)}, has {why}; rename it")
        if first.setdefault(name, j) != j:
            raise UserError(f"{path}: columns {first[name] + 1} and {j + 1} are both named {show(name)}; rename one")
    values = [number(name) for name in header]
    counted = all(b is not None and a is not None and b == a + 1 for a, b in itertools.pairwise(values))
    if None not in values and not (counted and len(header) > 1):  # 0, 1, 2, ... or years are names
        raise UserError(f"{path}: the first line looks like data ({header[0]}, ...); add a line with the column names")
