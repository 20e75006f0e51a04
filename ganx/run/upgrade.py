"""Runs of earlier versions: their configurations and checkpoints in today's terms.

Keys that have moved change no result, so a model's `version` stays. What follows is applied by every reader of a run
folder, and leaves alone what is of today.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from ganx.errors import UserError
from ganx.run.signature import EXECUTION, without_paths
from ganx.targets import constructor

#: The class of a data set, by its name, in configurations that name none.
_DATA_SETS = {
    "breast": "ganx.data.sets.bundled.Breast",
    "credit": "ganx.data.sets.text.Credit",
    "csv": "ganx.data.sets.own.CSV",
    "digits": "ganx.data.sets.bundled.Digits",
    "fashion_mnist": "ganx.data.sets.mnist.FashionMNIST",
    "gaussians4": "ganx.data.sets.plane.Gaussians4",
    "grid25": "ganx.data.sets.plane.Grid25",
    "letter": "ganx.data.sets.text.Letter",
    "madelon": "ganx.data.sets.text.Madelon",
    "mnist": "ganx.data.sets.mnist.MNIST",
    "ring8": "ganx.data.sets.plane.Ring8",
    "spam": "ganx.data.sets.text.Spam",
    "swissroll": "ganx.data.sets.plane.SwissRoll",
    "wine": "ganx.data.sets.bundled.Wine",
}

#: Keys that a data set's class has been given since, with the value that changes nothing.
_NEW_KEYS: dict[Any, dict[str, Any]] = {"ganx.data.sets.own.CSV": {"missing": [], "group": None}}

#: {old name: new name} of a model's keys.
_MODEL_KEYS = {"cooldown": "linear_decay"}

#: {new key of a model: what was done before there was a choice}.
_MODEL_CHOICES = {
    "inputs": "range",
    "inputs_c": "range",
    "judge_cells": True,
    "output_bias": "zero",
    "penalty_probes": "exact",
    "splits": "best",
    "start": "noise",
}


def upgrade(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration of `ganx train`, of any earlier version, as one of equal meaning now."""
    upgraded = dict(config)
    for group, function in (("model", _model), ("dataset", _dataset), ("protocol", _protocol)):
        if isinstance(config.get(group), dict):
            upgraded[group] = function(config[group])
    return upgraded


def upgrade_state(state: dict[str, Any]) -> dict[str, Any]:
    """Return a checkpoint, of any earlier version, with today's names of parameters and styles of numbers."""
    table = state.get("table", {})
    if "decimals" in table:
        state = {**state, "table": {**table, "styles": list(map(_style, table["decimals"]))}}
    if "parameters" not in state:
        return state
    best = {metric: {**one, "parameters": _parameters(one["parameters"])} for metric, one in state["best"].items()}
    return {**state, "parameters": _parameters(state["parameters"]), "best": best}


def old_signature(config: dict[str, Any], checksum: str) -> str:
    """Return the signature that earlier versions gave to a configuration, as config.yaml or result.json has it."""
    kept = {key: value for key, value in config.items() if key not in EXECUTION}
    model = {key: value for key, value in kept["model"].items() if key != "max_replicas"}
    identity = {"config": without_paths(kept | {"model": model}), "data": checksum}
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def is_old(config: dict[str, Any]) -> bool:
    """Whether a configuration is of an earlier version."""
    return upgrade(config) != config


def _model(model: dict[str, Any]) -> dict[str, Any]:
    """Rename keys and add those that are new, of the stages of a pipeline, too."""
    keys = _keys(model)
    names = {old: new for old, new in _MODEL_KEYS.items() if old in model and new in keys}
    return {key: before for key, before in _MODEL_CHOICES.items() if key in keys} | {
        names.get(key, key): _model(value) if isinstance(value, dict) and "_target_" in value else value
        for key, value in model.items()
    }


def _keys(model: dict[str, Any]) -> set[str]:
    """Return the keys that a model's class takes now; none where it is not there."""
    try:
        return set(constructor(str(model.get("_target_"))))
    except UserError:
        return set()


def _dataset(dataset: dict[str, Any]) -> dict[str, Any]:
    """Name the class, drop the keys that it does not have, and add those that are new."""
    if "_target_" not in dataset and dataset.get("name") in _DATA_SETS:
        target = _DATA_SETS[dataset["name"]]
        known = {"name", "rows", *constructor(target)}
        dataset = {"_target_": target} | {key: value for key, value in dataset.items() if key in known}
    return _NEW_KEYS.get(dataset.get("_target_"), {}) | dataset


def _protocol(protocol: dict[str, Any]) -> dict[str, Any]:
    published = protocol.get("name") == "paper"
    new = {
        "labels_per_class": None,
        "stratify": "labelled" if published else "class",
        "scored_labels": "shown" if published else "known",
    }
    return new | protocol


def _style(decimals: int | None) -> str:
    """Return the style of numbers that have so many decimals; None: more than four."""
    return "z.15g" if decimals is None else f"z.{decimals}f"


def _parameters(parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        f"averages.g.{name.removeprefix('_average.')}" if name.startswith("_average.") else name: value
        for name, value in parameters.items()
    }
