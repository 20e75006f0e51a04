"""How far imputed cells are from the truth. Only cells marked as hidden are ever looked at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]


def rmse(truth: Floats, imputed: Floats, hidden: Mask) -> float:
    """Return the root mean squared error over all hidden cells (as in GAIN, Yoon et al., ICML 2018).

    Args:
        truth, imputed: (N, D), in units of the full-data range of each column.
        hidden: (N, D) cells to score.
    """
    if not hidden.any():
        return float("nan")
    error = truth[hidden].astype(np.float64) - imputed[hidden]
    return float(np.sqrt(np.mean(error**2)))


def rmse_row(truth: Floats, imputed: Floats, hidden: Mask) -> float:
    """Return the mean over rows of each row's root mean squared error (HexaGAN, Hwang et al., ICML 2019).

    A row without hidden cells counts as 0, as in the authors' code. Arguments as in `rmse`.
    """
    if not hidden.any():
        return float("nan")
    squared = np.zeros(hidden.shape)
    squared[hidden] = (truth[hidden].astype(np.float64) - imputed[hidden]) ** 2
    return float(np.sqrt(squared.sum(axis=1) / np.maximum(hidden.sum(axis=1), 1)).mean())


def error_rate_categorical(truth: Floats, imputed: Floats, hidden: Mask) -> float:
    """Return the share of hidden cells with a wrong category.

    Args:
        truth, imputed: (N, D) category codes.
        hidden: (N, D) cells to score.
    """
    if not hidden.any():
        return float("nan")
    return float(np.mean(truth[hidden] != imputed[hidden]))
