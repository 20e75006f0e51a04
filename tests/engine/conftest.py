"""A small HexaGAN on a small table, as the engine builds it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from ganx.compose import compose
from ganx.engine.build import build_module
from ganx.engine.loader import BlockLoader, DeviceSamples, DeviceTable
from ganx.engine.module import Module
from ganx.engine.trainer import prepare_process
from ganx.groups import options
from ganx.run.experiment import Experiment
from ganx.targets import constructor

Build = Callable[..., tuple[Module, BlockLoader]]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    prepare_process({"threads": 1})


#: Data for the models that not every table suits.
SUITED = {"dcgan": "digits"}


def generative_models() -> list[str]:
    return [
        m for m in options("model") if constructor(compose("train", [f"model={m}"])["model"]["_target_"]).generative
    ]


def make_experiment(*overrides: str) -> Experiment:
    arguments = ["model=hexagan", "dataset=wine", "protocol.folds=2", "seeds=2", *overrides]
    return Experiment.of(compose("train", arguments))


def build(experiment: Experiment, replicas: slice = slice(None)) -> tuple[Module, BlockLoader]:
    config: dict[str, Any] = experiment.config
    splits = experiment.splits[replicas]
    module = build_module(
        config,
        [(split.seed, split.fold) for split in splits],
        n_features=len(experiment.encoding.group),
        n_classes=experiment.table.n_classes,
        rows=experiment.rows,
    )
    cpu = torch.device("cpu")
    data = (
        DeviceTable(experiment.table, experiment.encoding, splits, cpu)
        if experiment.rows is None
        else DeviceSamples(experiment.rows, experiment.table, splits, cpu)
    )
    loader = BlockLoader(
        data,
        batch_size=config["model"]["batch_size"] * module.minibatches,
        validate_every=config["model"]["validate_every"],
        start=0,
        stop=config["model"]["steps"],
    )
    return module, loader


def walk(module: Module, loader: BlockLoader, n_steps: int, first: int = 0) -> None:
    """Train without Lightning, which only calls `training_step`."""
    module.optimizers = lambda *_, **__: torch.optim.SGD([torch.zeros(1)], lr=0.0)  # type: ignore[method-assign]
    module.training_step(loader.block(first, n_steps), 0)
