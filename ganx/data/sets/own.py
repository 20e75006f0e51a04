"""Tables and arrays of one's own, in a file."""

from __future__ import annotations

from ganx.data.csv_table import read_csv
from ganx.data.npz import read_npz
from ganx.data.table import Table


class CSV:
    """A text file of numbers and categories, see `ganx.data.csv_table`.

    Args:
        path: the file.
        target: name of the column to predict; null: there is none.
        drop: names of columns to leave out.
        missing: further texts and numbers that mean "unknown", in the target, too.
        group: name of the column whose equal values keep rows together, e.g. a patient's; null: there is none.
    """

    def __init__(
        self, *, path: str, target: str | None, drop: list[str], missing: list[str | float], group: str | None
    ) -> None:
        self.path, self.target, self.drop, self.missing, self.group = path, target, drop, missing, group

    def load(self) -> Table:
        """Return the table."""
        return read_csv(self.path, self.target, self.drop, self.missing, self.group)


class NPZ:
    """Arrays x and, perhaps, y of rows or images, see `ganx.data.npz`.

    Args:
        path: the file.
    """

    def __init__(self, *, path: str) -> None:
        self.path = path

    def load(self) -> Table:
        """Return the table."""
        return read_npz(self.path)
