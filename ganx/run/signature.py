"""The identity of an experiment: what it is, not where, how fast, or from which copy of the data."""

from __future__ import annotations

import hashlib
import json
from typing import Any

#: Top-level keys that say how a run executes.
EXECUTION = frozenset({"hardware", "force", "retry", "refit", "outputs"})

#: How many replicas a stack has at most, unless it is said otherwise.
USUAL_STACK = 25


def experiment_config(config: dict[str, Any]) -> dict[str, Any]:
    """Return a resolved configuration without what cannot alter its results: execution keys and paths.

    Stacks and precision alter rounding, and training carries such differences on: they are kept where they are not the
    usual ones, as `model.max_replicas` and `precision`.
    """
    kept = without_paths({key: value for key, value in config.items() if key not in EXECUTION})
    assert isinstance(kept, dict)
    if kept["model"].get("max_replicas") == USUAL_STACK:
        kept = kept | {"model": {key: value for key, value in kept["model"].items() if key != "max_replicas"}}
    precision = config.get("hardware", {}).get("precision", "float32")
    return kept if precision == "float32" else kept | {"precision": precision}


def signature(config: dict[str, Any], checksum: str) -> str:
    """Return 10 hexadecimal digits that name the experiment.

    Args:
        config: the composed configuration of `ganx train`, checked (so that 1 and 1.0 are one value); or what
            `experiment_config` has made of it.
        checksum: of the parsed data set (`Table.checksum`); two sources of the same data agree.
    """
    identity = {"config": experiment_config(config), "data": checksum}
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def without_paths(value: Any) -> Any:
    """Return nested containers without the keys `path`: where data lie says nothing of an experiment."""
    if isinstance(value, dict):
        return {key: without_paths(item) for key, item in value.items() if key != "path"}
    if isinstance(value, list):
        return [without_paths(item) for item in value]
    return value
