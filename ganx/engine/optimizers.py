"""One optimiser per player, from the `optimizer` group."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from ganx.targets import locate

_NOT_OPTIONS = ("_target_", "name", "lr")


def make_optimizer(group: dict[str, Any], parameters: Iterable[Tensor], lr: float) -> Optimizer:
    """Build the optimiser of one player. Fused kernels where torch has them: a step is one call instead of dozens."""
    cls: Any = locate(group["_target_"])
    options = {key: value for key, value in group.items() if key not in _NOT_OPTIONS}
    if "fused" in inspect.signature(cls).parameters:
        options["fused"] = True
    made: Optimizer = cls(parameters, lr=lr, **options)
    return made


class RMSpropTensorFlow(Optimizer):
    """RMSProp as TensorFlow 1 has it: v <- alpha v + (1 - alpha) g^2, p <- p - lr g / sqrt(v + eps), from v = 1 on.

    `torch.optim.RMSprop` starts at v = 0 and adds eps to the root: its first step is lr / sqrt(1 - alpha) long, however
    small the gradient. Here steps grow from small ones, while v forgets where it began.

    Args:
        params: of one player.
        lr: rate.
        alpha: decay of the mean square v.
        eps: added to it.
    """

    def __init__(self, params: Iterable[Tensor], lr: float, alpha: float, eps: float) -> None:
        super().__init__(params, {"lr": lr, "alpha": alpha, "eps": eps})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take one step by the gradients that are there; `closure` is none of ours."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["mean_square"] = torch.ones_like(p)
                v = state["mean_square"]
                v.lerp_(p.grad.square(), 1 - group["alpha"])
                p.addcdiv_(p.grad, (v + group["eps"]).sqrt_(), value=-group["lr"])
