"""Whole files, or none: what is written here is never seen half-done, and a failure leaves the old file in place.

What is read is a regular file of a size that was expected.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import stat
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import IO, Any

from ganx.errors import RunError, UserError
from ganx.text import shorten

MOST_JSON = 100_000_000  # bytes of a file of ganx's own
_PREFIX, _SUFFIX = ".ganx-", ".tmp"  # of temporary files, short ones: a name may already be as long as a name can be


@contextmanager
def atomic(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that takes the place of `path` when the block ends well: temporary name, fsync, rename.

    A link is replaced, not followed. What a process that is killed meanwhile leaves is hidden, and nobody reads it.

    Raises:
        RunError: the file cannot be written (full disk, no permission, ...). The temporary file is removed.
    """
    with refusing(path):
        handle, name = tempfile.mkstemp(prefix=_PREFIX, suffix=_SUFFIX, dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o666 & ~_umask())  # mkstemp's files are private
            Path(name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
        _sync_folder(path.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file (see `atomic`)."""
    with atomic(path) as file:
        file.write(content)


def write_text(path: Path, content: str) -> None:
    """Write a whole UTF-8 file (see `atomic`)."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Write a whole JSON file (see `atomic`). NaN stands as `NaN`, which Python reads back."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def check_readable(path: Path, most: int) -> None:
    """Refuse anything but a regular file of at most `most` bytes: a device has no end, and a pipe is waited for.

    Raises:
        UserError: it is none, or larger.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as error:  # ValueError: NUL in the name
        raise UserError(f"cannot read {shorten(str(path))}: {_reason(error)}") from error
    if not stat.S_ISREG(found.st_mode):
        raise UserError(f"cannot read {path}: {'a folder' if stat.S_ISDIR(found.st_mode) else 'not a regular file'}")
    if found.st_size > most:
        raise UserError(f"cannot read {path}: {found.st_size:,} bytes, and at most {most:,} are taken")


def read_bytes(path: Path, most: int) -> bytes:
    """Return a whole file (see `check_readable`).

    Raises:
        UserError: it cannot be read.
    """
    check_readable(path, most)
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {_reason(error)}") from error


def read_json(path: Path) -> Any:
    """Return what a JSON file says that ganx has written.

    Raises:
        ValueError: it cannot be read, or is damaged.
    """
    try:
        return json.loads(read_bytes(path, MOST_JSON).decode("utf-8"))
    except (UserError, RecursionError) as error:
        raise ValueError(str(error)) from None


def read_unpacked(path: Path, most: int) -> bytes:
    """Return a whole file as `read_bytes` does, unpacked if it is one of gzip; at most `most` bytes of it, too.

    Raises:
        UserError: it cannot be read, is cut off, or larger.
    """
    data = read_bytes(path, most)
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        with gzip.open(io.BytesIO(data)) as file:
            unpacked = file.read(most + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} is corrupt or cut off ({error}): replace it") from error
    if len(unpacked) > most:
        raise UserError(f"cannot read {path}: more than {most:,} bytes when unpacked, and no more are taken")
    return unpacked


def make_folder(path: Path) -> None:
    """Make a folder and its parents; raise RunError where that is refused."""
    with refusing(path):
        path.mkdir(parents=True, exist_ok=True)


def refuse_links(path: Path, *, inside: bool = True) -> None:
    """Refuse a file or folder of ganx's own that is a link: what is written there would land elsewhere.

    Folders above it may be links, as they are on clusters.

    Args:
        inside: refuse links in the folder, too.

    Raises:
        RunError: there is one.
    """
    content = (Path(place, name) for place, *names in os.walk(path) for name in chain(*names)) if inside else ()
    for one in chain([path], content):
        if os.path.islink(one):  # noqa: PTH114 (Path.is_symlink raises where nothing may be looked at)
            raise RunError(f"{one} is a link, and ganx does not write through links; remove it")


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of processes that were killed; none may be writing in the folder."""
    for file in folder.rglob(f"{_PREFIX}*{_SUFFIX}"):
        with suppress(OSError):
            file.unlink()


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals into a RunError that names `path`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError(
            f"cannot write {path}: {reason}; choose another folder with outputs=DIR, or make room"
        ) from error


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the file system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
