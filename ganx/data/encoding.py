"""Original columns <-> the model's features: one-hot categories and numbers in units of the full-data range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganx.data.table import Column, Table

Floats = NDArray[np.floating]


def column_range(x: Floats) -> tuple[Floats, Floats]:
    """Return the smallest value and the range of each column, ignoring NaN.

    A constant column has span 1, an empty one low 0 and span 1: scaling by them is always defined.
    """
    if x.dtype.kind == "u":  # bytes: no NaN, and differences that would wrap around
        low, high = x.min(0).astype(np.float32), x.max(0).astype(np.float32)
        return low, np.where(high > low, high - low, np.float32(1))
    low, high = np.fmin.reduce(x, axis=0, initial=np.nan), np.fmax.reduce(x, axis=0, initial=np.nan)
    span = np.where(high > low, high - low, 1)
    return np.where(np.isnan(low), 0, low), span


@dataclass(frozen=True, eq=False)
class Encoding:
    """How a table's D columns become d features.

    A numeric column becomes one feature (x - low) / span, with the full data's minimum and range. That is the *unit in
    which errors are reported*; what a replica may know of the scale is `Split.low` and `Split.span`. A categorical
    column becomes one feature per category, 1 for the cell's category and 0 for the others.

    Attributes:
        columns: D columns.
        low, span: (D,) float64; 0 and 1 for categorical columns.
    """

    columns: tuple[Column, ...]
    low: NDArray[np.float64]
    span: NDArray[np.float64]

    @classmethod
    def of(cls, table: Table) -> Encoding:
        """Return the encoding of a table."""
        low, span = column_range(table.x)
        numeric = np.array([column.numeric for column in table.columns])
        return cls(
            table.columns, np.where(numeric, low, 0).astype(np.float64), np.where(numeric, span, 1).astype(np.float64)
        )

    @cached_property
    def group(self) -> NDArray[np.int64]:
        """(d,) original column of each feature."""
        return np.repeat(np.arange(len(self.columns)), [max(1, len(column.categories)) for column in self.columns])

    @cached_property
    def numeric(self) -> NDArray[np.bool_]:
        """(D,) which columns are numeric."""
        return np.array([column.numeric for column in self.columns], dtype=np.bool_)

    @cached_property
    def _first(self) -> NDArray[np.int64]:
        """(D,) first feature of each column."""
        return np.searchsorted(self.group, np.arange(len(self.columns)))

    def encode(self, x: Floats) -> NDArray[np.float32]:
        """Return the features (N, d) of cells (N, D), 0 where a cell is missing."""
        features = np.zeros((len(x), self.group.size), dtype=np.float32)
        for j, column in enumerate(self.columns):
            known = ~np.isnan(x[:, j])
            if column.numeric:
                features[known, self._first[j]] = (x[known, j] - self.low[j]) / self.span[j]
            else:
                features[known, self._first[j] + x[known, j].astype(np.int64)] = 1
        return features

    def expand(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the mask (N, d) of features that belongs to a mask (N, D) of cells."""
        return mask[:, self.group]

    def decode(self, features: Floats) -> NDArray[np.float64]:
        """Return cells (N, D) in original units; a category is the one with the largest feature."""
        x = np.empty((len(features), len(self.columns)), dtype=np.float64)
        for j, column in enumerate(self.columns):
            first = self._first[j]
            if column.numeric:
                x[:, j] = features[:, first].astype(np.float64) * self.span[j] + self.low[j]
            else:
                x[:, j] = features[:, first : first + len(column.categories)].argmax(axis=1)
        return x

    def to_dict(self) -> dict[str, Any]:
        """Return plain containers that a checkpoint can hold."""
        return {
            "columns": [{"name": column.name, "categories": list(column.categories)} for column in self.columns],
            "low": self.low.tolist(),
            "span": self.span.tolist(),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Encoding:
        """Return the encoding that `to_dict` wrote."""
        columns = tuple(Column(column["name"], tuple(column["categories"])) for column in plain["columns"])
        return cls(columns, np.array(plain["low"], dtype=np.float64), np.array(plain["span"], dtype=np.float64))
