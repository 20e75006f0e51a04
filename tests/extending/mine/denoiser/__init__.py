"""A denoising autoencoder that fills tables: hide some known cells, and learn to give them back."""

from typing import Literal

import torch
from torch import Tensor

from ganx.engine.batch import TabularBatch
from ganx.engine.module import Module
from ganx.engine.setting import Setting
from ganx.nets.stacked import StackedMLP
from ganx.types import Fraction, PositiveInt


class Denoiser(Module):
    """One network (a GAN has several): [x, m] -> every cell."""

    def __init__(
        self,
        setting: Setting,
        *,
        hidden: list[PositiveInt],
        activation: Literal["relu", "tanh", "silu"],
        dropped: Fraction,
    ) -> None:
        super().__init__(setting)
        d = setting.n_features
        self.dropped = dropped
        self.net = StackedMLP(
            2 * d, hidden, d, activation=activation, generators=self.weight_generators, output=torch.sigmoid
        )
        self.add_player("net", self.net)

    def outer_step(self, batch: TabularBatch) -> None:
        kept = batch.m * (self.noise.uniform(*batch.m.shape[1:]) >= self.dropped)
        errors = (self.reconstruct(batch.x * kept, kept) - batch.x).square() * batch.m
        self.update("net", errors.sum((1, 2)) / batch.m.sum((1, 2)).clamp_min(1))

    def reconstruct(self, x: Tensor, m: Tensor) -> Tensor:
        return self.net(torch.cat([x, m], 2))

    def impute(self, x: Tensor, m: Tensor) -> Tensor:
        return torch.lerp(self.reconstruct(x, m), x, m)
