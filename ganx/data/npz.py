"""Arrays of a user's own, `numpy.savez(file, x=..., y=...)`: rows of numbers, or images in grey or in colour."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganx.data.sets.numeric import pixels
from ganx.data.table import LARGEST, Column, Table
from ganx.errors import UserError, nearest
from ganx.files import check_readable

CHANNELS = (1, 3)  # grey, and red, green and blue
MOST_BYTES = 1_000_000_000
MOST_CLASSES = 1000  # ganx predicts classes, not quantities


def read_npz(path: str) -> Table:
    """Read the arrays x and, if it is there, y of a file; others are left alone.

    Args:
        path: of the file. x: (N, D) numbers, NaN = missing; or images (N, H, W), (N, H, W, C) or (N, C, H, W), C = 1
            or 3, of bytes, of whole numbers 0 to 255, or of numbers in [0, 1]. Where both ends could be C, it is the
            last. y: (N,) whole numbers, -1 = unknown, or texts, empty = unknown.

    Returns:
        A table whose images are bytes.

    Raises:
        UserError: the file or an array of it cannot be used; the message says why.
    """
    arrays = _arrays(path)
    x, image_shape = _x(path, arrays["x"])
    y, classes = _y(path, arrays["y"], len(x)) if "y" in arrays else (None, ())
    names = pixels(*image_shape) if image_shape else [f"x{j + 1}" for j in range(x.shape[1])]
    columns = tuple(map(Column, names))
    return Table("npz", x, y, columns, classes, None if y is None else _free("y", names), image_shape)


def _arrays(path: str) -> dict[str, NDArray[Any]]:
    """Return x and y as they are in the file; nothing in it is run."""
    place = Path(path).expanduser()
    check_readable(place, MOST_BYTES)
    try:
        file = np.load(place, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise UserError(f"{path} is a single array; write numpy.savez(file, x=..., y=...)")
        with file:
            if "x" not in file.files:
                raise UserError(f"{path} has no array 'x'{nearest('x', file.files) if file.files else ': it is empty'}")
            assert file.zip is not None  # it is open
            read = [item for item in file.zip.infolist() if item.filename.removesuffix(".npy") in ("x", "y")]
            if (size := sum(item.file_size for item in read)) > MOST_BYTES:
                raise UserError(f"{path}: {size:,} bytes when unpacked, and at most {MOST_BYTES:,} are taken")
            return {name: file[name] for name in ("x", "y") if name in file.files}
    except UserError:
        raise
    except (
        *(OSError, EOFError, ValueError, KeyError, TypeError, SyntaxError, MemoryError, OverflowError),
        *(NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error, struct.error, AttributeError),
    ) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        if "allow_pickle" in why:
            why = "it holds Python objects; numbers and texts only"
        raise UserError(f"{path} is damaged or no .npz file of arrays: {why}") from error


def _x(path: str, x: NDArray[Any]) -> tuple[NDArray[Any], tuple[int, int, int] | None]:
    """Return cells (N, D), and the shape (C, H, W) of images."""
    if x.dtype.kind not in "fiub":
        raise UserError(f"{path}: x is of type {x.dtype}; write numbers")
    if x.ndim not in (2, 3, 4) or 0 in x.shape:
        raise UserError(
            f"{path}: x has the shape {x.shape}; write (N, D), (N, H, W), (N, H, W, C) or (N, C, H, W), and no 0"
        )
    if x.ndim == 2:
        x = x.astype(np.float64)
        if (np.abs(x) > LARGEST).any():
            raise UserError(f"{path}: x has cells beyond +-{LARGEST:g}; write nan where a cell is missing")
        return x, None
    images = _channels_first(path, x)
    _, channels, height, width = images.shape
    return _bytes(path, images).reshape(len(x), -1), (channels, height, width)


def _channels_first(path: str, x: NDArray[Any]) -> NDArray[Any]:
    """Return images (N, C, H, W)."""
    if x.ndim == 3:
        return x[:, np.newaxis]
    if x.shape[3] in CHANNELS:
        return x.transpose(0, 3, 1, 2)
    if x.shape[1] in CHANNELS:
        return x
    raise UserError(f"{path}: x has the shape {x.shape}; images have 1 or 3 channels, (N, H, W, C) or (N, C, H, W)")


def _bytes(path: str, x: NDArray[Any]) -> NDArray[np.uint8]:
    """Return pixels as bytes; those in [0, 1] are taken as shares of 255."""
    if x.dtype == np.uint8:
        return np.ascontiguousarray(x)
    if x.dtype.kind == "b":
        return 255 * np.ascontiguousarray(x, dtype=np.uint8)
    low, high = x.min(), x.max()  # NaN, if there is one
    if x.dtype.kind == "f" and low >= 0 and high <= 1:
        return np.rint(255 * np.ascontiguousarray(x, dtype=np.float32)).astype(np.uint8)
    if low >= 0 and high <= 255 and np.array_equal(x, np.rint(x)):
        return np.ascontiguousarray(x, dtype=np.uint8)
    raise UserError(
        f"{path}: pixels are bytes, whole numbers 0 to 255, or numbers in [0, 1]; x has {low:g} to {high:g}"
    )


def _y(path: str, y: NDArray[Any], n: int) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Return classes (n,), -1 = unknown, and their names; nothing where no class is known."""
    if y.shape != (n,):
        raise UserError(f"{path}: y has the shape {y.shape}, and x has {n} rows")
    if y.dtype.kind not in "iubU":
        raise UserError(f"{path}: y is of type {y.dtype}; write classes as whole numbers or texts")
    unknown = y == "" if y.dtype.kind == "U" else y < 0
    names = np.unique(y[~unknown])
    if not len(names):
        return None, ()
    if len(names) < 2 or len(names) > MOST_CLASSES:
        one = len(names) == 1
        found = f"a single class, '{names[0]}'" if one else f"{len(names)} classes, more than {MOST_CLASSES}"
        raise UserError(f"{path}: y has {found}; leave y out for data without classes")
    codes = np.where(unknown, -1, np.searchsorted(names, y)).astype(np.int64)
    return codes, tuple(str(name) for name in names)


def _free(name: str, taken: list[str]) -> str:
    return name if name not in taken else _free(f"{name}_", taken)
