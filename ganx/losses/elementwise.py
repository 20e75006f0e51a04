"""Element-wise adversarial losses: a critic gives one score per cell of a table (HexaGAN, section 2 of its slides).

A cell counts as real where it was observed and as fake where a generator filled it in. The two published
readings of the expectation are both here:

- `sum`: the slides' sum over cells j of E[weight_j * score_j], the expectation running over rows; of a label it runs
  over the labelled or over the unlabelled rows alone;
- `mean`: the authors' code, a mean over the cells with that weight, then a mean over j.
"""

from __future__ import annotations

import torch
from torch import Tensor


def cell_weights(cells: Tensor, reduction: str, n_own: int = 0) -> Tensor:
    """Return the weights of cells in an expectation, (R, B, J).

    Args:
        cells: (R, B, J), 1 for a cell that counts, else 0.
        n_own: how many of the J columns, the last ones, have expectations over their own cells, not over all rows,
            under `sum`: the slides' labels, and their gradient penalty, E over p_D(x_j).
    """
    n_rows, n_cells = cells.shape[1:]
    of_own = cells / cells.sum(1, keepdim=True).clamp_min(1e-8)
    if reduction == "mean":
        return of_own / n_cells
    of_rows = cells / n_rows
    return torch.cat([of_rows[..., : n_cells - n_own], of_own[..., n_cells - n_own :]], 2)


def expected_score(scores: Tensor, cells: Tensor, reduction: str, n_own: int = 0) -> Tensor:
    """Return the expected score over the cells that count. (R, B, J), (R, B, J) -> (R,)."""
    return (scores * cell_weights(cells, reduction, n_own)).sum((1, 2))
