"""Checkpoints: tensors and plain containers only, written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
import zipfile
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from ganx.errors import DamagedError, UserError
from ganx.files import atomic, make_folder

#: What stands between the archive of torch and its SHA-256 in hexadecimal. `torch.load` passes over what follows it.
_SEAL = b"\nsha256 "
_LENGTH = len(_SEAL) + 64


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` to a temporary file, flush it to the disk and rename it: a reader never sees half of it."""
    make_folder(path.parent)
    with atomic(path) as file:
        sealed = _Sealed(file)
        torch.save(_on_cpu(state), sealed)  # type: ignore[arg-type]  # it writes and flushes, no more
        file.write(_SEAL + sealed.sha256.hexdigest().encode())


class _Sealed:
    """A file that knows the SHA-256 of what has been written to it; no state is in memory as bytes, too."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.sha256 = file, hashlib.sha256()

    def write(self, content: bytes) -> int:
        self.sha256.update(content)
        return self.file.write(content)

    def flush(self) -> None:
        self.file.flush()


def check_storable(state: Any, where: str = "training_state()") -> None:
    """Refuse, before the first step, a state that no checkpoint could hold.

    Raises:
        UserError: there is something in it that is no tensor and no plain container, number or text.
    """
    if isinstance(state, dict):
        for key, item in state.items():
            check_storable(key, f"a key of {where}")
            check_storable(item, f"{where}[{key!r}]")
    elif isinstance(state, list | tuple):
        for i, item in enumerate(state):
            check_storable(item, f"{where}[{i}]")
    elif isinstance(state, Tensor):
        if type(state.detach()) is not Tensor:
            raise _not_storable(where, state)
    elif state is not None and type(state) not in (bool, int, float, str, bytes):  # a number of numpy is a float, too
        raise _not_storable(where, state)


def _not_storable(where: str, value: Any) -> UserError:
    return UserError(
        f"{where} holds a {type(value).__name__}, and a checkpoint tensors, numbers, text, lists and dicts only"
    )


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint without running any code in it.

    Raises:
        DamagedError: the file is missing, damaged, or holds anything but tensors and plain containers.
    """
    if not path.exists():
        raise DamagedError(f"{path}: no checkpoint; the run has not been trained that far")
    try:
        if not path.is_file():  # a pipe would be waited for
            raise ValueError
        with path.open("rb") as file:
            _check_whole(file)
            file.seek(0)
            state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        _check_sizes(state)
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise DamagedError(f"{path}: not a ganx checkpoint, or a damaged one ({type(error).__name__})") from None
    return state


def _check_sizes(value: Any) -> None:
    """Raise ValueError where a tensor has more numbers than there are in the file, since it repeats them."""
    if isinstance(value, Tensor):
        if value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise ValueError
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            _check_sizes(item)


def read_own(path: Path, identity: str) -> dict[str, Any]:
    """Read what a training has left that goes on.

    Args:
        identity: of the experiment, which the state has as `run`, unless an earlier version wrote it.

    Raises:
        DamagedError: see `read_checkpoint`, or it is of another experiment.
    """
    state = read_checkpoint(path)
    if not isinstance(state, dict) or state.get("run", identity) != identity:
        raise DamagedError(f"{path} is of another run; remove it, and train again")
    return state


def _check_whole(file: IO[bytes]) -> None:
    """Raise ValueError unless a file holds what was written.

    One of an earlier version has no seal: its parts carry checksums of 32 bits, and are not compressed, so that none
    can be larger than the file.
    """
    length = max(0, file.seek(0, os.SEEK_END) - _LENGTH)  # of the archive
    file.seek(length)
    seal = file.read()
    if seal.startswith(_SEAL):
        if _sha256(file, length).encode() != seal[len(_SEAL) :]:
            raise ValueError
        return
    with zipfile.ZipFile(file) as archive:
        if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()) or archive.testzip():
            raise ValueError


def _sha256(file: IO[bytes], length: int) -> str:
    """Return the SHA-256 of the first `length` bytes of a file, which need not fit into memory."""
    sha256 = hashlib.sha256()
    file.seek(0)
    while length and (portion := file.read(min(length, 1 << 20))):
        sha256.update(portion)
        length -= len(portion)
    return sha256.hexdigest()


def for_evaluation(state: dict[str, Any]) -> dict[str, Any]:
    """Return the state of a finished chunk without the optimisers', which are twice as large as the networks."""
    return {key: value for key, value in state.items() if key != "optimizers"}


def merge(states: list[dict[str, Any]]) -> dict[str, Any]:
    """Join the finished chunks of a run along the replica axis, keeping what evaluation needs.

    Parameters are taken out of `states` on the way, so that large ones are not held twice.
    """

    def join(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        return {name: torch.cat([part.pop(name) for part in parts]) for name in list(parts[0])}

    first = states[0]
    return {
        "step": first["step"],
        "replicas": [replica for state in states for replica in state["replicas"]],
        "parameters": join([state["parameters"] for state in states]),
        "best": {
            metric: {
                "score": torch.cat([state["best"][metric]["score"] for state in states]),
                "step": torch.cat([state["best"][metric]["step"] for state in states]),
                "parameters": join([state["best"][metric]["parameters"] for state in states]),
            }
            for metric in first["best"]
        },
        "film": first["film"],
        "failed": {replica: why for state in states for replica, why in state["failed"].items()},
    }


def _on_cpu(value: Any) -> Any:
    if isinstance(value, Tensor):
        # A view would drag the whole of its storage into the file; anything else needs no copy.
        value = value.detach().cpu()
        whole = value.numel() * value.element_size() == value.untyped_storage().nbytes()
        return value if whole else value.clone()
    if isinstance(value, str):
        # pickle writes a text that it has met again as a reference, and bytes must not depend on that.
        return sys.intern(str(value))
    if isinstance(value, dict):
        return {_on_cpu(key): _on_cpu(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_on_cpu(item) for item in value]
    return value
