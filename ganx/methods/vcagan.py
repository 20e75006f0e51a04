"""VCAGAN: categories without labels. The classifier's own guess stands for the label of a real row.

Cho: "Training self-supervised class-conditional GAN with virtual labels". Algorithm 1 is `VCAGAN.outer_step`, and
`d_star` its D*, the discriminator integrated with the classifier.
"""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor
from torch.nn import functional as F

from ganx.engine.batch import SampleBatch
from ganx.engine.generative import GenerativeModule
from ganx.engine.setting import Setting
from ganx.losses.balance import cross_entropy
from ganx.losses.penalties import squared_gradient
from ganx.types import NonNegativeFloat, PositiveInt, Share


class VCAGAN(GenerativeModule):
    """G [z, c] -> a row, D* row -> d_c outputs a and d_c logits c' by the same layers. P(C) is learned.

    Args:
        setting: what the engine tells.
        categories: d_c.
        lambda_cls: weight of L_cls.
        lambda_creg: weight of L_creg: the larger, the fewer categories remain.
        slope: whether Q(x) in L_creg (equation 6) is the `probability` or the `logit`; the paper does not say.
        prior_decay: of the moving average that P(C) is.
        design: see `GenerativeModule`.
    """

    penalties = ("r1", None)
    learns_prior = True

    def __init__(
        self,
        setting: Setting,
        *,
        categories: PositiveInt,
        lambda_cls: NonNegativeFloat,
        lambda_creg: NonNegativeFloat,
        slope: Literal["probability", "logit"],
        prior_decay: Share,
        **design: Any,
    ) -> None:
        super().__init__(setting, categories, **design)
        self.lambda_cls, self.lambda_creg = lambda_cls, lambda_creg
        self.slope, self.prior_decay = slope, prior_decay
        self.g = self.build_generator(self.n_z + categories)
        self.d = self.build_discriminator(2 * categories)

    def outer_step(self, batch: SampleBatch) -> None:
        """Algorithm 1, line by line."""
        z, c_f = self.latent(batch.x.shape[1]), self.draw_categories(batch.x.shape[1])  # 2, 3
        x_g = self.generate(z, c_f)  # 4
        a_f, q_f = self.d_star(x_g.detach())  # 5
        x = batch.x.requires_grad_()
        a_r, q_r = self.d_star(x)  # 6
        c_r = F.one_hot(q_r.argmax(2), self.n_categories).to(q_r.dtype)  # 7
        l_cls = cross_entropy(q_f, c_f).mean(1)  # 8
        l_creg = squared_gradient((self.q(q_r) * c_r).sum(2), x).mean(1)  # 9
        real, fake = (a_r * c_r).sum(2), (a_f * c_f).sum(2)
        l_d = self.f.d(real, fake) + self.lambda_cls * l_cls + self.lambda_creg * l_creg  # 10
        if self.setting.loss["penalty"] == "r1":
            l_d = l_d + self.penalty_weight * squared_gradient(real, x).mean(1)
        self.update_d(l_d)
        self.update_g(self.f.g((self.d_star(x_g)[0] * c_f).sum(2)))  # 11
        self.p_c.lerp_(q_r.detach().softmax(2).mean(1), 1 - self.prior_decay)  # 12

    def d_star(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """D*(x): adversarial values a and logits c', (R, B, d_c) each."""
        a, q = self.d(x).chunk(2, 2)
        return a, q

    def q(self, logits: Tensor) -> Tensor:
        """Q(x) of equation 6."""
        return logits.softmax(2) if self.slope == "probability" else logits

    # --- what a trained VCAGAN can do --------------------------------------------------------------------------

    def cluster(self, x: Tensor) -> Tensor:
        """Return the probabilities of the categories. (R, B, *shape) -> (R, B, d_c)."""
        return self.d_star(x)[1].softmax(2)
