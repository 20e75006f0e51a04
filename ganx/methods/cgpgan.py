"""CGPGAN, the later form of VCAGAN: a classifier of its own, smooth at generated rows, and a prior that waits.

Cho: "Self-supervised class-conditional GAN with classifier gradient penalty" (viXra 2307.0121), as its code has it
(jeongik-jo/CGPGAN). What differs from VCAGAN (`ganx.methods.vcagan`):

- D and Q are two networks of the same form, each with its optimiser;
- the classifier's penalty is || d/dx (1 - q_c(x))^2 ||^2 at generated rows; D's is there, too (`loss.penalty=r2`);
- P(C) is held uniform for `warm_up` steps. Meanwhile virtual labels are the largest of q(x) less its mean over the
  minibatch, so that every category gets its share of rows.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganx.engine.batch import ExampleBatch
from ganx.engine.generative import GenerativeModule
from ganx.engine.latent import LearnedPrior
from ganx.engine.setting import Setting
from ganx.losses.balance import cross_entropy
from ganx.losses.penalties import squared_gradient
from ganx.types import NonNegativeFloat, NonNegativeInt, Share, Units


class CGPGAN(GenerativeModule, LearnedPrior):
    """G [z, c] -> a row, D row -> d_c outputs, Q row -> d_c logits. P(C) is learned.

    Args:
        setting: what the engine tells.
        categories: d_c.
        lambda_creg: weight of the classifier's gradient penalty.
        warm_up: steps for which P(C) is held uniform.
        prior_decay: of the moving average that P(C) is afterwards.
        design: see `GenerativeModule`.
    """

    penalties = ("r1", "r2", None)

    def __init__(
        self,
        setting: Setting,
        *,
        categories: Units,
        lambda_creg: NonNegativeFloat,
        warm_up: NonNegativeInt,
        prior_decay: Share,
        **design: Any,
    ) -> None:
        super().__init__(setting, categories, **design)
        self.need_rows_judged_alone()  # the penalty of Q
        self.lambda_creg, self.warm_up, self.prior_decay = lambda_creg, warm_up, prior_decay
        self.g = self.build_generator(self.n_z + categories)
        self.d = self.build_discriminator(categories)
        self.classifier: nn.Module = self.build_discriminator(categories, name="q")

    def outer_step(self, batch: ExampleBatch) -> None:
        """One step of Q, D and G, and one of P(C)."""
        x, n = batch.x, batch.x.shape[1]
        with torch.no_grad():
            q_r = self.cluster(x)
            c_f = self.draw_categories(n)
            x_g = self.generate(self.latent(n), c_f)
        self.update("q", self.loss_q(x_g, c_f))
        c_r = self.virtual_label(q_r)
        self.update_d(self.loss_d(x, c_r, x_g, c_f))
        c_f = self.draw_categories(n)
        x_g = self.generate(self.latent(n), c_f)
        self.update_g(self.f.g(self.judge(x_g, c_f), *self.beside(lambda rows: self.judge(rows, c_r), x)))
        if self.step >= self.warm_up:
            self.p_c.lerp_(q_r.mean(1), 1 - self.prior_decay)

    def loss_q(self, x_g: Tensor, c_f: Tensor) -> Tensor:
        """CE(c_f, q(x_g)) + lambda_creg || d/dx (1 - q_c(x_g))^2 ||^2."""
        x_g.requires_grad_(bool(self.penalty_due))
        with self.full_precision():
            logits = self.classifier(x_g)
        loss = cross_entropy(logits, c_f).mean(1)
        if self.penalty_due:
            doubt = (1 - (logits.softmax(2) * c_f).sum(2)).square()
            loss = loss + self.penalty_due * self.lambda_creg * squared_gradient(doubt, x_g).mean(1)
        return loss

    def loss_d(self, x: Tensor, c_r: Tensor, x_g: Tensor, c_f: Tensor) -> Tensor:
        """f_d(D(x) . c_r, D(x_g) . c_f) and the gradient penalty."""
        with self.watching(x, x_g):
            real, fake = self.judge(x, c_r), self.judge(x_g, c_f)
        return self.f.d(real, fake) + self.penalty(lambda rows: self.judge(rows, c_f), x, x_g, real, fake)

    def virtual_label(self, q_r: Tensor) -> Tensor:
        """The likeliest category of each row, one-hot; during the warm-up relative to the minibatch."""
        if self.step < self.warm_up:
            q_r = q_r - q_r.mean(1, keepdim=True)
        return F.one_hot(q_r.argmax(2), self.n_categories).to(q_r.dtype)

    def judge(self, x: Tensor, c: Tensor) -> Tensor:
        """D(x) . c. (R, B, *shape), (R, B, d_c) -> (R, B)."""
        outputs: Tensor = self.d(x)
        return (outputs * c).sum(2)

    # --- what a trained CGPGAN can do --------------------------------------------------------------------------

    def cluster(self, x: Tensor) -> Tensor:
        """Return the probabilities of the categories. (R, B, *shape) -> (R, B, d_c)."""
        probabilities: Tensor = self.classifier(x).softmax(2)
        return probabilities
