"""From a resolved config to a module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import torch

from ganx.data.rows import Rows
from ganx.engine.module import Module
from ganx.engine.setting import Setting
from ganx.errors import UserError, nearest
from ganx.schema import TrainedModel
from ganx.targets import locate


def build_module(
    config: dict[str, Any],
    replicas: Sequence[tuple[int, int]],
    *,
    n_features: int,
    n_classes: int,
    rows: Rows | None = None,
    device: torch.device | str = "cpu",
    extra_targets: frozenset[str] = frozenset(),
) -> Module:
    """Build the method of `config["model"]` for a stack of replicas.

    Args:
        n_features: width of the model's table.
        rows: the data as a generative method sees them.

    Raises:
        UserError: the method cannot be trained with this loss, or `lr_scale` names an unknown player.
    """
    model = config["model"]
    cls: Any = locate(model["_target_"], extra_targets)
    loss = config["loss"]["name"]
    if loss not in cls.losses:
        raise UserError(f"loss={loss}: {model['name']} cannot be trained with it{nearest(loss, cls.losses)}")
    if config["loss"]["penalty"] not in cls.penalties:
        known = ", ".join("null" if penalty is None else penalty for penalty in cls.penalties)
        raise UserError(
            f"loss.penalty={config['loss']['penalty']}: {model['name']} cannot be trained with it; choose {known}"
        )
    setting = Setting(
        replicas=replicas,
        n_features=n_features,
        shape=rows.shape if rows else (n_features,),
        bounded=rows.bounded if rows else True,
        n_classes=n_classes,
        steps=model["steps"],
        loss=config["loss"],
        optimizer=config["optimizer"],
        lr_scale=model["lr_scale"],
        lr_decay=model["lr_decay"],
        clip_norm=model["clip_norm"],
        device=torch.device(device),
        precision=getattr(torch, config["hardware"]["precision"]),
    )
    engine_keys = {field.name for field in fields(TrainedModel)}
    options = {key: value for key, value in model.items() if key not in engine_keys}
    module: Module = cls(setting, **options)
    module.check_players()
    return module
