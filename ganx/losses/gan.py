"""The adversarial losses f_d and f_g of GANs that judge whole rows, on raw outputs of the discriminator.

nonsaturating  Goodfellow et al., NIPS 2014: cross-entropy; the generator climbs log D
saturating     the same; the generator descends log(1 - D), the minimax game of the paper
lsgan          Mao et al., ICCV 2017: squares, with targets 0, 1 and 1
hinge          Lim and Ye, 2017; Miyato et al., ICLR 2018
wgan           Arjovsky et al., ICML 2017: the difference of means, for critics that are kept smooth
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor
from torch.nn import functional as F

from ganx.errors import UserError
from ganx.targets import locate


class AdversarialLoss(NamedTuple):
    """Outputs (R, B) -> loss (R,): f_d of real and generated rows, f_g of generated ones.

    With `relativistic`, f_g compares generated rows with real ones, the outputs of which are its second argument.
    """

    d: Callable[[Tensor, Tensor], Tensor]
    g: Callable[..., Tensor]
    relativistic: bool = False


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
    """Return the loss that the group `loss` of a configuration names, one of `LOSSES`.

    A method that lists another name has losses of its own, and does without `d` and `g`: they refuse to be called.

    Raises:
        UserError: its penalty makes no sense with it.
    """
    name, penalty = loss["name"], loss["penalty"]
    if name not in LOSSES:
        return _unknown(name)
    if name == "wgan" and penalty is None:
        raise UserError("loss=wgan needs a critic that is kept smooth: choose loss.penalty=wgan_gp, or r1, or clipping")
    if name != "wgan" and penalty in ("wgan_gp", "clipping"):
        raise UserError(
            f"loss.penalty={penalty} keeps a Wasserstein critic smooth and has no meaning for loss={name}; "
            "choose loss.penalty=r1, r2, zero_centered or null, or loss=wgan"
        )
    return LOSSES[name]


def own_loss(loss: dict[str, Any], extra_targets: frozenset[str] = frozenset()) -> AdversarialLoss | None:
    """Return the loss whose class the group `loss` names with `_target_`; None where it names none.

    The class defines `d(real, fake)` and `g(fake)`, or `g(fake, real)`; outputs are (R, B), losses (R,). The keys of
    the group beside `name` and `penalty` are keyword-only parameters of its constructor.

    Raises:
        UserError: it may not be named, does not exist, or lacks one of both methods.
    """
    if "_target_" not in loss:
        return None
    cls: Any = locate(loss["_target_"], extra_targets)
    for method in ("d", "g"):
        if not callable(getattr(cls, method, None)):
            raise UserError(f"loss._target_={loss['_target_']}: it defines no `{method}`, as a loss does")
    made = cls(**{key: value for key, value in loss.items() if key not in ("_target_", "name", "penalty")})
    return AdversarialLoss(made.d, made.g, relativistic=len(inspect.signature(made.g).parameters) > 1)


def _unknown(name: str) -> AdversarialLoss:
    def refuse(*outputs: Tensor) -> Tensor:
        known = ", ".join(LOSSES)
        raise UserError(f"loss={name}: it says no `_target_: file.Class`, and is none of ganx's ({known})")

    return AdversarialLoss(refuse, refuse)
