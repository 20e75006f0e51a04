"""The adversarial loss of the original GAN, on logits (Goodfellow et al., NIPS 2014).

With a target of 1 for generated cells it is the generator's loss, -log D: the fixed point of log(1 - D), and a
gradient while D is sure (`nonsaturating`).
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def binary_cross_entropy(logits: Tensor, target: Tensor | float) -> Tensor:
    """Return -[t log D + (1 - t) log(1 - D)] of each score, with D = sigmoid(logits) and t = `target`, 1 = real."""
    # -log sigmoid(a) = softplus(-a) = softplus(a) - a, and 1 - sigmoid(a) = sigmoid(-a)
    return F.softplus(logits) - target * logits


def mean_over(errors: Tensor, cells: Tensor) -> Tensor:
    """Return the mean of `errors` over the cells with 1, 0 without any. (R, B, J), (R, B, J) -> (R,)."""
    return (errors * cells).sum((1, 2)) / cells.sum((1, 2)).clamp_min(1)
