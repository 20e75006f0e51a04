import torch
from torch.nn import functional as F

from ganx.losses.adversarial import binary_cross_entropy, mean_over


def test_binary_cross_entropy_is_torchs() -> None:
    logits, target = 20 * torch.randn(2, 5, 3), torch.rand(2, 5, 3)
    theirs = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    torch.testing.assert_close(binary_cross_entropy(logits, target), theirs)
    torch.testing.assert_close(binary_cross_entropy(logits, 1.0), -F.logsigmoid(logits), rtol=1e-4, atol=1e-5)


def test_mean_over_counts_the_chosen_cells_of_each_replica() -> None:
    errors = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]], [[1.0, 1.0], [1.0, 1.0]]])
    cells = torch.tensor([[[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    torch.testing.assert_close(mean_over(errors, cells), torch.tensor([2.0, 6.0, 0.0]))
