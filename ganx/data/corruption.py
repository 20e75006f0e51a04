"""What a protocol takes away: cells (MCAR, MAR, MNAR, a table's own patterns), labels, and rows of the smaller classes.

MAR and MNAR follow B. Muzellec, J. Josse, C. Boyer, M. Cuturi, "Missing data imputation using optimal transport",
ICML 2020, section 4 (logistic masking models).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit

from ganx.errors import UserError, nearest

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]

MOST_ROUNDS = 300  # of patterns over patterns


def mcar(x: Floats, rate: float, rng: np.random.Generator) -> Mask:
    """Hide cells completely at random.

    Args:
        x: (N, D) cells.
        rate: share of the cells to hide, in [0, 1).
        rng: source of randomness.

    Returns:
        (N, D) True where a cell is hidden.
    """
    if rate == 0:  # drawing a number for every cell of a whole image set would take a second
        return np.zeros(x.shape, dtype=np.bool_)
    return rng.random(x.shape, dtype=np.float32) < rate


def mar(x: Floats, rate: float, rng: np.random.Generator) -> Mask:
    """Hide cells depending on columns that are never hidden.

    A random share min(0.3, (1 - rate) / 2) of the columns, at least one, stays observed. In every other column the
    log-odds of hiding a cell are a random linear combination of these, and an intercept that brings the share of hidden
    cells over the *whole* table to `rate`. Arguments and result as in `mcar`.

    Raises:
        UserError: the columns that can be hidden are too few for `rate`.
    """
    n_columns = x.shape[1]
    order = rng.permutation(n_columns)
    n_observed = max(1, int(min(0.3, (1 - rate) / 2) * n_columns))
    observed, others = order[:n_observed], order[n_observed:]
    hidden = np.zeros(x.shape, dtype=np.bool_)
    if rate == 0:
        return hidden
    rate_of_others = rate * n_columns / others.size if others.size else 1.0
    if rate_of_others >= 1:
        raise UserError(
            f"protocol.mechanism=mar keeps {n_observed} of {n_columns} columns observed, so missing_rate must be below "
            f"{others.size / n_columns:.3g} (not {rate:g})"
        )
    causes = _standardised(x[:, observed])
    for j in others:
        log_odds = _unit_scale(causes @ rng.normal(size=n_observed))
        hidden[:, j] = _bernoulli(log_odds, rate_of_others, rng)
    return hidden


def mnar(x: Floats, rate: float, rng: np.random.Generator) -> Mask:
    """Hide cells depending on the very value that is hidden.

    The log-odds of hiding a cell are its standardised value, with a random sign for each column, and an intercept that
    brings the share of hidden cells in the column to `rate`. Arguments and result as in `mcar`.
    """
    hidden = np.zeros(x.shape, dtype=np.bool_)
    if rate == 0:
        return hidden
    signs = rng.choice([-1.0, 1.0], size=x.shape[1])
    for j, sign in enumerate(signs):
        hidden[:, j] = _bernoulli(sign * _standardised(x[:, j]), rate, rng)
    return hidden


def own(x: Floats, rate: float, rng: np.random.Generator) -> Mask:
    """Hide cells as the table's own missing cells lie: each row gets the pattern of another row that has any.

    `rate` is the share of the known cells that are hidden; see `hide_by_patterns`. Arguments and result as in `mcar`.

    Raises:
        UserError: no cell is missing, or columns with missing cells are too few for `rate`.
    """
    missing = np.isnan(x)
    if rate == 0:
        return np.zeros_like(missing)
    patterns = missing[missing.any(axis=1)]
    if not len(patterns):
        raise UserError(
            "protocol.mechanism=own hides cells as the table's own missing cells lie, and none is missing; "
            "choose mcar, mar or mnar"
        )
    hidden = hide_by_patterns(~missing, patterns, rate, rng)
    reached, wanted = hidden.sum(), int(rate * (~missing).sum())
    if reached + patterns.shape[1] <= wanted:
        raise UserError(
            f"protocol.mechanism=own: the table's own patterns can hide {reached / (~missing).sum():.2g} of the known "
            f"cells, so protocol.missing_rate must be below that (not {rate:g})"
        )
    return hidden


def hide_by_patterns(known: Mask, patterns: Mask, rate: float, rng: np.random.Generator) -> Mask:
    """Hide known cells by patterns that are drawn at random, a whole one for each row, over and over if need be.

    In the last round only so many rows, drawn at random, get another pattern that the share of hidden cells comes to
    `rate`, but for a pattern.

    Args:
        known: (N, D) cells that can be hidden.
        patterns: (p, D) True where a cell is missing.
        rate: share of the known cells to hide, in [0, 1); fewer where patterns cannot reach it in a few hundred rounds.
        rng: source of randomness.

    Returns:
        (N, D) True where a cell is hidden.
    """
    hidden = np.zeros_like(known)
    left = int(rate * known.sum())
    for _ in range(MOST_ROUNDS):
        new = patterns[rng.integers(len(patterns), size=len(known))] & known & ~hidden
        order = rng.permutation(len(known))
        rows = order[new[order].sum(1).cumsum() <= left]
        hidden[rows] |= new[rows]
        left -= int(new[rows].sum())
        if len(rows) < len(known):
            break
    return hidden


MECHANISMS: dict[str, Callable[[Floats, float, np.random.Generator], Mask]] = {
    "mcar": mcar,
    "mar": mar,
    "mnar": mnar,
    "own": own,
}


def hide_cells(x: Floats, mechanism: str, rate: float, rng: np.random.Generator) -> Mask:
    """Return the cells (N, D) that `mechanism` (mcar, mar, mnar or own) hides; see the function of that name."""
    if mechanism not in MECHANISMS:
        raise UserError(f"protocol.mechanism={mechanism} is unknown{nearest(mechanism, MECHANISMS)}")
    return MECHANISMS[mechanism](x, rate, rng)


def _standardised(x: Floats) -> NDArray[np.float64]:
    """Return columns with mean 0 and standard deviation 1; missing cells are at the mean, constant columns are 0."""
    known = ~np.isnan(x)
    count = np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, x - np.where(known, x, 0).sum(axis=0, dtype=np.float64) / count, 0.0)
    return _unit_scale(centred)


def _unit_scale(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    deviation = centred.std(axis=0)
    return np.asarray(centred / np.where(deviation > 0, deviation, 1.0))


def _bernoulli(log_odds: NDArray[np.float64], rate: float, rng: np.random.Generator) -> Mask:
    """Draw (N,) events with these log-odds, shifted so that the mean probability is `rate`."""
    centre, reach = logit(rate), 1 + float(np.abs(log_odds).max(initial=0))
    intercept = brentq(lambda shift: expit(log_odds + shift).mean() - rate, centre - reach, centre + reach)
    return np.asarray(rng.random(log_odds.shape) < expit(log_odds + intercept))


def show_labels(y: NDArray[np.int64], rate: float, rng: np.random.Generator) -> Mask:
    """Choose which labels a run may look at.

    Args:
        y: (N,) class indices, -1 = unknown.
        rate: share of the known labels that is shown; at least one is, unless the rate is 0.
        rng: source of randomness.

    Returns:
        (N,) True where the label is shown.
    """
    known = np.flatnonzero(y >= 0)
    count = round(rate * known.size)
    if rate > 0 and known.size:
        count = max(1, count)
    shown = np.zeros(y.shape, dtype=np.bool_)
    shown[rng.permutation(known)[:count]] = True
    return shown


def keep_imbalanced(y: NDArray[np.int64], ratio: float, rng: np.random.Generator) -> Mask:
    """Choose rows so that the largest class has `ratio` times the rows of the smallest.

    Rows are dropped, never repeated. Class sizes fall exponentially with the rank of the class by its size (Cui et al.,
    "Class-balanced loss based on effective number of samples", CVPR 2019); with two classes that is the plain ratio.

    Args:
        y: (N,) class indices, -1 = unknown; rows of unknown class are kept.
        ratio: largest class over smallest, at least 1.
        rng: source of randomness.

    Returns:
        (N,) True where the row is kept.

    Raises:
        UserError: the ratio is below 1, there are fewer than two classes, or the smallest class would have no row.
    """
    classes, sizes = np.unique(y[y >= 0], return_counts=True)
    if classes.size < 2:
        raise UserError("protocol.imbalance_ratio needs a target with at least two classes; set it to null")
    if ratio < 1:
        raise UserError(f"protocol.imbalance_ratio={ratio:g} must be at least 1 (largest class over smallest)")
    by_size = np.argsort(-sizes, kind="stable")
    profile = ratio ** -(np.arange(classes.size) / (classes.size - 1))
    largest = int((sizes[by_size] / profile).min() + 1e-9)
    if largest < ratio:
        raise UserError(
            f"protocol.imbalance_ratio={ratio:g} would leave the class of {sizes.min()} rows empty; "
            f"the largest class has {sizes.max()} rows"
        )
    kept = y < 0
    for label, size in zip(classes[by_size], np.rint(largest * profile).astype(int), strict=True):
        kept[rng.permutation(np.flatnonzero(y == label))[:size]] = True
    return kept
