"""A plain classifier: one multi-layer perceptron, cross-entropy over the labelled rows."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ganx.engine.batch import TabularBatch
from ganx.engine.module import Module
from ganx.engine.setting import Setting
from ganx.errors import UserError
from ganx.losses.balance import classification_loss
from ganx.nets.stacked import StackedMLP, width
from ganx.types import Fraction, Width


class MLP(Module):
    """C: [m x, m] -> K logits. Unknown cells are 0 with the mask beside them: the first layer learns what to fill in.

    Args:
        setting: what the engine tells (replicas, d, K, optimiser).
        hidden: widths of the hidden layers; none makes it a logistic regression.
        activation: of the hidden layers.
        hide: share of the observed cells that are hidden in a step, so that C does not lean on a few of them.
        balance: what is done for rare classes; see `ganx.losses.balance`.

    Raises:
        UserError: the table has no target.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        hidden: list[Width],
        activation: Literal["relu", "leaky_relu", "tanh", "silu"],
        hide: Fraction,
        balance: Literal["none", "cs", "crl"],
    ) -> None:
        super().__init__(setting)
        if not setting.n_classes:
            raise UserError("model=mlp learns classes and the table has no target: name it, dataset.target=NAME")
        d = setting.n_features
        self.hide, self.balance = hide, balance
        self.c = StackedMLP(
            2 * d,
            [width(size, d) for size in hidden],
            setting.n_classes,
            activation=activation,
            generators=self.weight_generators,
        )
        self.add_player("c", self.c)

    def outer_step(self, batch: TabularBatch) -> None:
        """One step down the cross-entropy of the labelled rows."""
        m = self.noise.hide(batch.m, self.hide)
        self.update("c", classification_loss(self.logits(batch.x, m), batch.y, self.balance))

    def logits(self, x: Tensor, m: Tensor) -> Tensor:
        """Return the logits of rows. (R, B, d), (R, B, d) -> (R, B, K)."""
        return self.c(torch.cat([m * x, m], 2))  # type: ignore[no-any-return]

    def classify(self, x: Tensor, m: Tensor) -> Tensor:
        """Return class probabilities. (R, B, d), (R, B, d) -> (R, B, K)."""
        return self.logits(x, m).softmax(2)
