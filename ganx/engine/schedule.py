"""Learning rates over a training, beside `model.lr_decay`."""

from __future__ import annotations

from ganx.engine.module import Module


class LinearDecay(Module):
    """All rates fall to 0 along a line, over the last share `linear_decay` of the steps; 0: they do not."""

    linear_decay: float = 0.0

    def rate_factor(self) -> float:
        """Return what every learning rate is multiplied by in this step."""
        left = 1 - self.step / self.setting.steps
        line = min(1.0, left / self.linear_decay) if self.linear_decay else 1.0
        return super().rate_factor() * line
