"""Element-wise adversarial losses: a critic gives one score per cell of a table (HexaGAN, section 2 of its slides).

A cell counts as real where it was observed and as fake where a generator filled it in. The two published
readings of the expectation are both here:

- `sum`: the slides' sum over cells j of E[weight_j * score_j], the expectation running over rows;
- `mean`: the authors' code, a mean over the cells with that weight, then a mean over j.
"""

from __future__ import annotations

from torch import Tensor


def cell_weights(cells: Tensor, reduction: str) -> Tensor:
    """Return the weights of cells in an expectation, (R, B, J); `cells` is 1 for a cell that counts, else 0."""
    n_rows, n_cells = cells.shape[1:]
    if reduction == "sum":
        return cells / n_rows
    return cells / (cells.sum(1, keepdim=True).clamp_min(1e-8) * n_cells)


def expected_score(scores: Tensor, cells: Tensor, reduction: str) -> Tensor:
    """Return the expected score over the cells that count. (R, B, J), (R, B, J) -> (R,)."""
    return (scores * cell_weights(cells, reduction)).sum((1, 2))
