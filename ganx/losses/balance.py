"""Cross-entropy over the labelled rows of a minibatch, and two ways to give rare classes their due.

- `cs`, cost-sensitive: every row weighs the inverse of its class's frequency, so that each class counts the same.
- `crl`, class rectification: hard positives and hard negatives of rare classes are pushed apart by a margin.
  Dong, Gong, Zhu: "Class Rectification Hard Mining for Imbalanced Deep Learning", ICCV 2017 (arXiv 1712.03162), and
  "Imbalanced Deep Learning by Minority Class Incremental Rectification", TPAMI 2018 (arXiv 1804.10851); equation
  numbers are those of the latter, as a secondary source gives them.

Frequencies are those of the minibatch: what the batch lacks has no weight in it.
"""

from __future__ import annotations

import torch
from torch import Tensor

HARDEST = 3  # hard positives and hard negatives mined for each rare class (kappa)
MARGIN = 0.5  # between probabilities, which are at most 1 apart
RARE = 0.5  # rare classes hold at most this share of the rows together (rho, eq. 3)
ETA = 0.1  # eq. 8; the authors cross-validate it, and with 1 rare classes that overlap with others are given up


def classification_loss(logits: Tensor, y: Tensor, balance: str) -> Tensor:
    """Return the loss of a classifier over labelled rows. (R, B, K), (R, B, K) -> (R,).

    Args:
        y: one-hot; a row of zeros where the label is unknown.
        balance: `none`, `cs` or `crl`.
    """
    counts = y.sum(1)
    cost = 1 / counts.clamp_min(1) if balance == "cs" else torch.ones_like(counts)
    weight = (y * cost.unsqueeze(1)).sum(2)
    loss: Tensor = (cross_entropy(logits, y) * weight).sum(1) / weight.sum(1).clamp_min(1e-8)
    if balance == "crl":
        alpha = ETA * imbalance(counts)
        loss = alpha * class_rectification(logits, y) + (1 - alpha) * loss  # eq. 8
    return loss


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """Return the cross-entropy of each row; 0 where y is a row of zeros. (R, B, K), (R, B, K) -> (R, B)."""
    return -(logits.log_softmax(2) * y).sum(2)


def imbalance(counts: Tensor) -> Tensor:
    """Return Omega_imb: the share of rows that lack for all classes to be as large as the largest. (R, K) -> (R,)."""
    return 1 - counts.mean(1) / counts.amax(1).clamp_min(1)


def class_rectification(logits: Tensor, y: Tensor) -> Tensor:
    """Return L_crl, the triplet loss on class probabilities (eqs. 4, 5, 9, 10). (R, B, K), (R, B, K) -> (R,).

    For a rare class c, every row of c is an anchor a; hard positives + are the rows of c with the lowest p_c, hard
    negatives - the other labelled rows with the highest. The mean is over triplets of
    max(0, margin + |p_a - p_+| - (p_a - p_-)).
    """
    p = logits.softmax(2)
    anchor = y * rare_classes(y.sum(1)).unsqueeze(1)
    positive, is_positive = _hardest(p, y, largest=False)
    negative, is_negative = _hardest(p, y.sum(2, keepdim=True) - y, largest=True)
    # (R, anchors, positives, negatives, K)
    a, b, c = p[:, :, None, None], positive[:, None, :, None], negative[:, None, None]
    hinge = (MARGIN + (a - b).abs() - (a - c)).clamp_min(0)
    weight = anchor[:, :, None, None] * is_positive[:, None, :, None] * is_negative[:, None, None]
    return (hinge * weight).sum((1, 2, 3, 4)) / weight.sum((1, 2, 3, 4)).clamp_min(1)


def rare_classes(counts: Tensor) -> Tensor:
    """Return 1 for the smallest classes that hold at most half of the rows together, else 0 (eq. 3). (R, K) -> (R, K).

    A class with a single row has nothing to compare it with and is left out.
    """
    sizes, order = counts.sort(dim=1, stable=True)
    few = (sizes.cumsum(1) <= RARE * counts.sum(1, keepdim=True)) & (sizes >= 2)
    return torch.zeros_like(counts).scatter(1, order, few.to(counts.dtype))


def _hardest(p: Tensor, eligible: Tensor, *, largest: bool) -> tuple[Tensor, Tensor]:
    """Return p of the hardest eligible rows of each class, and 0 where there were too few. Each is (R, HARDEST, K)."""
    worst = float("-inf") if largest else float("inf")
    index = p.detach().masked_fill(eligible == 0, worst).topk(min(HARDEST, p.shape[1]), 1, largest=largest).indices
    return p.gather(1, index), eligible.gather(1, index)
