"""The adversarial losses f_d and f_g of GANs that judge whole rows, on raw outputs of the discriminator.

nonsaturating  Goodfellow et al., NIPS 2014: cross-entropy; the generator climbs log D
saturating     the same; the generator descends log(1 - D), the minimax game of the paper
lsgan          Mao et al., ICCV 2017: squares, with targets 0, 1 and 1
hinge          Lim and Ye, 2017; Miyato et al., ICLR 2018
wgan           Arjovsky et al., ICML 2017: the difference of means, for critics that are kept smooth
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor
from torch.nn import functional as F

from ganx.errors import UserError


class AdversarialLoss(NamedTuple):
    """Outputs (R, B) -> loss (R,): f_d of real and generated rows, f_g of generated ones."""

    d: Callable[[Tensor, Tensor], Tensor]
    g: Callable[[Tensor], Tensor]


LOSSES = {
    "nonsaturating": AdversarialLoss(
        lambda real, fake: (F.softplus(-real) + F.softplus(fake)).mean(1), lambda fake: F.softplus(-fake).mean(1)
    ),
    "saturating": AdversarialLoss(
        lambda real, fake: (F.softplus(-real) + F.softplus(fake)).mean(1), lambda fake: -F.softplus(fake).mean(1)
    ),
    "lsgan": AdversarialLoss(
        lambda real, fake: 0.5 * ((real - 1).square() + fake.square()).mean(1),
        lambda fake: 0.5 * (fake - 1).square().mean(1),
    ),
    "hinge": AdversarialLoss(
        lambda real, fake: (F.relu(1 - real) + F.relu(1 + fake)).mean(1), lambda fake: -fake.mean(1)
    ),
    "wgan": AdversarialLoss(lambda real, fake: (fake - real).mean(1), lambda fake: -fake.mean(1)),
}


def adversarial_loss(loss: dict[str, Any]) -> AdversarialLoss:
    """Return the loss that the group `loss` of a configuration names.

    Raises:
        UserError: its penalty makes no sense with it.
    """
    name, penalty = loss["name"], loss["penalty"]
    if name == "wgan" and penalty is None:
        raise UserError("loss=wgan needs a critic that is kept smooth: choose loss.penalty=wgan_gp, or r1, or clipping")
    if name != "wgan" and penalty in ("wgan_gp", "clipping"):
        raise UserError(
            f"loss.penalty={penalty} keeps a Wasserstein critic smooth and has no meaning for loss={name}; "
            "choose loss.penalty=r1, r2, zero_centered or null, or loss=wgan"
        )
    return LOSSES[name]
