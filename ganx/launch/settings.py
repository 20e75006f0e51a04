"""The keys of searches and launchers; their values and what they are for stand in conf/hydra/."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from ganx.types import NonNegativeInt, PositiveFloat, PositiveInt, Processes, Range, Seed


@dataclass(frozen=True)
class Search:
    """`hydra/sweeper=optuna`. null is decided from what is searched."""

    search: str | None
    study: str | None
    n_trials: PositiveInt
    n_jobs: Processes | None
    metric: str | None
    prune: bool | None
    seed: Seed
    plan: bool


@dataclass(frozen=True)
class Local:
    """One run after another, in this process."""


@dataclass(frozen=True)
class Joblib:
    """Processes of this machine; -1 means one for each core."""

    n_jobs: Processes | Literal[-1]


@dataclass(frozen=True)
class SubmititLocal:
    """Processes of this machine, started as a cluster would start them."""

    n_jobs: Processes
    timeout_min: PositiveInt
    signal_delay_s: PositiveInt
    max_num_timeout: NonNegativeInt
    setup: list[str]
    detach: bool


@dataclass(frozen=True)
class Slurm:
    """What sbatch is asked for. null leaves a matter to the cluster."""

    partition: str | None
    account: str | None
    qos: str | None
    constraint: str | None
    comment: str | None
    gpus_per_node: Processes | None
    cpus_per_task: Processes
    mem_gb: PositiveFloat | None
    timeout_min: PositiveInt
    signal_delay_s: Annotated[int, Range(10)]
    max_num_timeout: NonNegativeInt
    array_parallelism: PositiveInt
    setup: list[str]
    additional_parameters: dict[str, str | int | float | bool]
    pack: PositiveInt
    detach: bool
