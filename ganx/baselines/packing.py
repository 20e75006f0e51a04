"""Compress the arrays of an estimator, and read them back without trusting them."""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ganx.baselines.kept import Arrays, damaged

Packed = dict[str, NDArray[np.uint8]]

LEVEL = 1  # higher ones take thrice the time and save a twentieth
GREATEST_RATIO = 64  # of what an array takes in memory to what it takes packed: no file can fill the memory


def pack(arrays: Mapping[str, NDArray[Any]]) -> Packed:
    """Return the bytes of each array, in NumPy's format and compressed."""
    return {name: np.frombuffer(_compressed(array), np.uint8).copy() for name, array in arrays.items()}


def unpack(packed: Mapping[str, NDArray[np.uint8]]) -> Arrays:
    """Return the arrays that were packed.

    Raises:
        DamagedError: they are damaged.
    """
    return {name: _array(name, data.tobytes()) for name, data in packed.items()}


def _compressed(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    npy.write_array(buffer, array, allow_pickle=False)
    whole = buffer.getvalue()
    small = zlib.compress(whole, LEVEL)
    return small if len(whole) <= GREATEST_RATIO * len(small) else zlib.compress(whole, 0)


def _array(name: str, data: bytes) -> NDArray[Any]:
    stream = zlib.decompressobj()
    try:
        whole = stream.decompress(data, GREATEST_RATIO * len(data))
        if not stream.eof or stream.unused_data:
            raise damaged(f"{name} is cut off or too large")
        buffer = io.BytesIO(whole)
        array: NDArray[Any] = npy.read_array(buffer, allow_pickle=False)
    except (zlib.error, ValueError, TypeError, OverflowError, MemoryError) as error:
        raise damaged(f"{name} cannot be read ({type(error).__name__})") from None
    return array
