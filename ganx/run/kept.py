"""What a finished run has kept, read back and held against the run."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ganx.baselines.packing import unpack
from ganx.data.encoding import Encoding
from ganx.data.written import is_style
from ganx.engine.checkpoint import read_checkpoint
from ganx.errors import DamagedError
from ganx.run.folder import RunFolder
from ganx.run.identity import RETRAIN
from ganx.run.upgrade import upgrade_state

#: What a checkpoint holds, by how the method came to it.
_KEYS = {
    "gradient": {"step", "replicas", "parameters", "best", "failed", "table"},
    "estimator": {"replicas", "kept", "failed", "table"},
    "blend": {"replicas", "candidates", "weights", "failed", "table"},
}


def read_kept(folder: RunFolder, fitter: str, replicas: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """Return the state of a finished run, in today's terms.

    Args:
        fitter: of its method.
        replicas: (seed, fold) of each.

    Raises:
        DamagedError: it is damaged, of another kind of method, or of another run.
    """
    state = upgrade_state(read_checkpoint(folder.checkpoint))
    if not isinstance(state, dict) or not _KEYS[fitter] <= state.keys():
        raise DamagedError(f"{folder.checkpoint} is damaged, or of another kind of run; {RETRAIN}")
    try:
        why = _fault(state, replicas)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        why = f"{type(error).__name__} {error}"
    if why:
        raise DamagedError(f"{folder.checkpoint} is damaged: {why}; {RETRAIN}")
    for part in state["candidates"].values() if fitter == "blend" else [state]:
        if "kept" in part:
            part["kept"] = [unpack({name: array.numpy() for name, array in kept.items()}) for kept in part["kept"]]
    return state


def _fault(state: dict[str, Any], replicas: Sequence[tuple[int, int]]) -> str:
    """Return what is wrong with a state; empty where nothing is. Names and shapes are those of the method's own."""
    if [tuple(replica) for replica in state["replicas"]] != list(replicas):
        return "its replicas are not those of the run"
    failed, step = state["failed"], state.get("step", 0)
    if not isinstance(failed, dict) or not all(isinstance(why, str) for why in failed.values()):
        return "what has failed is not told in words"
    if type(step) is not int or step < 0:
        return f"step is {step!r:.40}"
    good = [r for r, (seed, fold) in enumerate(replicas) if f"{seed},{fold}" not in failed]
    bests = [best["parameters"] for best in state.get("best", {}).values()]
    for parameters in [state.get("parameters", {}), *bests]:
        for name, value in parameters.items():
            if len(value) != len(replicas):
                return f"'{name}' is of {len(value)} replicas"
            if not torch.isfinite(value[good]).all():
                return f"'{name}' is not finite"
    return _fault_of_table(state["table"], len(replicas))


def _fault_of_table(facts: dict[str, Any], n_replicas: int) -> str:
    """Return what is wrong with what is known of the table."""
    encoding = Encoding.from_dict(facts["encoding"])
    low, span = (np.asarray(facts[key], np.float64) for key in ("low", "span"))
    if not low.shape == span.shape == (n_replicas, encoding.group.size):
        return "the ranges of features are not those of the columns"
    if not (np.isfinite(low).all() and np.isfinite(span).all() and (span > 0).all()):
        return "a range of a feature is no range"
    for column, style in zip(encoding.columns, facts["styles"], strict=True):
        if not (column.categories or is_style(style)):
            return f"column '{column.name}' has no style of numbers"
    return "" if all(isinstance(name, str) for name in facts["classes"]) else "a class has no name"


def digest(folder: RunFolder) -> str | None:
    """Return the SHA-256 of what a run has kept, of both stages of a pipeline; None where there is nothing."""
    return _joined(_digests(folder))


def fits(folder: RunFolder, expected: str | None) -> bool:
    """Whether a run's checkpoint is the expected one; earlier versions looked at a pipeline's second stage alone."""
    found = _digests(folder)
    return expected in (_joined(found), _joined(found[-1:]))


def _digests(folder: RunFolder) -> list[str]:
    """Return the SHA-256 of the checkpoint of each stage that is there."""
    found = map(digest_of, (folder.imputer.checkpoint, folder.checkpoint))
    return [one for one in found if one is not None]


def digest_of(file: Path) -> str | None:
    """Return the SHA-256 of a file; None where there is none."""
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None


def _joined(digests: Sequence[str]) -> str | None:
    if len(digests) < 2:
        return digests[0] if digests else None
    return hashlib.sha256("".join(digests).encode()).hexdigest()
