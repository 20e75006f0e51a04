"""What a finished run has kept, read back and held against the run."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from ganx.baselines.packing import unpack
from ganx.engine.checkpoint import read_checkpoint
from ganx.errors import RunError
from ganx.run.folder import RunFolder
from ganx.run.upgrade import upgrade_state

#: What a checkpoint holds, by how the method came to it.
_KEYS = {
    "gradient": {"step", "replicas", "parameters", "best", "failed", "table"},
    "estimator": {"replicas", "kept", "failed", "table"},
    "blend": {"replicas", "candidates", "weights", "failed", "table"},
}


def read_kept(
    folder: RunFolder, fitter: str, replicas: Sequence[tuple[int, int]], checkpoint: str | None = None
) -> dict[str, Any]:
    """Return the state of a finished run, in today's terms.

    Args:
        fitter: of its method.
        replicas: (seed, fold) of each.
        checkpoint: its SHA-256; None: as the result in the folder has it.

    Raises:
        RunError: it is damaged, of another kind of method, or of another run.
    """
    state = upgrade_state(read_checkpoint(folder.checkpoint))
    expected = checkpoint or (folder.read_result() or {}).get("checkpoint", digest(folder))
    if not isinstance(state, dict) or not _KEYS[fitter] <= state.keys():
        raise RunError(f"{folder.checkpoint} is damaged, or of another kind of run; remove the folder, and train again")
    same = [tuple(replica) for replica in state["replicas"]] == list(replicas)
    if not same or expected != digest(folder):
        raise RunError(f"{folder.checkpoint} is not the one that this run has left; remove the folder, and train again")
    for part in state["candidates"].values() if fitter == "blend" else [state]:
        if "kept" in part:
            part["kept"] = [unpack({name: array.numpy() for name, array in kept.items()}) for kept in part["kept"]]
    return state


def digest(folder: RunFolder) -> str | None:
    """Return the SHA-256 of a run's checkpoint; None where there is none."""
    if not folder.checkpoint.exists():
        return None
    return hashlib.sha256(folder.checkpoint.read_bytes()).hexdigest()
