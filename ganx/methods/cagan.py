"""CAGAN: one GAN for each class, all sharing their hidden layers.

Cho, Yoon: "Conditional Activation GAN: Improved Auxiliary Classifier GAN", IEEE Access 8, 2020. The losses are those of
CGAN (`ganx.methods.cgan`); what differs is D. It has an output for each class, and a row is judged by the output of its
class alone, D(x) . c, so that no class can lean on what another has learned of its label.
"""

from __future__ import annotations

from torch import Tensor, nn

from ganx.methods.cgan import CGAN


class CAGAN(CGAN):
    """G [z, c] -> a row of that class, D row -> K outputs. Arguments are those of `CGAN`."""

    def build_judge(self) -> nn.Module:
        """Return D: row -> K outputs."""
        return self.build_discriminator(self.n_categories)

    def judge(self, x: Tensor, y: Tensor) -> Tensor:
        """D(x) . c, for the class c = y. (R, B, *shape), (R, B, K) -> (R, B)."""
        outputs: Tensor = self.d(x)
        return (outputs * y).sum(2)
