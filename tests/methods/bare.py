"""A method built from its YAML alone, without data, and steps of it without a trainer."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ganx.compose import compose
from ganx.engine.batch import ExampleBatch
from ganx.engine.module import Module
from ganx.engine.setting import Setting
from ganx.targets import locate

ENGINE_KEYS = {
    *("_target_", "name", "version", "steps", "batch_size", "validate_every", "max_replicas"),
    *("lr_scale", "lr_decay", "clip_norm"),
}


def bare(
    model: str, shape: tuple[int, ...], *overrides: str, n_classes: int = 0, bounded: bool = False, replicas: int = 2
) -> Any:
    """Return a module of `model` for rows of this shape; seed r for replica r."""
    config = compose("train", [f"model={model}", *overrides])
    keys = config["model"]
    setting = Setting(
        replicas=[(seed, 0) for seed in range(replicas)],
        n_features=torch.Size(shape).numel(),
        shape=shape,
        bounded=bounded,
        n_classes=n_classes,
        steps=keys["steps"],
        loss=config["loss"],
        optimizer=config["optimizer"],
        lr_scale=keys["lr_scale"],
        lr_decay=keys["lr_decay"],
        clip_norm=keys["clip_norm"],
    )
    module = locate(keys["_target_"])(setting, **{k: v for k, v in keys.items() if k not in ENGINE_KEYS})
    assert isinstance(module, Module)
    module.optimizers = lambda *_, **__: torch.optim.SGD([torch.zeros(1)], lr=0.0)  # type: ignore[assignment,method-assign]
    return module.train()


def walk(module: Module, batches: Sequence[Any]) -> None:
    """Take a step for each minibatch."""
    module.training_step(batches, 0)


def examples(x: Tensor, y: Tensor | None = None) -> ExampleBatch:
    """Return a minibatch of rows (R, B, *shape) and one-hot labels (R, B, K), or without labels."""
    shown = x.new_zeros(*x.shape[:2], 0) if y is None else y
    labelled = x.new_full((*x.shape[:2], 1), float(y is not None))
    return ExampleBatch(x, shown, labelled, torch.arange(x.shape[1]).expand(x.shape[:2]))
