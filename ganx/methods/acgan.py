"""ACGAN: the discriminator names the class as well.

Odena, Olah, Shlens: "Conditional Image Synthesis with Auxiliary Classifier GANs", ICML 2017 (arXiv 1610.09585).
L_S and L_C are those of section 3: D maximises L_S + L_C, G maximises L_C - L_S.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ganx.engine.batch import SampleBatch
from ganx.engine.generative import GenerativeModule
from ganx.engine.setting import Setting
from ganx.losses.balance import cross_entropy
from ganx.types import NonNegativeFloat, PositiveInt


class ACGAN(GenerativeModule):
    """G [z, y] -> a row of that class, D row -> one output of the source and, by the same layers, K of the class.

    Args:
        setting: what the engine tells.
        n_critic: steps of D for each step of G, each with a minibatch of its own.
        lambda_cls: weight of L_C beside L_S (1: the paper).
        classify_fakes: whether D learns the class of generated rows, too (the paper; later code leaves it out, since
            rows of a class that cannot be told yet teach D nothing).
        design: see `GenerativeModule`.
    """

    uses_labels = True

    def __init__(
        self,
        setting: Setting,
        *,
        n_critic: PositiveInt,
        lambda_cls: NonNegativeFloat,
        classify_fakes: bool,
        **design: Any,
    ) -> None:
        super().__init__(setting, setting.n_classes, **design)
        self.minibatches, self.lambda_cls, self.classify_fakes = n_critic, lambda_cls, classify_fakes
        self.g = self.build_generator(self.n_z + self.n_categories)
        self.d = self.build_discriminator(1 + self.n_categories)

    def outer_step(self, batch: SampleBatch) -> None:
        """One step of D on L_S + L_C, one of G on L_C - L_S. Rows are generated for the labels of the minibatch."""
        for x, y in self.each_minibatch(batch):
            x_g = self.generate(self.latent(x.shape[1]), y)
            self.update_d(self.loss_d(x, x_g.detach(), y))
        self.update_g(self.loss_g(x_g, y))
        self.learn_shares(batch.y)

    def loss_d(self, x: Tensor, x_g: Tensor, y: Tensor) -> Tensor:
        """-(L_S + L_C)."""
        with self.watching(x, x_g):
            source, label = self.judge(x)
            source_g, label_g = self.judge(x_g)
        loss_c = cross_entropy(label, y).mean(1)
        if self.classify_fakes:
            loss_c = loss_c + cross_entropy(label_g, y).mean(1)
        penalty = self.penalty(lambda rows: self.judge(rows)[0], x, x_g, source, source_g)
        return self.f.d(source, source_g) + self.lambda_cls * loss_c + penalty

    def loss_g(self, x_g: Tensor, y: Tensor) -> Tensor:
        """-(L_C - L_S), of generated rows."""
        source, label = self.judge(x_g)
        return self.f.g(source) + self.lambda_cls * cross_entropy(label, y).mean(1)

    def judge(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """D(x): source (R, B) and logits of the class (R, B, K)."""
        outputs = self.d(x)
        return outputs[..., 0], outputs[..., 1:]

    # --- what a trained ACGAN can do ---------------------------------------------------------------------------

    def cluster(self, x: Tensor) -> Tensor:
        """Return class probabilities. (R, B, *shape) -> (R, B, K)."""
        return self.judge(x)[1].softmax(2)
