"""From a resolved config to a module, and from a checkpoint to a trained one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import torch

from ganx.engine.setting import Setting
from ganx.engine.views import Facts
from ganx.errors import DamagedError, UserError
from ganx.losses.gan import own_loss
from ganx.metrics.registry import METRICS
from ganx.schema import TrainedModel
from ganx.targets import locate

if TYPE_CHECKING:
    from ganx.engine.module import Module  # Lightning: only once a method is located

#: The state that a capability is asked in: the best one by this metric; the last one for all others. With
#: `selection=test`, metrics beside it are of best states of their own (`Experiment.ask`).
SELECTED_BY = {metric.needs: metric.name for metric in METRICS if metric.selects}


def build_module(
    config: dict[str, Any],
    replicas: Sequence[tuple[int, int]],
    facts: Facts,
    *,
    device: torch.device | str = "cpu",
    extra_targets: frozenset[str] = frozenset(),
) -> Module:
    """Build the method of `config["model"]` for a stack of replicas.

    Args:
        replicas: (seed, fold) of each.
        facts: of the data.

    Raises:
        UserError: the method does not fit the data or a choice, or `lr_scale` names an unknown player.
    """
    model = config["model"]
    cls: Any = locate(model["_target_"], extra_targets)
    setting = Setting(
        replicas=replicas,
        n_features=facts.n_features,
        shape=facts.shape,
        bounded=facts.bounded,
        n_classes=facts.n_classes,
        steps=model["steps"],
        loss=config["loss"],
        optimizer=config["optimizer"],
        lr_scale=model["lr_scale"],
        lr_decay=model["lr_decay"],
        clip_norm=model["clip_norm"],
        device=torch.device(device),
        precision=getattr(torch, config["hardware"]["precision"]),
        class_shares=None if facts.class_shares is None else torch.tensor([facts.class_shares] * len(replicas)),
        own_loss=own_loss(config["loss"], extra_targets),
    )
    engine_keys = {field.name for field in fields(TrainedModel)}
    options = {key: value for key, value in model.items() if key not in engine_keys}
    try:
        module: Module = cls(setting, **options)
    except TypeError as error:  # of a user's own class, written for other keys or another version
        raise UserError(f"model={model['name']}: {model['_target_']} cannot be built: {error}") from error
    module.check_players()
    return module


def load_module(
    config: dict[str, Any],
    state: dict[str, Any],
    replica: int,
    facts: Facts,
    metric: str | None = None,
    extra_targets: frozenset[str] = frozenset(),
) -> Module:
    """Return a stack of one: a replica of a finished run, in the state that is best by a metric.

    Args:
        state: as the run has left it, merged over stacks.
        metric: None, or one that nothing was selected by: the last state.

    Raises:
        DamagedError: the state is not that of this method.
    """
    module = build_module(config, [tuple(state["replicas"][replica])], facts, extra_targets=extra_targets)
    best = state["best"].get(metric)
    if best is None:
        best = {"parameters": state["parameters"], "step": torch.full((len(state["replicas"]),), state["step"])}
    try:
        module.load_parameters({name: value[replica : replica + 1] for name, value in best["parameters"].items()})
    except ValueError as error:
        raise DamagedError(f"the checkpoint is damaged, or of another method: {error}") from None
    module.step = int(best["step"][replica])
    module.eval()
    return module
