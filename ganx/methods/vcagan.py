"""VCAGAN: categories without labels. The classifier's own guess stands for the label of a real row.

Cho: "Training self-supervised class-conditional GAN with virtual labels". Algorithm 1 is `VCAGAN.outer_step`, and
`d_star` its D*, the discriminator integrated with the classifier.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from ganx.engine.batch import ExampleBatch
from ganx.engine.generative import GenerativeModule
from ganx.engine.latent import LearnedPrior
from ganx.engine.setting import Setting
from ganx.losses.balance import cross_entropy
from ganx.losses.penalties import squared_gradient
from ganx.types import NonNegativeFloat, NonNegativeInt, Share, Units


class VCAGAN(GenerativeModule, LearnedPrior):
    """G [z, c] -> a row, D* row -> d_c outputs a and d_c logits c' by the same layers. P(C) is learned.

    Args:
        setting: what the engine tells.
        categories: d_c.
        lambda_cls: weight of L_cls.
        lambda_creg: weight of L_creg: the larger, the fewer categories remain.
        slope: what Q(x) in L_creg (equation 6) is: the `probability`, its `log_probability`, or the `logit`; the paper
            does not say. With probabilities, the number of categories does not fall as lambda_creg grows; a logit can
            stay flat while the others move.
        warm_up: steps for which P(C) is held uniform and virtual labels are spread over all categories; without (the
            paper), the guesses of an untrained Q decide which categories there are. From the author's later code.
        prior_of: what P(C) is the average of: Q's `probabilities` (the paper), or virtual `labels`, with which
            categories that share a cluster die out sooner.
        prior_decay: of the moving average that P(C) is.
        design: see `GenerativeModule`.
    """

    penalties = ("r1", None)

    def __init__(
        self,
        setting: Setting,
        *,
        categories: Units,
        lambda_cls: NonNegativeFloat,
        lambda_creg: NonNegativeFloat,
        slope: Literal["probability", "log_probability", "logit"],
        warm_up: NonNegativeInt,
        prior_of: Literal["probabilities", "labels"],
        prior_decay: Share,
        **design: Any,
    ) -> None:
        super().__init__(setting, categories, **design)
        self.need_rows_judged_alone()  # L_creg
        self.lambda_cls, self.lambda_creg = lambda_cls, lambda_creg
        self.slope, self.warm_up, self.prior_of, self.prior_decay = slope, warm_up, prior_of, prior_decay
        self.g = self.build_generator(self.n_z + categories)
        self.d = self.build_discriminator(2 * categories)
        if warm_up:  # Q starts without an opinion, so that no category is favoured by chance
            with torch.no_grad():
                self.d.last.weight[..., categories:] = 0

    def outer_step(self, batch: ExampleBatch) -> None:
        """Algorithm 1, line by line. D* judges x' once, for L_d and L_g, before either player moves."""
        x, n = batch.x, batch.x.shape[1]
        z, c_f = self.latent(n), self.draw_categories(n)  # 2, 3
        x_g = self.generate(z, c_f)  # 4
        a_f, q_f = self.d_star(x_g)  # 5
        x.requires_grad_(bool(self.penalty_due))
        with self.full_precision():
            a_r, q_r = self.d_star(x)  # 6
        c_r = self.virtual_label(q_r)  # 7
        l_cls = cross_entropy(q_f, c_f).mean(1)  # 8
        real, fake = (a_r * c_r).sum(2), (a_f * c_f).sum(2)
        l_d = self.f.d(real, fake) + self.lambda_cls * l_cls + self.smoothness(x, real, q_r, c_r)  # 9, 10
        l_g = self.f.g(fake, *([real.detach()] if self.f.relativistic else []))  # 11
        if self.step >= self.warm_up:
            found = c_r if self.prior_of == "labels" else q_r.detach().softmax(2)
            self.p_c.lerp_(found.mean(1), 1 - self.prior_decay)  # 12
        self.update_both(l_d, l_g)  # after 13

    def smoothness(self, x: Tensor, real: Tensor, q_r: Tensor, c_r: Tensor) -> Tensor | float:
        """lambda_creg L_creg (equation 6) and, with `loss.penalty=r1`, R1, at real rows."""
        if not self.penalty_due:
            return 0.0
        q = {"probability": q_r.softmax(2), "log_probability": q_r.log_softmax(2), "logit": q_r}[self.slope]
        penalty = self.lambda_creg * squared_gradient((q * c_r).sum(2), x).mean(1)
        if self.setting.loss["penalty"] == "r1":
            penalty = penalty + self.penalty_weight * squared_gradient(real, x).mean(1)
        return self.penalty_due * penalty

    def virtual_label(self, q_r: Tensor) -> Tensor:
        """argmax onehot(Q(x)); during the warm-up the category that is above its mean over the minibatch the most."""
        q = q_r.detach().softmax(2)
        if self.step < self.warm_up:
            q = q - q.mean(1, keepdim=True)
        return F.one_hot(q.argmax(2), self.n_categories).to(q.dtype)

    def d_star(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """D*(x): adversarial values a and logits c', (R, B, d_c) each."""
        a, q = self.d(x).chunk(2, 2)
        return a, q

    # --- what a trained VCAGAN can do --------------------------------------------------------------------------

    def cluster(self, x: Tensor) -> Tensor:
        """Return the probabilities of the categories. (R, B, *shape) -> (R, B, d_c)."""
        return self.d_star(x)[1].softmax(2)
