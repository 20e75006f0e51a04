"""Whether one way to fill cells is better than another on the same cells: a paired test whose units are rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr  # Student's distribution; scipy.stats would take a second to import

Floats = NDArray[np.float64]

#: A difference counts when chance alone would give as large a one in less than this share of repetitions.
LEVEL = 0.05
LEAST_GAIN = 0.02  # as a share of the other error


def row_losses(losses: Floats, numeric: NDArray[np.bool_]) -> Floats:
    """Return what each row adds to the error of each column and of the whole table.

    Args:
        losses: (n, D) squared error of a numeric cell, 0 or 1 of a category; NaN where a cell is not scored.
        numeric: (D,) which columns are numeric.

    Returns:
        (n, D + 3): the losses, then those of `rmse`, `rmse_row` and `error_rate_categorical`; NaN where a row has no
        such cell.
    """
    scored = ~np.isnan(losses)
    of_numbers, of_categories = (np.where(scored & kind, losses, 0).sum(1) for kind in (numeric, ~numeric))
    n_numbers, n_categories = (scored[:, kind].sum(1) for kind in (numeric, ~numeric))
    whole = np.stack([of_numbers, np.sqrt(of_numbers / np.maximum(n_numbers, 1)), of_categories], axis=1)
    counts = np.stack([n_numbers, n_numbers, n_categories], axis=1)
    return np.concatenate([losses, np.where(counts > 0, whole, np.nan)], axis=1)


def moments(differences: Floats) -> Floats:
    """Return number, sum and sum of squares (3, k) of differences (n, k) that are not NaN."""
    known = ~np.isnan(differences)
    filled = np.where(known, differences, 0)
    return np.stack([known.sum(0), filled.sum(0), (filled**2).sum(0)])


def p_values(by_seed: Sequence[Floats]) -> Floats:
    """Return the two-sided p (k,) of the paired t-test that the mean difference is 0.

    Seeds hide other cells of the same rows, and are no further evidence: differences are averaged over seeds, while the
    variance of their mean is that of one seed. The test is about these trained models, not about training them anew.

    Args:
        by_seed: `moments` (3, k) of each seed, all its folds together.

    Returns:
        p; 1 where there are fewer than two rows, or no difference at all.
    """
    count, total, squares = np.stack(by_seed).transpose(1, 0, 2)
    enough = (count > 1).all(0)
    count = np.maximum(count, 2)
    means = total / count
    variance = np.maximum(squares - count * means**2, 0) / (count - 1) / count
    centre, error = means.mean(0), np.sqrt(variance.mean(0))
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * stdtr(count.mean(0) - 1, -np.abs(centre / error))
    p = np.where(error > 0, p, np.where(centre == 0, 1.0, 0.0))
    return np.asarray(np.where(enough, p, 1.0))


def beats(error: float, other: float, p: float) -> bool:
    """Whether an error is smaller than another by so much that it counts; where the other is 0, none can be."""
    return error == other == 0 or (error <= (1 - LEAST_GAIN) * other and bool(p < LEVEL))
