"""Data sets that lie in files as they were published: found, downloaded, read and checked."""

from __future__ import annotations

import io
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ganx.data.source import OpenML, Remote, Source
from ganx.data.table import Table
from ganx.errors import UserError
from ganx.files import read_unpacked

MOST_BYTES = 20_000_000  # of a text; the largest has a quarter of it


class Published(ABC):
    """A data set in files.

    Attributes:
        name: as in `dataset=<name>`.
        folder: name of its folder below `GANX_DATA`.
        checksum: `Table.checksum` of all rows of the published files in `remote`; what was downloaded must agree, and
            what was found elsewhere is marked where it does not.
        remote: what to download for each file.

    Args:
        path: the folder that holds the files (or the file itself, if it is one); null: see `Source`.
    """

    name: ClassVar[str]
    folder: ClassVar[str]
    checksum: ClassVar[str]
    remote: ClassVar[Mapping[str, Remote | OpenML]]

    def __init__(self, *, path: str | None) -> None:
        self.path = path

    def load(self) -> Table:
        """Find, read and check the table.

        Raises:
            UserError: a file is missing, corrupt, or not the published one; the message names it.
        """
        source = Source(self.name, self.folder, dict(self.remote), self.path)
        try:
            table = self.read(source)
            if source.downloaded and table.checksum() != self.checksum:
                raise UserError(
                    f"dataset={self.name}: the downloaded files differ from the published data; "
                    f"put good copies of {', '.join(self.remote)} into a folder {self.folder}/ in GANX_DATA"
                )
        except UserError:
            source.discard()
            raise
        return table.compared(self.checksum, source.place)

    @abstractmethod
    def read(self, source: Source) -> Table:
        """Make the table of the files that `source.find` gives."""


def matrix(path: Path, shape: tuple[int, int], **options: Any) -> NDArray[np.float64]:
    """Read numbers, and make sure that it is all of them: a file that was cut off is refused, not half-read."""
    text = io.StringIO(read_unpacked(path, MOST_BYTES).decode("utf-8", "replace"))
    try:
        with warnings.catch_warnings(action="ignore"):  # an empty file: the shape says it
            numbers = np.loadtxt(text, ndmin=2, max_rows=shape[0] + 1, **options)
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path} is corrupt ({str(error).splitlines()[0]}): replace it") from error
    if numbers.shape != shape or not np.isfinite(numbers).all():
        rows, columns = numbers.shape
        raise UserError(f"{path} is cut off or another file: {rows} x {columns} numbers, not {shape[0]} x {shape[1]}")
    return numbers


def labels(path: Path, found: NDArray[Any], n_classes: int) -> NDArray[np.int64]:
    """Check that labels are whole numbers 0 to n_classes - 1."""
    if not np.isin(found, np.arange(n_classes)).all():
        raise UserError(f"{path} is corrupt: a label is none of the {n_classes} classes; replace it")
    return found.astype(np.int64)
