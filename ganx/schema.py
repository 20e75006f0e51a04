"""What a configuration may say: one dataclass for each shared group, and the check of a whole composed configuration.

The values stand in conf/; here are their types and ranges. No torch: a wrong value is told in a blink.
"""

from __future__ import annotations

import dataclasses
import os
import re
import typing
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from ganx.errors import UserError, nearest
from ganx.targets import attribute, check_target, constructor, spec, targets_of
from ganx.types import (
    BatchSize,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Processes,
    Range,
    Seed,
    Seeds,
    Share,
    check,
)

Folds = Literal[0] | Annotated[int, Range(2, most=1_000_000)] | Literal["holdout"]
HOLDOUT_FOLDS = 5  # `holdout` tests on the first of so many folds, where the data set has no test rows of its own


@dataclass(frozen=True)
class Dataset:
    """A table to learn from; further keys are those of the class that `_target_` names (`ganx.data.sets`).

    `rows` cuts a large table to that many rows, chosen once and for all; null leaves it whole.
    """

    _target_: str
    name: str
    rows: Annotated[int, Range(10, most=1_000_000_000)] | None


@dataclass(frozen=True)
class Protocol:
    """How a table is corrupted, split, scaled, and on what a replica's best state is selected.

    Attributes:
        missing_rate: share of the cells that are hidden.
        mechanism: cells are hidden completely at random, depending on observed values, on the hidden value itself, or
            as the table's own missing cells lie.
        label_rate: share of the training labels that are shown.
        labels_per_class: show so many labels of each class in the training rows instead; null: go by `label_rate`.
        imbalance_ratio: largest class over smallest, reached by dropping rows; null leaves the table as it is.
        folds: 0 fits on all rows; `holdout` tests on the data set's own test rows, or on a fifth where it has none.
        validation: share of the training rows kept for selection.
        scaling: the range of each column comes from the observed training cells, or from the complete table.
        selection: the best state on validation rows, on the test fold (lenient, as published), or the last one.
        stratify: folds are dealt evenly by class, or by whether a row's label is shown (as published).
        scored_labels: which labels of the test rows are scored: all that are known, or those that are shown (as
            published).
    """

    name: str
    missing_rate: Share
    mechanism: Literal["mcar", "mar", "mnar", "own"]
    label_rate: Annotated[float, Range(0, 1, open_low=True)]
    labels_per_class: PositiveInt | None
    imbalance_ratio: Annotated[float, Range(1)] | None
    folds: Folds
    validation: Share
    scaling: Literal["observed", "complete"]
    selection: Literal["validation", "test", "last"]
    stratify: Literal["class", "labelled"]
    scored_labels: Literal["known", "shown"]


def splits_per_seed(protocol: Mapping[str, Any]) -> int:
    """Return how many replicas each seed has under a checked `protocol`."""
    folds: Folds = protocol["folds"]
    return 1 if folds == "holdout" else folds or 1


@dataclass(frozen=True)
class Loss:
    """The adversarial loss; `none` for baselines. `penalty` keeps a discriminator smooth; null = nothing does.

    `r1`, `r2`, `zero_centered`, `wgan_gp`: gradient penalties at real rows, at generated rows, and on lines between
    both (`ganx.losses.penalties`); HexaGAN's element-wise `zero_centered` is at real rows. `clipping`: every weight
    within +-0.01 (Arjovsky et al., 2017).
    """

    name: str
    penalty: Literal["r1", "r2", "zero_centered", "wgan_gp", "clipping"] | None


@dataclass(frozen=True)
class OwnLoss(Loss):
    """A loss of one's own; further keys are those of the class that `_target_` names (`ganx.losses.gan.own_loss`)."""

    _target_: str


@dataclass(frozen=True)
class Optimizer:
    """Keys of every optimiser; the others are those of the class that `_target_` names."""

    _target_: str
    name: str
    lr: PositiveFloat


@dataclass(frozen=True)
class NoOptimizer:
    """`optimizer=none`: a baseline has nothing to optimise."""

    name: Literal["none"]


#: Ranges of the further keys of torch's optimisers; their sources give types at most.
OPTIMIZER_RANGES: dict[str, Any] = {
    "betas": list[Share],
    "alpha": Share,
    "eps": NonNegativeFloat,
    "weight_decay": NonNegativeFloat,
    "momentum": NonNegativeFloat,
}


@dataclass(frozen=True)
class Hardware:
    """Where and with how many threads and processes a run executes; never part of its signature.

    `precision`: with bfloat16, networks compute in 16 bits; gradient penalties, losses and optimisers stay in 32.
    """

    name: str
    accelerator: Literal["cpu", "gpu"]
    precision: Literal["float32", "bfloat16"]
    threads: Processes
    workers: Literal["auto"] | Processes


@dataclass(frozen=True)
class Model:
    """Keys of every model; the others are the keyword-only parameters of the constructor that `_target_` names.

    `version` is raised whenever a change of the code alters results.
    """

    _target_: str
    name: str
    version: PositiveInt


