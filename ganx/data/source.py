"""Where the files of a data set are: `dataset.path`, `GANX_DATA`, a user cache, or its first publisher."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
import warnings
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

from ganx.errors import UserError
from ganx.text import shorten

TIMEOUT = 5.0  # seconds without an answer; no second try, so that a machine without network says so at once


@dataclass(frozen=True)
class Remote:
    """A file to download.

    Attributes:
        url: its address.
        sha256: checksum of the file, where its bytes are known; otherwise the parsed table is checked.
    """

    url: str
    sha256: str | None = None

    def fetch(self, to: Path) -> None:
        """Download to the path `to`, which appears whole or not at all.

        Raises:
            OSError: no network, or no space.
            ValueError: the checksum differs.
        """
        import pooch  # here, because it takes a while to import and is hardly ever needed

        pooch.get_logger().setLevel(logging.ERROR)
        known = f"sha256:{self.sha256}" if self.sha256 else None
        pooch.retrieve(self.url, known, fname=to.name, path=to.parent, downloader=pooch.HTTPDownloader(timeout=TIMEOUT))


@dataclass(frozen=True)
class OpenML:
    """A file to be written from an OpenML table.

    Attributes:
        data_id: number of the data set at openml.org.
        header: names of the columns in the file, the target last.
    """

    data_id: int
    header: tuple[str, ...]

    def fetch(self, to: Path) -> None:
        """Download to the path `to`, which appears whole or not at all; raises OSError or ValueError."""
        from sklearn.datasets import fetch_openml

        # Without a network, fetch_openml would try four times; so see first whether there is an answer at all.
        urlopen(f"https://www.openml.org/api/v1/json/data/{self.data_id}", timeout=TIMEOUT).close()
        before = socket.getdefaulttimeout()
        socket.setdefaulttimeout(TIMEOUT)  # fetch_openml has no such argument
        try:
            with warnings.catch_warnings(action="ignore"):  # it announces a second try
                frame = fetch_openml(data_id=self.data_id, as_frame=True, n_retries=1, cache=False).frame
        finally:
            socket.setdefaulttimeout(before)
        frame = frame.drop(columns=[name for name in frame.columns if name.upper() == "ID"])
        frame.columns = list(self.header)  # a wrong number of columns is a ValueError
        handle, partial = tempfile.mkstemp(dir=to.parent, prefix=f".{to.name}-")
        os.close(handle)
        try:
            frame.to_csv(partial, index_label="ID")
            Path(partial).replace(to)
        finally:
            Path(partial).unlink(missing_ok=True)


@dataclass
class Source:
    """The files of one data set, found one by one as its loader asks for them.

    Attributes:
        name: as in `dataset=<name>`.
        folder: name of the folder below `GANX_DATA` and the cache.
        remote: what to download for each file.
        path: `dataset.path`; if given, nothing else is searched.
        found: files that were found or downloaded.
        downloaded: files that were downloaded by this object, not yet known to be good.
    """

    name: str
    folder: str
    remote: dict[str, Remote | OpenML]
    path: str | None = None
    found: list[Path] = field(default_factory=list)
    downloaded: list[Path] = field(default_factory=list)

    def find(self, file: str) -> Path:
        """Return the path of a file, or of the same file unpacked.

        Raises:
            UserError: it is nowhere, and cannot be downloaded.
        """
        self.found.append(self._find(file))
        return self.found[-1]

    @property
    def place(self) -> Path:
        """Where the files were found: the file, or the folder of several."""
        return self.found[0] if len(self.remote) == 1 else self.found[0].parent

    def _find(self, file: str) -> Path:
        names = [file, file.removesuffix(".gz")]
        if self.path is not None:
            place = Path(self.path).expanduser()
            if _is_file(place) and len(self.remote) == 1:
                return place
            found = _first(place, names)
            if found is None:
                raise UserError(f"dataset.path={shorten(self.path)}: there is no file {file} for dataset={self.name}")
            return found
        return _first(data_folder(self.folder), names) or _first(cache_folder() / self.folder, names) or self._get(file)

    def _get(self, file: str) -> Path:
        to = cache_folder() / self.folder / file
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            self.remote[file].fetch(to)
        except (OSError, ValueError, HTTPException) as error:
            wanted = data_folder(self.folder)
            place = (
                f"put it at {wanted / file}" if wanted else f"put it at {to}, or at {self.folder}/{file} in GANX_DATA"
            )
            raise UserError(f"dataset={self.name}: cannot download {file} ({type(error).__name__}); {place}") from error
        self.downloaded.append(to)
        return to

    def discard(self) -> None:
        """Remove what was downloaded and turned out to be wrong, so that it is not found again."""
        for path in self.downloaded:
            path.unlink(missing_ok=True)


def data_folder(folder: str) -> Path | None:
    """Return where GANX_DATA has a data set, if it is set."""
    root = os.environ.get("GANX_DATA")
    return Path(root).expanduser() / folder if root else None


def cache_folder() -> Path:
    """Return the user's cache: $XDG_CACHE_HOME/ganx or ~/.cache/ganx."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "ganx"


def _first(folder: Path | None, names: list[str]) -> Path | None:
    if folder is None:
        return None
    return next((folder / name for name in names if _is_file(folder / name)), None)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # no name of a file, e.g. too long
        return False
