"""A small HexaGAN on a small table, as the engine builds it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from ganx.compose import compose
from ganx.engine.build import build_module
from ganx.engine.generative import GenerativeModule
from ganx.engine.loader import BlockLoader, sizes_of
from ganx.engine.module import Module
from ganx.engine.process import prepare_process
from ganx.engine.views import open_view
from ganx.groups import options
from ganx.run.experiment import Experiment
from ganx.targets import locate, spec

Build = Callable[..., tuple[Module, BlockLoader]]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    prepare_process({"threads": 1})


def smoke(model: str) -> tuple[str, ...]:
    """Overrides that make a quick run of a model, on data that suit it (`MethodSpec.smoke`)."""
    return spec(compose("train", [f"model={model}"])["model"]).smoke


def generative_models() -> list[str]:
    """Models that are a `GenerativeModule`."""
    targets = {model: compose("train", [f"model={model}"])["model"]["_target_"] for model in options("model")}
    return [model for model, target in targets.items() if issubclass(locate(target), GenerativeModule)]


def trained_models() -> list[str]:
    """Models that are trained by gradient."""
    specs = {model: spec(compose("train", [f"model={model}"])["model"]) for model in options("model")}
    return [model for model, one in specs.items() if one.fitter == "gradient"]


def make_experiment(*overrides: str) -> Experiment:
    arguments = ["model=hexagan", "dataset=wine", "protocol.folds=2", "seeds=2", *overrides]
    return Experiment.of(compose("train", arguments))


def build(experiment: Experiment, replicas: slice = slice(None)) -> tuple[Module, BlockLoader]:
    config: dict[str, Any] = experiment.config
    splits = experiment.splits[replicas]
    module = build_module(config, [(split.seed, split.fold) for split in splits], experiment.facts)
    module.data = open_view(experiment.spec, experiment.table, experiment.encoding, splits)
    module.prepare()
    loader = BlockLoader(
        module.data,
        sizes_of(config["model"], experiment.spec.streams, module.minibatches),
        validate_every=config["model"]["validate_every"],
        start=0,
        stop=config["model"]["steps"],
    )
    return module, loader


def walk(module: Module, loader: BlockLoader, n_steps: int, first: int = 0) -> None:
    """Train without Lightning, which only calls `training_step`."""
    module.optimizers = lambda *_, **__: torch.optim.SGD([torch.zeros(1)], lr=0.0)  # type: ignore[method-assign]
    module.training_step(loader.block(first, n_steps), 0)
