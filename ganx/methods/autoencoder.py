"""Denoising autoencoder: hide some observed cells of a row, and learn to give all observed cells back.

Vincent, Larochelle, Bengio, Manzagol: "Extracting and Composing Robust Features with Denoising Autoencoders", ICML
2008; for missing cells, Gondara and Wang: "MIDA: Multiple Imputation Using Denoising Autoencoders", PAKDD 2018. The
autoencoder in the HexaGAN paper's table is not described there.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ganx.engine.batch import TabularBatch
from ganx.engine.module import Module
from ganx.engine.scale import Scale
from ganx.engine.setting import Setting
from ganx.losses.adversarial import mean_over
from ganx.nets.stacked import StackedMLP, width
from ganx.types import Fraction, Width


class Autoencoder(Module):
    """One network, [m x, m] -> every cell, with x in the units of `inputs`.

    Args:
        setting: what the engine tells (replicas, d, optimiser).
        hidden: widths of the hidden layers.
        activation: of the hidden layers.
        hide: share of the observed cells that are hidden from the network and reconstructed with the others; 0 is a
            plain autoencoder.
        inputs, output_bias: how the network reads features and where its outputs start (`ganx.engine.scale`).
    """

    def __init__(
        self,
        setting: Setting,
        *,
        hidden: list[Width],
        activation: Literal["relu", "leaky_relu", "tanh", "silu"],
        hide: Fraction,
        inputs: Literal["range", "standard"],
        output_bias: Literal["zero", "mean"],
    ) -> None:
        super().__init__(setting)
        d = setting.n_features
        self.hide = hide
        self.scale = Scale(setting, inputs, output_bias)
        self.net = StackedMLP(
            2 * d,
            [width(size, d) for size in hidden],
            d,
            activation=activation,
            generators=self.weight_generators,
            output=torch.sigmoid,
        )
        self.add_player("net", self.net)

    def prepare(self) -> None:
        """Take scale and output bias from the observed training cells."""
        self.scale.prepare(self.data, self.net)

    def outer_step(self, batch: TabularBatch) -> None:
        """One step down the squared error over the observed cells."""
        shown = self.data.hide(batch.m, self.hide, self.noise)
        errors = (self.reconstruct(batch.x, shown) - batch.x).square()
        self.update("net", mean_over(errors, batch.m))

    def reconstruct(self, x: Tensor, m: Tensor) -> Tensor:
        """Return every cell as the network sees it from those with m = 1. (R, B, d), (R, B, d) -> (R, B, d)."""
        return self.net(torch.cat([m * self.scale(x), m], 2))  # type: ignore[no-any-return]

    def impute(self, x: Tensor, m: Tensor) -> Tensor:
        """Fill the cells with m = 0. (R, B, d), (R, B, d) -> (R, B, d)."""
        return torch.lerp(self.reconstruct(x, m), x, m)
