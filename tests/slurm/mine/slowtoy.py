"""One network that fills cells, as slowly as a test wants, and fails when it is told to."""

import os
import time
from pathlib import Path

import torch
from torch import Tensor

from ganx.engine.batch import TabularBatch
from ganx.engine.module import Module
from ganx.engine.setting import Setting
from ganx.nets.stacked import StackedMLP
from ganx.types import NonNegativeFloat, NonNegativeInt


class SlowToy(Module):
    """[x, m] -> every cell. A training that begins adds a line to the file that TRACE names."""

    losses = ("none",)

    def __init__(self, setting: Setting, *, pause: NonNegativeFloat, dry_at: NonNegativeInt | None) -> None:
        super().__init__(setting)
        d = setting.n_features
        self.pause, self.dry_at = pause, dry_at
        self.net = StackedMLP(2 * d, [], d, activation="relu", generators=self.weight_generators, output=torch.sigmoid)
        self.add_player("net", self.net)

    def outer_step(self, batch: TabularBatch) -> None:
        if self.step == 0 and "TRACE" in os.environ:
            with Path(os.environ["TRACE"]).open("a") as file:
                file.write(f"{os.getpid()}\n")
        if self.step == self.dry_at:
            raise RuntimeError("the well is dry")
        time.sleep(self.pause)
        kept = batch.m * (self.noise.uniform(*batch.m.shape[1:]) >= 0.2)
        errors = (self.reconstruct(batch.x * kept, kept) - batch.x).square() * batch.m
        self.update("net", errors.sum((1, 2)) / batch.m.sum((1, 2)).clamp_min(1))

    def reconstruct(self, x: Tensor, m: Tensor) -> Tensor:
        return self.net(torch.cat([x, m], 2))

    def impute(self, x: Tensor, m: Tensor) -> Tensor:
        return torch.lerp(self.reconstruct(x, m), x, m)
