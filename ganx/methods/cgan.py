"""Conditional GAN: generator and discriminator are told the class.

Mirza, Osindero: "Conditional Generative Adversarial Nets", 2014 (arXiv 1411.1784). Equation 2 is `loss_d` and `loss_g`.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ganx.engine.batch import ExampleBatch
from ganx.engine.generative import GenerativeModule
from ganx.engine.setting import Setting
from ganx.types import Repeats


class CGAN(GenerativeModule):
    """G [z, y] -> a row of that class, D (row, y) -> one output: is this a row with its true class?

    Args:
        setting: what the engine tells.
        n_critic: steps of D for each step of G, each with a minibatch of its own.
        design: see `GenerativeModule`.
    """

    conditional = True

    def __init__(self, setting: Setting, *, n_critic: Repeats, **design: Any) -> None:
        super().__init__(setting, setting.n_classes, **design)
        self.minibatches = n_critic
        self.g = self.build_generator(self.n_z + self.n_categories)
        self.d = self.build_judge()

    def build_judge(self) -> nn.Module:
        """Return D: (row, label) -> one output."""
        return self.build_discriminator(1, n_labels=self.n_categories)

    def outer_step(self, batch: ExampleBatch) -> None:
        """Equation 2, alternating. Rows are generated for the labels of the minibatch."""
        for x, y in self.each_minibatch(batch):
            x_g = self.generate(self.latent(x.shape[1]), y)
            self.update_d(self.loss_d(x, x_g.detach(), y))
        self.update_g(self.loss_g(x_g, x, y))
        self.learn_shares(batch.y)

    def loss_d(self, x: Tensor, x_g: Tensor, y: Tensor) -> Tensor:
        """f_d(D(x | y), D(G(z | y) | y)) and the gradient penalty."""
        with self.watching(x, x_g):
            real, fake = self.judge(x, y), self.judge(x_g, y)
        return self.f.d(real, fake) + self.penalty(lambda rows: self.judge(rows, y), x, x_g, real, fake)

    def loss_g(self, x_g: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """f_g(D(G(z | y) | y))."""
        return self.f.g(self.judge(x_g, y), *self.beside(lambda rows: self.judge(rows, y), x))

    def judge(self, x: Tensor, y: Tensor) -> Tensor:
        """D(x | y). (R, B, *shape), (R, B, K) -> (R, B)."""
        outputs: Tensor = self.d(x, y)
        return outputs.squeeze(2)
