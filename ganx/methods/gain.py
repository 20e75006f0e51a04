"""GAIN: a generator fills the missing cells of a row, a discriminator says of each cell whether it was observed.

Yoon, Jordon, van der Schaar: "GAIN: Missing Data Imputation using Generative Adversarial Nets", ICML 2018 (arXiv
1806.02920). Algorithm 1 is `GAIN.outer_step`. The authors' code (jsyoon0823/GAIN) departs from it in the hint; an
option says which is taken, and docs/gain.md lists the rest.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ganx.engine.batch import TabularBatch
from ganx.engine.module import Module
from ganx.engine.scale import Scale
from ganx.engine.setting import Setting
from ganx.losses.adversarial import binary_cross_entropy, mean_over
from ganx.nets.stacked import StackedMLP, width
from ganx.types import Fraction, NonNegativeFloat, Width

Player = Literal["g", "d"]


class GAIN(Module):
    """Two players over a table of d features.

    G   generator       [m x + (1 - m) z, m] -> x-bar, every cell
    D   discriminator   [x-hat, h] -> one logit per cell: was it observed?

    Args:
        setting: what the engine tells (replicas, d, optimiser).
        hidden: widths of the hidden layers of each network.
        activation: of the hidden layers.
        alpha: weight of L_M, the reconstruction loss, beside L_G.
        noise: z ~ U(0, noise) stands in for unknown cells.
        hint: what D learns of a cell's m that the hint h does not reveal, and where the losses look. `paper`: h = 0.5
            there, and L_D and L_G are taken at these cells alone; `authors`: h = 0 there, as if missing, and L_D and
            L_G are taken everywhere.
        hint_rate: share of cells that the hint reveals; null = all cells of a row but one, as in the paper.
        hide: share of the observed cells that count as missing for G and D in a step, and as observed for L_M (0: the
            paper). What G sees it can copy; what it does not see it has to infer.
        inputs, output_bias: how G reads features and where its outputs start (`ganx.engine.scale`).
    """

    losses = ("nonsaturating",)

    def __init__(
        self,
        setting: Setting,
        *,
        hidden: dict[Player, list[Width]],
        activation: Literal["relu", "leaky_relu", "tanh", "silu"],
        alpha: NonNegativeFloat,
        noise: NonNegativeFloat,
        hint: Literal["paper", "authors"],
        hint_rate: Fraction | None,
        hide: Fraction,
        inputs: Literal["range", "standard"],
        output_bias: Literal["zero", "mean"],
    ) -> None:
        super().__init__(setting)
        self.n_cells = d = setting.n_features
        self.alpha, self.noise_level, self.hide = alpha, noise, hide
        self.hint, self.hint_rate = hint, hint_rate
        self.scale = Scale(setting, inputs, output_bias)

        def net(name: Player, output=None) -> StackedMLP:  # type: ignore[no-untyped-def]
            mlp = StackedMLP(
                2 * d,
                [width(size, d) for size in hidden[name]],
                d,
                activation=activation,
                generators=self.weight_generators,
                output=output,
            )
            self.add_player(name, mlp)
            return mlp

        self.g = net("g", torch.sigmoid)
        self.d = net("d")

    def prepare(self) -> None:
        """Take scale and output bias from the observed training cells."""
        self.scale.prepare(self.data, self.g)

    # --- Algorithm 1 -------------------------------------------------------------------------------------------

    def outer_step(self, batch: TabularBatch) -> None:
        """Algorithm 1, one pass through its `while`; as in the authors' code, G and D see the same minibatch."""
        m = self.data.hide(batch.m, self.hide, self.noise)
        x_bar = self.x_bar_of(batch.x, m)
        x_hat = torch.lerp(x_bar, batch.x, m)
        b = self.revealed(m.shape[1])
        # (1) Discriminator optimization
        self.update("d", self.loss_d(batch, x_hat.detach(), m, b))
        # (2) Generator optimization
        self.update("g", self.loss_g(batch, x_hat, m, b) + self.alpha * self.loss_m(batch, x_bar))

    def loss_d(self, batch: TabularBatch, x_hat: Tensor, m: Tensor, b: Tensor) -> Tensor:
        """L_D = -[m log m-hat + (1 - m) log(1 - m-hat)] with m-hat = D(x-hat, h) (paper, eq. 6)."""
        return mean_over(binary_cross_entropy(self.judge(x_hat, m, b), m), self.judged(batch, b))

    def loss_g(self, batch: TabularBatch, x_hat: Tensor, m: Tensor, b: Tensor) -> Tensor:
        """L_G = -(1 - m) log m-hat (paper, eq. 7), over as many cells as L_D."""
        errors = (1 - m) * binary_cross_entropy(self.judge(x_hat, m, b), 1.0)
        return mean_over(errors, self.judged(batch, b))

    def loss_m(self, batch: TabularBatch, x_bar: Tensor) -> Tensor:
        """L_M = (x - x-bar)^2 over the observed cells (paper, eq. 8). No hidden truth enters."""
        return mean_over((batch.x - x_bar).square(), batch.m)

    # --- the hint ----------------------------------------------------------------------------------------------

    def revealed(self, n_rows: int) -> Tensor:
        """Return b (R, B, d), 1 where the hint reveals m."""
        if self.hint_rate is not None:
            return (self.noise.uniform(n_rows, self.n_cells) < self.hint_rate).float()
        kept_back = (self.noise.uniform(n_rows, 1) * self.n_cells).long()
        return (torch.arange(self.n_cells, device=kept_back.device) != kept_back).float()

    def judge(self, x_hat: Tensor, m: Tensor, b: Tensor) -> Tensor:
        """D(x-hat, h) with the hint h = b m + (1 - b) / 2 (paper), or b m (authors' code). Logits (R, B, d)."""
        h = b * m + 0.5 * (1 - b) if self.hint == "paper" else b * m
        return self.d(torch.cat([x_hat, h], 2))  # type: ignore[no-any-return]

    def judged(self, batch: TabularBatch, b: Tensor) -> Tensor:
        """Return the cells over which L_D and L_G are taken; never those of a column without any observed value."""
        cells = batch.m + batch.missing
        return cells * (1 - b) if self.hint == "paper" else cells

    # --- the generator -----------------------------------------------------------------------------------------

    def x_bar_of(self, x: Tensor, m: Tensor) -> Tensor:
        """x-bar = G(x-tilde, m), where noise z stands in for the cells with m = 0. (R, B, d) -> (R, B, d)."""
        z = self.noise_level * self.noise.uniform(*x.shape[1:])
        return self.g(torch.cat([torch.lerp(z, self.scale(x), m), m], 2))  # type: ignore[no-any-return]

    def impute(self, x: Tensor, m: Tensor) -> Tensor:
        """Fill the cells with m = 0. (R, B, d), (R, B, d) -> (R, B, d)."""
        return torch.lerp(self.x_bar_of(x, m), x, m)