@dataclass(frozen=True)
class TrainedModel(Model):
    """Keys of every model that is trained by gradient.

    Attributes:
        steps: length of the training, in outer steps.
        batch_size: rows in a minibatch of each replica; a mapping where a method reads several streams.
        validate_every: steps between two looks at the validation rows.
        max_replicas: how many replicas one process stacks.
        lr_scale: factor on `optimizer.lr` for a player, by its name.
        lr_decay: factor on every rate, each outer step.
        clip_norm: largest norm of a player's gradient, for each replica; null = no clipping.
    """

    steps: PositiveInt
    batch_size: BatchSize | dict[str, BatchSize]
    validate_every: PositiveInt
    max_replicas: PositiveInt
    lr_scale: dict[str, PositiveFloat]
    lr_decay: Annotated[float, Range(0, 1, open_low=True)]
    clip_norm: PositiveFloat | None


@dataclass(frozen=True)
class Train:
    """`ganx train`."""

    model: dict[str, Any]
    dataset: dict[str, Any]
    protocol: dict[str, Any]
    loss: dict[str, Any]
    optimizer: dict[str, Any]
    hardware: dict[str, Any]
    seed: Seed
    seeds: Seeds
    force: bool
    retry: bool
    refit: Literal["auto"] | bool
    outputs: str


@dataclass(frozen=True)
class Eval:
    """`ganx eval`: `run` is a folder or a signature."""

    run: str
    outputs: str


@dataclass(frozen=True)
class Impute:
    """`ganx impute`: the table `input` is filled by `run` and written to `out`; `spread` is a file, too."""

    run: str
    input: str
    out: str
    spread: str | None
    outputs: str


@dataclass(frozen=True)
class Predict:
    """`ganx predict`: the class of each row of `input` by `run` goes to `out`.

    `abstain`: rows get the likeliest class, and none if it is less probable.
    """

    run: str
    input: str
    out: str
    abstain: Share
    outputs: str


@dataclass(frozen=True)
class Upgrade:
    """`ganx upgrade`: a finished `run` of an earlier version is sealed."""

    run: str
    outputs: str


@dataclass(frozen=True)
class Sample:
    """`ganx sample`: `n` rows or images by a `replica` of `run`, of one category (`label`) or of all, go to `out`."""

    run: str
    out: str
    n: Annotated[int, Range(1, 100_000)]
    label: str | None
    seed: Seed
    replica: NonNegativeInt
    outputs: str


@dataclass(frozen=True)
class Interpolate:
    """`ganx interpolate`: `n` walks of `steps` steps through the latent space of `run`, drawn into `out`."""

    run: str
    out: str
    n: Annotated[int, Range(1, most=100)]
    steps: Annotated[int, Range(2, most=1000)]
    label: str | None
    seed: Seed
    replica: NonNegativeInt
    outputs: str


@dataclass(frozen=True)
class Neighbours:
    """`ganx neighbours`: how near samples of `run` are to training rows; `n` of them are shown in `out`."""

    run: str
    out: str | None
    n: Annotated[int, Range(1, 100_000)]
    seed: Seed
    replica: NonNegativeInt
    outputs: str


@dataclass(frozen=True)
class Tables:
    """`ganx tables`; the group `table` is checked by `ganx.tables.definition`.

    Attributes:
        protocols: to show, of those that a table has; null = the first of them.
        run: train what is missing; `retry`: what has failed, too.
        out: folder for the rendered files; null = `outputs`/tables.
    """

    scale: Literal["quick", "paper"]
    protocols: list[str] | None
    hardware: dict[str, Any]
    run: bool
    retry: bool
    out: str | None
    outputs: str


@dataclass(frozen=True)
class Figures:
    """`ganx figures`; the group `figure` is checked by `ganx.figures.definition`.

    Attributes:
        retry: train again what has failed.
        out: the PNG file; null = `outputs`/figures/NAME.png.
    """

    hardware: dict[str, Any]
    retry: bool
    out: str | None
    outputs: str


_COMMANDS: dict[str, type] = {
    "train": Train,
    "eval": Eval,
    "impute": Impute,
    "predict": Predict,
    "upgrade": Upgrade,
    "sample": Sample,
    "interpolate": Interpolate,
    "neighbours": Neighbours,
    "tables": Tables,
    "figures": Figures,
}


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
    checked = check_keys("", config, _COMMANDS[command], chosen)
    _check_places(command, checked)
    for where, name in targets_of(checked):
        check_target(name, extra, where)
    if command == "train":
        _check_train(checked)
    if chosen:
        checked["hardware"] = check_keys("hardware", checked["hardware"], Hardware)
    return checked


def _check_places(command: str, config: dict[str, Any]) -> None:
    """Refuse names of files, folders and runs that are empty, files that are folders, and outputs that lie in none."""
    for key in ("run", "input", "out", "spread", "outputs"):
        if config.get(key) == "":
            raise UserError(f"{key} is empty: write {key}=NAME")
    for key in ("out", "spread") if command != "tables" else ():
        name = config.get(key)
        if name is not None and (name.endswith("/") or Path(name).is_dir()):
            raise UserError(f"{key}={name}: this is a folder; name a file in it")
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


_LONGEST_NAME = 200  # bytes: folders add a signature, and a name has 255 at most
_NOT_MEANING = frozenset({"hardware", "force", "retry", "refit", "outputs", "hydra"})
