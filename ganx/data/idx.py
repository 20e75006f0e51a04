"""The IDX format of MNIST: a magic number, big-endian sizes, then bytes. Plain or gzip."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganx.errors import UserError
from ganx.files import read_unpacked

MOST_BYTES = 100_000_000  # twice what MNIST's images have


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the array of unsigned bytes in a file.

    Raises:
        UserError: the file is unreadable, not IDX, or its length is not the one its header says.
    """
    data = read_unpacked(path, MOST_BYTES)
    if len(data) < 4 or data[:3] != b"\0\0\x08":
        raise UserError(f"{path} is not an IDX file of bytes: replace it")
    start = 4 + 4 * data[3]
    if len(data) < start:
        raise UserError(f"{path} is cut off within its header: replace it")
    shape = struct.unpack(f">{data[3]}I", data[4:start])
    if len(data) - start != math.prod(shape):
        raise UserError(f"{path} has {len(data) - start} values where its header says {math.prod(shape)}: replace it")
    return np.frombuffer(data, dtype=np.uint8, offset=start).reshape(shape)
