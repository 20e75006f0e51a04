"""A table as the user knows it: one column per original column, missing cells and unknown labels marked."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST = 1e30  # of a number: the squares of scaled ones are to fit into 32 bits, and so is a column's range


@dataclass(frozen=True)
class Column:
    """A column's name and, if it is categorical, the names that its codes 0, 1, ... stand for.

    `style` says how its numbers were written (`ganx.data.written`); empty where they were not read from a text.
    """

    name: str
    categories: tuple[str, ...] = ()
    style: str = field(default="", compare=False)

    @property
    def numeric(self) -> bool:
        """Whether cells are numbers rather than category codes."""
        return not self.categories


@dataclass(frozen=True, eq=False)
class Mixture:
    """M normal distributions in D dimensions, each round and with the same deviation.

    Attributes:
        centres: (M, D), in the units of the table.
        sd: standard deviation along every axis.
        weights: (M,) share of each in the whole; their sum is 1.
    """

    centres: NDArray[np.float64]
    sd: float
    weights: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Table:
    """N rows of D columns with, perhaps, a class for each row.

    Attributes:
        name: the data set, as in `dataset=<name>`.
        x: (N, D) floats in the units of the source; a categorical cell holds its category's code; NaN = missing.
        y: (N,) class indices, -1 = unknown; None for a table without a target.
        columns: D columns.
        classes: class names, in the order of the indices in `y`; () without a target.
        target: name of the column that `y` was read from.
        image_shape: (C, H, W) where a row is an image: its channels, 1 (grey) or 3 (red, green, blue), height, width;
            cells are whole numbers 0 to 255 then, and x may hold bytes.
        native: cells are in units that a network may take as they are.
        mixture: what the rows were drawn from, where that is known.
        n_train: the first n_train rows are the publisher's training rows, all others its test rows; None where the
            publisher has not divided them.
        domain: (N,) 0 = source, 1 = target; None for a table of one domain.
        groups: (N,) rows with the same number belong together, e.g. to one patient, and stay in one part of a split;
            None: every row stands for itself.
        truth: what is known of the rows beyond cells and classes: `location` (p,) and `scatter` (p, p) of the law that
            they were drawn from, outliers apart, and `outliers` (N,), which rows those are.
        notes: what was guessed when it was read, and what looks odd, in words.
        altered: whether it goes by the name of a published data set without being that.
    """

    name: str
    x: NDArray[Any]
    y: NDArray[np.int64] | None
    columns: tuple[Column, ...]
    classes: tuple[str, ...]
    target: str | None
    image_shape: tuple[int, int, int] | None = None
    native: bool = False
    mixture: Mixture | None = None
    n_train: int | None = None
    domain: NDArray[np.int64] | None = None
    groups: NDArray[np.int64] | None = None
    truth: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    altered: bool = False

    @property
    def n_rows(self) -> int:
        """N."""
        return int(self.x.shape[0])

    @property
    def n_columns(self) -> int:
        """D, the number of original columns."""
        return int(self.x.shape[1])

    @property
    def n_classes(self) -> int:
        """K; 0 for a table without a target."""
        return len(self.classes)

    def cut(self, rows: int) -> Table:
        """Return at most `rows` rows, always the same ones of a table, in their order; `n_train` is then None."""
        if rows >= self.n_rows:
            return self
        kept = np.sort(np.random.default_rng(0).permutation(self.n_rows)[:rows])
        return replace(
            self,
            x=self.x[kept],
            y=None if self.y is None else self.y[kept],
            n_train=None,
            domain=None if self.domain is None else self.domain[kept],
            groups=None if self.groups is None else self.groups[kept],
            truth={name: value[kept] if name == "outliers" else value for name, value in self.truth.items()},
        )

    def compared(self, published: str, place: object) -> Table:
        """Return the table, marked where its checksum is not that of the published data.

        Args:
            published: checksum of all that was published.
            place: where it was read.
        """
        if self.checksum() == published:
            return self
        note = f"{place} does not hold the published data of dataset={self.name}; compare its figures with no others"
        return replace(self, notes=(*self.notes, note), altered=True)

    def checksum(self) -> str:
        """Return the SHA-256 of parsed cells, labels, domains, groups and names: two sources of the same data agree."""
        return self._checksum

    @cached_property
    def _checksum(self) -> str:
        names = {
            "columns": [[column.name, *column.categories] for column in self.columns],
            "classes": self.classes,
            "target": self.target,
            "shape": self.x.shape,
        }
        digest = hashlib.sha256(json.dumps(names).encode())
        for start in range(0, self.n_rows, 4096):  # in blocks: a float64 copy of a whole image set is large
            block = self.x[start : start + 4096].astype("<f8")
            block += 0.0  # -0.0 and 0.0 are the same number
            block[np.isnan(block)] = np.nan  # and so are all kinds of NaN
            digest.update(block.tobytes())
        if self.y is not None:
            digest.update(self.y.astype("<i8").tobytes())
        for name, numbers in (("domain", self.domain), ("groups", self.groups)):
            if numbers is not None:
                digest.update(name.encode())
                digest.update(numbers.astype("<i8").tobytes())
        return digest.hexdigest()
