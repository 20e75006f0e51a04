"""Whole rows and images as generative methods see them, and the way back to cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganx.data.encoding import Encoding
from ganx.data.table import Table
from ganx.errors import UserError
from ganx.text import plural


def as_images(cells: NDArray[Any], shape: tuple[int, ...] | None) -> NDArray[Any]:
    """Return the cells (..., D) of images C x H x W as they are drawn: (..., H, W), or in colour (..., H, W, 3)."""
    assert shape is not None
    images = cells.reshape(*cells.shape[:-1], *shape)
    return images[..., 0, :, :] if shape[0] == 1 else np.moveaxis(images, -3, -1)


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a table in the units of a generative model: model = (stored - centre) / half.

    Images are stored as bytes and seen in [-1, 1]; rows of a native table (`Table.native`) are seen as they are; the
    encoded features of any other table in [-1, 1].

    Attributes:
        stored: (N, d) bytes for images, float32 features otherwise.
        shape: of one row: (d,), or (C, H, W) for images.
        bounded: whether model units lie in [-1, 1].
    """

    stored: NDArray[np.uint8] | NDArray[np.float32]
    shape: tuple[int, ...]
    centre: float
    half: float
    bounded: bool
    encoding: Encoding

    @classmethod
    def of(cls, table: Table, encoding: Encoding) -> Rows:
        """Return the rows of a table.

        Raises:
            UserError: a cell is missing.
        """
        if np.isnan(table.x).any():
            missing = plural(int(np.isnan(table.x).sum()), "missing cell")
            raise UserError(
                f"dataset={table.name} has {missing}, and this model reads complete rows; fill them first, with "
                "ganx train model=hexagan protocol.folds=0 on the same data, and ganx impute"
            )
        if table.image_shape is not None:
            half = float(table.x.max()) / 2 or 0.5  # also where all is black
            return cls(table.x.astype(np.uint8, copy=False), table.image_shape, half, half, True, encoding)
        if table.native:
            return cls(table.x.astype(np.float32), (table.n_columns,), 0.0, 1.0, False, encoding)
        return cls(encoding.encode(table.x), (len(encoding.group),), 0.5, 0.5, True, encoding)

    @property
    def image(self) -> bool:
        """Whether a row is an image."""
        return len(self.shape) == 3

    def cells(self, x: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return generated rows (n, *shape) as cells (n, D) in the units of the table."""
        stored = x.reshape(len(x), -1).astype(np.float64) * self.half + self.centre
        if self.image:
            return stored.clip(0, 2 * self.half)
        return stored if not self.bounded else self.encoding.decode(stored.clip(0, 1))
