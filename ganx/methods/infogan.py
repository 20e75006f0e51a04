"""InfoGAN: codes beside the noise, and a net that reads them back from the generated row.

Chen, Duan, Houthooft, Schulman, Sutskever, Abbeel: "InfoGAN: Interpretable Representation Learning by Information
Maximizing Generative Adversarial Nets", NIPS 2016 (arXiv 1606.03657). Equation 5 is `loss_g`, L_I(G, Q) of equation 4,
without the constant H(c), is `information`.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from ganx.engine.batch import ExampleBatch
from ganx.engine.generative import GenerativeModule
from ganx.engine.setting import Setting
from ganx.errors import UserError
from ganx.losses.balance import cross_entropy
from ganx.types import NonNegativeFloat, PositiveFloat, Units


class InfoGAN(GenerativeModule):
    """G [z, continuous codes, c] -> a row; D row -> one output and, by the same layers, Q of categories and codes.

    Args:
        setting: what the engine tells.
        categories: K.
        probabilities: P(C), K numbers that add up to 1; null: 1/K each.
        codes: how many continuous codes ~ U(-1, 1).
        lambda_cls: weight of the categories' part of L_I, in D's loss and in G's (1: the paper).
        lambda_codes: weight of the continuous codes' part.
        design: see `GenerativeModule`.

    Raises:
        UserError: `probabilities` are no distribution over K categories.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        categories: Units,
        probabilities: list[PositiveFloat] | None,
        codes: Literal[0] | Units,
        lambda_cls: NonNegativeFloat,
        lambda_codes: NonNegativeFloat,
        **design: Any,
    ) -> None:
        super().__init__(setting, categories, **design)
        if probabilities is not None:
            if len(probabilities) != categories or abs(sum(probabilities) - 1) > 1e-3:
                raise UserError(
                    f"model.probabilities: {len(probabilities)} numbers that add up to {sum(probabilities):g}; "
                    f"give {categories} (model.categories) that add up to 1"
                )
            self.p_c[:] = torch.tensor(probabilities)
        self.n_codes, self.lambda_cls, self.lambda_codes = codes, lambda_cls, lambda_codes
        self.g = self.build_generator(self.n_z + codes + categories)
        self.d = self.build_discriminator(1 + categories + codes)

    def outer_step(self, batch: ExampleBatch) -> None:
        """One step of D and Q, one of G."""
        z, c = self.latent(batch.x.shape[1]), self.draw_categories(batch.x.shape[1])
        x_g = self.generate(z, c)
        self.update_d(self.loss_d(batch.x, x_g.detach(), z, c))
        self.update_g(self.loss_g(x_g, batch.x, z, c))

    def loss_d(self, x: Tensor, x_g: Tensor, z: Tensor, c: Tensor) -> Tensor:
        """-V(D, G) - lambda L_I(G, Q), for D and Q, and the gradient penalty."""
        with self.watching(x, x_g):
            real, (fake, category, means) = self.judge(x)[0], self.judge(x_g)
        penalty = self.penalty(lambda rows: self.judge(rows)[0], x, x_g, real, fake)
        return self.f.d(real, fake) + self.information(category, means, z, c) + penalty

    def loss_g(self, x_g: Tensor, x: Tensor, z: Tensor, c: Tensor) -> Tensor:
        """V(D, G) - lambda L_I(G, Q), for G."""
        fake, category, means = self.judge(x_g)
        beside = self.beside(lambda rows: self.judge(rows)[0], x)
        return self.f.g(fake, *beside) + self.information(category, means, z, c)

    def information(self, category: Tensor, means: Tensor, z: Tensor, c: Tensor) -> Tensor:
        """-lambda E log Q(c | G(z, c)): cross-entropy of categories, a Gaussian of unit variance for codes."""
        of_codes = 0.5 * (means - z[..., self.n_z :]).square().sum(2)
        return (self.lambda_cls * cross_entropy(category, c) + self.lambda_codes * of_codes).mean(1)

    def judge(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """D(x) (R, B), logits of Q(c | x) (R, B, K) and means of the continuous codes (R, B, codes)."""
        source, category, means = self.d(x).split([1, self.n_categories, self.n_codes], 2)
        return source.squeeze(2), category, means

    # --- what a trained InfoGAN can do -------------------------------------------------------------------------

    def latent(self, n: int) -> Tensor:
        """Draw z and the continuous codes behind it, (R, n, n_z + codes)."""
        return torch.cat([super().latent(n), self.noise.uniform(n, self.n_codes) * 2 - 1], 2)

    def cluster(self, x: Tensor) -> Tensor:
        """Return Q(c | x). (R, B, *shape) -> (R, B, K)."""
        return self.judge(x)[1].softmax(2)
