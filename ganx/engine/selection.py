"""Model selection, per replica and per metric."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ganx.engine.module import Module
from ganx.metrics.registry import metric_of


class Chosen:
    """Keeps states at steps that were found before, in place of a `Probe`: there are no rows left to select on.

    Args:
        steps: {metric: step}.
    """

    def __init__(self, steps: dict[str, int]) -> None:
        self.steps = steps

    def selects(self, metric: str) -> bool:
        """Whether the best state by a metric is kept: it was, where its step comes from."""
        return True

    def score(self, module: Module) -> dict[str, Tensor]:
        """Return {metric: (R,)}, the better the nearer the module's step is."""
        size, device = len(module.setting.replicas), module.setting.device
        signs = {name: -1.0 if metric_of(name).better == "higher" else 1.0 for name in self.steps}
        return {
            name: torch.full((size,), signs[name] * abs(module.step - step), device=device)
            for name, step in self.steps.items()
        }


class Best:
    """The parameters of each replica at the step where one metric was best. On a tie the later step wins."""

    def __init__(self, metric: str, module: Module) -> None:
        self.more_is_better = metric_of(metric).better == "higher"
        n_replicas = len(module.setting.replicas)
        worst = float("-inf") if self.more_is_better else float("inf")
        self.score = torch.full((n_replicas,), worst, device=module.setting.device)
        self.step = torch.zeros(n_replicas, dtype=torch.int64, device=module.setting.device)
        self.parameters = {name: value.clone() for name, value in module.tensors().items()}

    def update(self, module: Module, score: Tensor) -> None:
        """Keep the module's present state for the replicas whose `score` (R,) is the best so far."""
        better = score >= self.score if self.more_is_better else score <= self.score
        self.score = torch.where(better, score, self.score)
        self.step = torch.where(better, module.step, self.step)
        for name, value in module.tensors().items():
            chosen = better.view(-1, *[1] * (value.dim() - 1))
            self.parameters[name] = torch.where(chosen, value, self.parameters[name])

    def state_dict(self) -> dict[str, Any]:
        """Return scores, steps and parameters."""
        return {"score": self.score, "step": self.step, "parameters": self.parameters}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a stored state."""
        device = self.score.device
        self.score, self.step = state["score"].to(device), state["step"].to(device)
        self.parameters = {name: value.to(device) for name, value in state["parameters"].items()}
