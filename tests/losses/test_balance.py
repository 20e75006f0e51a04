"""Losses for rare classes, by hand."""

import itertools

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ganx.losses.balance import (
    ETA,
    HARDEST,
    MARGIN,
    class_rectification,
    classification_loss,
    cross_entropy,
    imbalance,
    rare_classes,
)

CLASSES = torch.tensor([0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, -1, -1])


def make_batch(n_replicas: int = 2) -> tuple[Tensor, Tensor]:
    """Return logits and labels of 7, 5 and 2 rows of three classes, and two rows without a label."""
    torch.manual_seed(0)
    y = F.one_hot(CLASSES.clamp_min(0), 3).float() * (CLASSES >= 0).unsqueeze(1)
    return torch.randn(n_replicas, len(CLASSES), 3), y.expand(n_replicas, -1, -1)


def test_cross_entropy_is_torchs() -> None:
    logits, y = make_batch()
    theirs = F.cross_entropy(logits.flatten(0, 1), CLASSES.repeat(2), reduction="none", ignore_index=-1)
    torch.testing.assert_close(cross_entropy(logits, y).flatten(), theirs)


@pytest.mark.parametrize("balance", ["none", "cs"])
def test_class_weights_are_torchs(balance: str) -> None:
    logits, y = make_batch(1)
    weight = 1 / y[0].sum(0) if balance == "cs" else None
    theirs = F.cross_entropy(logits[0], CLASSES, weight=weight, ignore_index=-1)
    torch.testing.assert_close(classification_loss(logits, y, balance)[0], theirs)


def test_cost_sensitive_loss_is_the_mean_over_classes() -> None:
    logits, y = make_batch(1)
    by_class = [cross_entropy(logits, y)[0, c == CLASSES].mean() for c in range(3)]
    torch.testing.assert_close(classification_loss(logits, y, "cs")[0], torch.stack(by_class).mean())


def test_imbalance_is_the_share_of_rows_that_lack() -> None:
    counts = torch.tensor([[7.0, 5.0, 2.0], [4.0, 4.0, 4.0], [6.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    torch.testing.assert_close(imbalance(counts)[:3], torch.tensor([7 / 21, 0.0, 2 / 3]))
    assert bool(imbalance(counts).isfinite().all())


@pytest.mark.parametrize(
    ("counts", "rare"),
    [([7, 5, 2], [0, 1, 1]), ([9, 3], [0, 1]), ([6, 5, 4], [0, 0, 1]), ([20, 1, 3], [0, 0, 1]), ([0, 0, 0], [0, 0, 0])],
)
def test_rare_classes_hold_at_most_half_of_the_rows(counts: list[int], rare: list[int]) -> None:
    assert rare_classes(torch.tensor([counts], dtype=torch.float32)).tolist() == [rare]


def test_class_rectification_by_hand() -> None:
    logits, y = make_batch(1)
    p = logits[0].softmax(1)
    hinges = []
    for c in (1, 2):  # 7 of 14 rows
        own, other = p[c == CLASSES, c], p[(c != CLASSES) & (CLASSES >= 0), c]
        hard_positives, hard_negatives = own.sort().values[:HARDEST], other.sort(descending=True).values[:HARDEST]
        for a, plus, minus in itertools.product(own, hard_positives, hard_negatives):
            hinges.append((MARGIN + (a - plus).abs() - (a - minus)).clamp_min(0))
    torch.testing.assert_close(class_rectification(logits, y)[0], torch.stack(hinges).mean())


def test_class_rectification_takes_its_share() -> None:
    logits, y = make_batch()
    alpha = ETA * imbalance(y.sum(1))
    expected = alpha * class_rectification(logits, y) + (1 - alpha) * classification_loss(logits, y, "none")
    torch.testing.assert_close(classification_loss(logits, y, "crl"), expected)


@pytest.mark.parametrize("balance", ["none", "cs", "crl"])
@pytest.mark.parametrize("n_rows", [0, 1, 2, 16])
def test_few_or_no_labels_give_finite_gradients(balance: str, n_rows: int) -> None:
    logits, y = make_batch()
    y = y * (torch.arange(len(CLASSES)) >= len(CLASSES) - n_rows).float().unsqueeze(1)
    logits = (50 * logits).requires_grad_()
    loss = classification_loss(logits, y, balance)
    (gradient,) = torch.autograd.grad(loss.sum(), logits)
    assert bool(loss.isfinite().all())
    assert bool(gradient.isfinite().all())
