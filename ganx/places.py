"""Where the files go that a user names: refused, before anything is read, where writing fails or destroys something."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile

from ganx.errors import UserError

#: Folders of the system, in which names are no files.
_SYSTEM = tuple(map(Path, ("/dev", "/proc", "/sys")))
_MEMORY = Path("/dev/shm")  # where names are files

#: What makes a folder a run or a sweep: these files in it.
_OWN = {"run": (("config.yaml", "provenance.json"), ("config.yaml", "result.json")), "sweep": (("sweep.json",),)}


def check_files(places: Mapping[str, str], source: str | None = None) -> dict[str, Path]:
    """Return the paths of files that are to be written.

    Args:
        places: {key of the command: file}.
        source: a file that the command reads.

    Raises:
        UserError: one is the source or another one of them, no regular file, a file of a run or a sweep, or cannot be
            written.
    """
    taken = {} if source is None else {"the input itself": source}
    for key, name in places.items():
        for what, other in taken.items():
            if _same(name, other):
                raise UserError(f"{key}={name} is {what}; write to another file")
        taken[f"{key}={name}, too"] = name
        _refuse(key, name, folder=False)
    return {key: Path(name).expanduser() for key, name in places.items()}


def check_folder(key: str, name: str) -> Path:
    """Return the path of a folder that files are to be written to.

    Raises:
        UserError: it is none, belongs to a run or a sweep, or cannot be written to.
    """
    _refuse(key, name, folder=True)
    return Path(name).expanduser()


def _same(name: str, other: str) -> bool:
    try:
        one, two = Path(name).expanduser(), Path(other).expanduser()
        return one.resolve() == two.resolve() or (one.exists() and two.exists() and one.samefile(two))
    except (OSError, ValueError, RuntimeError):  # told when the file is opened
        return False


def _refuse(key: str, name: str, *, folder: bool) -> None:
    try:
        why = _unfit(name, folder)
    except OSError as error:
        why = f"cannot write there: {error.strerror}"
    except (ValueError, RuntimeError) as error:  # a NUL; a user who has no home
        why = f"cannot write there: {error}"
    if why:
        raise UserError(f"{key}={name}: {why}")


def _unfit(name: str, folder: bool) -> str:
    """Return why a file cannot be written, or a `folder` filled; empty when nothing is in the way."""
    path = Path(name).expanduser()
    resolved = path.resolve()
    if folder and path.exists() and not path.is_dir():
        return "this is a file; name a folder"
    if not folder and (path.is_dir() or name.endswith("/")):
        return "this is a folder; name a file in it"
    if path.exists() and not folder and not path.is_file():
        return "this is no regular file"
    for one in (Path(os.path.abspath(path)), resolved):  # noqa: PTH100 (links stay, .. goes)
        if any(one.is_relative_to(system) for system in _SYSTEM) and not one.is_relative_to(_MEMORY):
            return "this is in a folder of the system; choose another one"
    above = (resolved, *resolved.parents) if folder else resolved.parents
    for kind, signs in _OWN.items():
        if any(all((one / sign).exists() for sign in together) for one in above for together in signs):
            return f"this is in the folder of a {kind}; choose another folder"
    if path.exists() and not os.access(path, os.W_OK):
        return "it may not be written to"
    with TemporaryFile(dir=next(one for one in above if one.exists())):
        return ""
