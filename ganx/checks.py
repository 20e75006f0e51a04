"""Whether a composed configuration is what `ganx.schema`, and the constructors that it names, let it be."""

from __future__ import annotations

import dataclasses
import os
import re
import typing
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from ganx.errors import UserError, nearest
from ganx.schema import (
    COMMANDS,
    OPTIMIZER_RANGES,
    Dataset,
    Hardware,
    Loss,
    Model,
    NoOptimizer,
    Optimizer,
    OwnLoss,
    Protocol,
    TrainedModel,
)
from ganx.targets import attribute, check_target, constructor, spec, targets_of
from ganx.types import check

_LONGEST_NAME = 200  # bytes: folders add a signature, and a name has 255 at most
_NOT_MEANING = frozenset({"hardware", "force", "retry", "refit", "outputs", "hydra"})


def check_config(command: str, config: dict[str, Any], extra: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Check a composed configuration and return it with numbers in their types.

    Args:
        command: the command that it was composed for.
        config: plain containers, resolved.
        extra: targets that the user's own folders add (`targets.added_by`).

    Raises:
        UserError: an unknown or missing key, a wrong type, a value out of range, or code that may not be named.
    """
    chosen = {group: (dict[str, Any], False) for group in ("table", "figure") if command == f"{group}s"}
    checked = check_keys("", config, COMMANDS[command], chosen)
    _check_places(command, checked)
    for where, name in targets_of(checked):
        check_target(name, extra, where)
    if command == "train":
        _check_train(checked)
    if chosen:
        checked["hardware"] = check_keys("hardware", checked["hardware"], Hardware)
    return checked


def _check_places(command: str, config: dict[str, Any]) -> None:
    """Refuse names of files, folders and runs that are empty, and outputs that lie in no folder.

    Where a file may be written, `ganx.places` tells.
    """
    for key in ("run", "input", "out", "spread", "outputs"):
        if config.get(key) == "":
            raise UserError(f"{key} is empty: write {key}=NAME")
    for key in ("outputs", "out") if command == "tables" else ("outputs",):
        for folder in (path := Path(config[key] or "."), *path.parents):
            if os.path.lexists(folder) and not folder.is_dir():
                raise UserError(f"{key}={path}: {folder} is not a folder; choose another name")


def _check_train(config: dict[str, Any]) -> None:
    for group, schema in (("protocol", Protocol), ("hardware", Hardware)):
        config[group] = check_keys(group, config[group], schema)
    config["dataset"] = _check_dataset(config["dataset"])
    _check_name("dataset.name", config["dataset"]["name"])
    config["loss"] = _check_loss_keys(config["loss"])
    config["optimizer"] = _check_optimizer(config["optimizer"])
    config["model"], trained = _check_model(config["model"])
    protocol = config["protocol"]
    if protocol["labels_per_class"] is not None and protocol["scored_labels"] == "shown" and protocol["folds"] != 0:
        raise UserError(
            "protocol.labels_per_class shows labels of training rows alone, so that no shown label is left to score: "
            "set protocol.scored_labels=known"
        )
    if trained and protocol["selection"] == "validation" and protocol["validation"] == 0:
        raise UserError("protocol.selection=validation needs rows to select on: set e.g. protocol.validation=0.2")
    if trained and "_target_" not in config["optimizer"]:
        raise UserError(f"optimizer=none: the model '{config['model']['name']}' is trained; choose e.g. optimizer=adam")
    if spec(config["model"]).fitter == "gradient":
        check_loss(config)


def check_loss(config: dict[str, Any]) -> None:
    """Refuse a loss or a penalty that the method of a checked configuration cannot be trained with.

    A method without losses has nothing adversarial, and its loss is `none`.
    """
    name, method = config["model"]["name"], spec(config["model"])
    loss, penalty = config["loss"]["name"], config["loss"]["penalty"]
    losses = method.losses or ("none",)
    if loss not in losses and not ("own" in losses and "_target_" in config["loss"]):
        known = [one for one in losses if one != "own"]
        raise UserError(f"loss={loss}: {name} cannot be trained with it{nearest(loss, known)}")
    if penalty not in method.penalties:
        penalties = ", ".join("null" if one is None else one for one in method.penalties)
        raise UserError(f"loss.penalty={penalty}: {name} cannot be trained with it; choose {penalties}")


def _check_dataset(config: dict[str, Any]) -> dict[str, Any]:
    if "_target_" not in config:
        raise UserError("missing key 'dataset._target_': the class that loads the data, e.g. ganx.data.sets.own.CSV")
    parameters = constructor(str(config["_target_"]), "dataset._target_")
    if config.get("path") == "":
        raise UserError("dataset.path is empty: write dataset.path=FILE")
    for key in config:
        if key not in parameters and (why := no_meaning(str(key), config)):
            raise UserError(why)
    return check_keys("dataset", config, Dataset, {key: (p.kind, p.required) for key, p in parameters.items()})


def no_meaning(key: str, dataset: Mapping[str, Any]) -> str:
    """Return why a data set lacks a key that others have, and what to do; empty for a key that none has."""
    name = dataset.get("name")
    if key == "path":
        return f"dataset.path has no meaning for dataset={name}, which is built in; use dataset=csv for a file"
    if key in ("target", "drop", "group", "missing"):
        return f"dataset.{key} has no meaning for dataset={name}; use it with dataset=csv"
    return ""


def is_own_data(dataset: Mapping[str, Any]) -> bool:
    """Whether a `dataset` group does not tell what the data are: a file, or code, of the user's own decides.

    A class with a `path` that it cannot do without reads such a file; where it may be null, the files are published.
    """
    target = str(dataset.get("_target_", ""))
    if not target.startswith("ganx."):
        return True
    path = constructor(target, "dataset._target_").get("path")
    return path is not None and path.kind is str


def is_altered(dataset: Mapping[str, Any], checksum: str) -> bool:
    """Whether data with a checksum go by the name of a published `dataset` without being that, as far as this tells.

    Of rows that were cut from it, nothing can be told.
    """
    target = str(dataset.get("_target_", ""))
    if not target.startswith("ganx.data.sets.") or dataset.get("rows") is not None:
        return False
    return attribute(target, "checksum") not in (None, checksum)


def _check_loss_keys(config: dict[str, Any]) -> dict[str, Any]:
    if "_target_" not in config:
        return check_keys("loss", config, Loss)
    parameters = constructor(str(config["_target_"]), "loss._target_")
    return check_keys("loss", config, OwnLoss, {key: (p.kind, p.required) for key, p in parameters.items()})


def _check_optimizer(config: dict[str, Any]) -> dict[str, Any]:
    if "_target_" not in config:
        return check_keys("optimizer", config, NoOptimizer)
    parameters = constructor(str(config["_target_"]), "optimizer._target_")
    further = {key: (OPTIMIZER_RANGES.get(key, p.kind), p.required) for key, p in parameters.items()}
    return check_keys("optimizer", config, Optimizer, further)


def _check_model(config: dict[str, Any], where: str = "model") -> tuple[dict[str, Any], bool]:
    """Check a model, and the models it is made of; say whether any of them is trained by gradient."""
    method = spec(config, where)
    further = {key: (parameter.kind, parameter.required) for key, parameter in method.parameters.items()}
    trained = method.fitter == "gradient"
    checked = check_keys(where, config, TrainedModel if trained else Model, further)
    _check_name(f"{where}.name", checked["name"])
    if trained and isinstance(size := checked["batch_size"], dict) and set(size) != set(method.streams):
        raise UserError(f"{where}.batch_size: a number, or one for each of {', '.join(method.streams)}")
    for stage in method.stages:
        checked[stage], stage_trained = _check_model(checked[stage], f"{where}.{stage}")
        trained = trained or stage_trained
    if method.blends:
        checked["models"], trained = _check_candidates(checked, method.blends, where)
    return checked, trained


def _check_candidates(model: dict[str, Any], blends: Mapping[str, str], where: str) -> tuple[dict[str, Any], bool]:
    """Check the models that a blend names; all others are left out, since they alter nothing."""
    models, chosen, trained = model["models"], {}, False
    for key, capability in {**blends, "filler": "impute"}.items():
        names = [model[key]] if isinstance(model[key], str) else model[key]
        if not names and capability == "impute":
            raise UserError(f"{where}.{key}=[]: name at least one model that fills cells")
        for name in names:
            _check_name(f"{where}.{key}", name)
            if name not in models:
                more = f"{nearest(name, models)}; another one is added by +model@{where}.models.NAME=MODEL"
                raise UserError(f"{where}.{key}: there is no candidate '{name}'{more}")
            at = f"{where}.models.{name}"
            chosen[name], needs_optimizer = _check_model(models[name], at)
            trained = trained or needs_optimizer
            method = spec(chosen[name], at)
            if capability not in method.capabilities or method.fitter not in ("gradient", "estimator"):
                raise UserError(f"{where}.{key}: {at} does not {capability}")
    return chosen, trained


def check_keys(
    where: str, config: dict[str, Any], schema: type, further: dict[str, tuple[Any, bool]] | None = None
) -> dict[str, Any]:
    """Check one level of a configuration against a dataclass and `further` keys, {name: (type, required)}."""
    hints = typing.get_type_hints(schema, include_extras=True)
    known = (further or {}) | {field.name: (hints[field.name], True) for field in dataclasses.fields(schema)}
    prefix = f"{where}." if where else ""
    for key in config:
        if key not in known:
            raise UserError(f"unknown key '{prefix}{key}'{nearest(str(key), known)}")
    for key, (_, required) in known.items():
        if required and key not in config:
            raise UserError(f"missing key '{prefix}{key}'")
        if key in config and config[key] == "???":
            raise UserError(f"missing value: give {prefix}{key}=...")
    return {key: check(prefix + str(key), value, known[key][0]) for key, value in config.items()}


def _check_name(where: str, name: str) -> None:
    """Refuse a name under which no folder can be made in its place among the runs."""
    if not re.fullmatch(r"\w[\w .+-]*", name) or len(name.encode()) > _LONGEST_NAME:
        raise UserError(
            f"{where}={name!r} is no name for a folder; use letters, digits, _ and -, and no more than "
            f"{_LONGEST_NAME} bytes"
        )


def check_file_name(where: str, name: str) -> None:
    """Refuse a name that is no good as a file's: what it names is written under it."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise UserError(f"{where}={name}: letters, digits, - and _ only; files are named by it")


def check_overrides(where: str, overrides: Sequence[str], fixed: AbstractSet[str]) -> None:
    """Refuse overrides of what is not a definition's to say: how a run executes, and the `fixed` keys."""
    for word in overrides:
        key = word.lstrip("+~").partition("=")[0]
        if key in fixed or key.partition(".")[0].partition("/")[0] in _NOT_MEANING:
            raise UserError(f"{where}: {word} does not belong here; say what is computed, not how or how often")
