"""One function per published metric: numpy arrays in, a float out, NaN when there is nothing to score."""

from ganx.metrics.classification import accuracy, f1, positive_class, pr_auc, roc_auc
from ganx.metrics.imputation import error_rate_categorical, rmse, rmse_row

__all__ = ["accuracy", "error_rate_categorical", "f1", "positive_class", "pr_auc", "rmse", "rmse_row", "roc_auc"]
