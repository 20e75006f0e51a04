"""What a configuration may say: one dataclass for each shared group, and for what each command takes.

The values stand in conf/; here are their types and ranges. No torch: a wrong value is told in a blink.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

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


#: What each command takes.
COMMANDS: dict[str, type] = {
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
