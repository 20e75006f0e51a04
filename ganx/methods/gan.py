"""The original GAN, with the losses and penalties that have been put in its place since.

Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio: "Generative Adversarial Nets", NIPS 2014
(arXiv 1406.2661). Algorithm 1 is `GAN.outer_step`, k is `n_critic`. G is judged by the rows that D saw
last; the paper draws new ones.
"""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor

from ganx.engine.batch import ExampleBatch
from ganx.engine.generative import GenerativeModule
from ganx.engine.setting import Setting
from ganx.types import Repeats, Units


class GAN(GenerativeModule):
    """G [z, c] -> a row, D row -> one output.

    Args:
        setting: what the engine tells.
        n_critic: steps of D for each step of G, each with a minibatch of its own.
        categories: K, categories of equal probability beside z; nothing rewards G for heeding them (0: the paper).
        design: see `GenerativeModule`.
    """

    def __init__(self, setting: Setting, *, n_critic: Repeats, categories: Literal[0] | Units, **design: Any) -> None:
        super().__init__(setting, categories, **design)
        self.minibatches = n_critic
        self.g = self.build_generator(self.n_z + categories)
        self.d = self.build_discriminator(1)

    def outer_step(self, batch: ExampleBatch) -> None:
        """Algorithm 1, one pass through its loop."""
        for x, _ in self.each_minibatch(batch):
            x_g, _ = self.sample(x.shape[1])
            self.update_d(self.loss_d(x, x_g.detach()))
        self.update_g(self.f.g(self.judge(x_g), *self.beside(self.judge, x)))

    def loss_d(self, x: Tensor, x_g: Tensor) -> Tensor:
        """f_d(D(x), D(G(z))) and the gradient penalty."""
        with self.watching(x, x_g):
            real, fake = self.judge(x), self.judge(x_g)
        return self.f.d(real, fake) + self.penalty(self.judge, x, x_g, real, fake)

    def judge(self, x: Tensor) -> Tensor:
        """D(x). (R, B, *shape) -> (R, B)."""
        outputs: Tensor = self.d(x)
        return outputs.squeeze(2)
