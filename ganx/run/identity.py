"""Whether the files in a run folder are of one and the same run."""

from __future__ import annotations

from typing import Any

from ganx.errors import DamagedError, UserError
from ganx.run.folder import RunFolder
from ganx.run.signature import signature
from ganx.run.upgrade import is_old, old_signature

RETRAIN = "remove the folder, and train again"


def finished_result(folder: RunFolder) -> dict[str, Any]:
    """Return the result of a run.

    Raises:
        UserError: it has not finished, or is damaged.
    """
    result = folder.read_whole_result()
    if result is None:
        raise UserError(f"{folder}: the run has not finished; the same ganx train command goes on with it")
    return result


def check_identity(folder: RunFolder, stored: dict[str, Any], result: dict[str, Any]) -> None:
    """Hold config.yaml against result.json, before anything is built of it.

    Raises:
        DamagedError: they are not of one run.
    """
    own = result["signature"]
    if own not in signatures_of(folder, stored, result["data"]):
        raise DamagedError(f"{folder.config} is not that of run {own}: it was edited, or is of another one; {RETRAIN}")


def is_config_of(folder: RunFolder, own: str, data: str) -> bool:
    """Whether config.yaml is there, whole, and of a signature."""
    try:
        return own in signatures_of(folder, folder.read_config(), data)
    except (UserError, DamagedError):
        return False


def signatures_of(folder: RunFolder, stored: dict[str, Any], data: str) -> set[str]:
    """Return the signature of a config.yaml, of an old one also as it was given then.

    Raises:
        DamagedError: it is no config of `ganx train`.
    """
    try:
        found = {signature(stored, data)}
        return found | {old_signature(stored, data)} if is_old(stored) else found
    except (KeyError, TypeError, ValueError, AttributeError, AssertionError, RecursionError) as error:
        raise DamagedError(f"{folder.config} is damaged ({type(error).__name__}); {RETRAIN}") from None
