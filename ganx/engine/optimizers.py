"""One optimiser per player, from the `optimizer` group."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

_NOT_OPTIONS = ("_target_", "name", "lr")


def make_optimizer(group: dict[str, Any], parameters: Iterable[Tensor], lr: float) -> torch.optim.Optimizer:
    """Build the optimiser of one player. Fused kernels where torch has them: a step is one call instead of dozens."""
    cls = getattr(torch.optim, group["_target_"].rpartition(".")[2])
    options = {key: value for key, value in group.items() if key not in _NOT_OPTIONS}
    if "fused" in inspect.signature(cls).parameters:
        options["fused"] = True
    return cls(parameters, lr=lr, **options)  # type: ignore[no-any-return]
