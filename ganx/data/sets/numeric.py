"""Tables of numbers with a class for each row, as most published data sets are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganx.data.table import Column, Table


def numeric_table(
    name: str,
    x: NDArray[Any],
    y: NDArray[Any],
    columns: Sequence[str],
    classes: Sequence[str],
    target: str,
    image_shape: tuple[int, int, int] | None = None,
    n_train: int | None = None,
) -> Table:
    """Return a table of numbers x (N, D) with classes y (N,)."""
    return Table(
        name,
        x,
        y.astype(np.int64),
        tuple(Column(str(c)) for c in columns),
        tuple(map(str, classes)),
        target,
        image_shape,
        n_train=n_train,
    )


def pixels(channels: int, height: int, width: int) -> list[str]:
    """Return the names of the columns of images C x H x W; grey ones do not name their channel."""
    names = [f"{row}_{column}" for row in range(height) for column in range(width)]
    return [
        f"pixel_{name}" if channels == 1 else f"pixel_{channel}_{name}" for channel in range(channels) for name in names
    ]
