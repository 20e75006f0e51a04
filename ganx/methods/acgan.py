"""ACGAN: the discriminator names the class as well.

Odena, Olah, Shlens: "Conditional Image Synthesis with Auxiliary Classifier GANs", ICML 2017 (arXiv 1610.09585).
L_S and L_C are those of section 3: D maximises L_S + L_C, G maximises L_C - L_S. The steps are those of CGAN
(`ganx.methods.cgan`).
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ganx.engine.setting import Setting
from ganx.losses.balance import cross_entropy
from ganx.methods.cgan import CGAN
from ganx.types import NonNegativeFloat


class ACGAN(CGAN):
    """G [z, y] -> a row of that class, D row -> one output of the source and, by the same layers, K of the class.

    Args:
        setting: what the engine tells.
        lambda_cls: weight of L_C beside L_S (1: the paper).
        classify_fakes: whether D learns the class of generated rows, too (the paper; later code leaves it out, since
            rows of a class that cannot be told yet teach D nothing).
        options: see `CGAN`.
    """

    def __init__(self, setting: Setting, *, lambda_cls: NonNegativeFloat, classify_fakes: bool, **options: Any) -> None:
        super().__init__(setting, **options)
        self.lambda_cls, self.classify_fakes = lambda_cls, classify_fakes

    def build_judge(self) -> nn.Module:
        """Return D: row -> source and class."""
        return self.build_discriminator(1 + self.n_categories)

    def loss_d(self, x: Tensor, x_g: Tensor, y: Tensor) -> Tensor:
        """-(L_S + L_C) and the gradient penalty."""
        with self.watching(x, x_g):
            (real, label), (fake, label_g) = self.outputs(x), self.outputs(x_g)
        loss_c = cross_entropy(label, y).mean(1)
        if self.classify_fakes:
            loss_c = loss_c + cross_entropy(label_g, y).mean(1)
        penalty = self.penalty(lambda rows: self.judge(rows, y), x, x_g, real, fake)
        return self.f.d(real, fake) + self.lambda_cls * loss_c + penalty

    def loss_g(self, x_g: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """-(L_C - L_S), of generated rows."""
        source, label = self.outputs(x_g)
        beside = self.beside(lambda rows: self.judge(rows, y), x)
        return self.f.g(source, *beside) + self.lambda_cls * cross_entropy(label, y).mean(1)

    def judge(self, x: Tensor, y: Tensor) -> Tensor:
        """The source alone, whatever the class. (R, B, *shape), (R, B, K) -> (R, B)."""
        return self.outputs(x)[0]

    def outputs(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """D(x): source (R, B) and logits of the class (R, B, K)."""
        outputs = self.d(x)
        return outputs[..., 0], outputs[..., 1:]

    # --- what a trained ACGAN can do ---------------------------------------------------------------------------

    def classify(self, x: Tensor) -> Tensor:
        """Return class probabilities. (R, B, *shape) -> (R, B, K)."""
        return self.outputs(x)[1].softmax(2)
