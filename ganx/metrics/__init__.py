"""One function per published metric: numpy arrays in, a float out, NaN when there is nothing to score."""

from ganx.metrics.classification import accuracy, f1, positive_class, pr_auc, roc_auc
from ganx.metrics.clustering import ari, error_rate, majority, nmi, one_to_one
from ganx.metrics.generation import (
    categories_in_use,
    entropy,
    frechet_distance,
    high_quality,
    kernel_distance,
    modes_covered,
    precision_recall,
    reverse_kl,
)
from ganx.metrics.imputation import error_rate_categorical, rmse, rmse_row

__all__ = [
    "accuracy",
    "ari",
    "categories_in_use",
    "entropy",
    "error_rate",
    "error_rate_categorical",
    "f1",
    "frechet_distance",
    "high_quality",
    "kernel_distance",
    "majority",
    "modes_covered",
    "nmi",
    "one_to_one",
    "positive_class",
    "pr_auc",
    "precision_recall",
    "reverse_kl",
    "rmse",
    "rmse_row",
    "roc_auc",
]
