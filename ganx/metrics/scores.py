"""One function for each line of `ganx.metrics.registry`: `f(answer, truth) -> float`; NaN = nothing to score.

Answers and truths are those of one replica (`ganx.metrics.truths`); the formulas are in the modules beside this one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsClassifier

from ganx.data.table import Mixture
from ganx.metrics import classification, clustering, generation, imputation
from ganx.metrics.truths import (
    ClusterLabels,
    Clusters,
    EmbeddedLabels,
    Embeddings,
    Estimate,
    Features,
    HiddenCells,
    ImageLabels,
    Labels,
    Samples,
)

Floats = NDArray[np.floating]

_NEIGHBOURS = 5
_NAN = float("nan")

# --- impute, hidden_cells ------------------------------------------------------------------------------------------


def rmse(imputed: Floats, truth: HiddenCells) -> float:
    """Return the root mean squared error over hidden numeric cells; `imputed` (n, d)."""
    return imputation.rmse(truth.features, imputed, truth.cells)


def rmse_row(imputed: Floats, truth: HiddenCells) -> float:
    """Return the mean over rows of each row's root mean squared error; `imputed` (n, d)."""
    return imputation.rmse_row(truth.features, imputed, truth.cells)


def error_rate_categorical(imputed: Floats, truth: HiddenCells) -> float:
    """Return the share of hidden categorical cells with a wrong category; `imputed` (n, d)."""
    if not truth.hidden_codes.any():
        return _NAN
    return imputation.error_rate_categorical(truth.codes, truth.imputed_codes(imputed), truth.hidden_codes)


# --- classify, labels ----------------------------------------------------------------------------------------------


def f1(probability: Floats, truth: Labels) -> float:
    """Return the F1 of the positive class, or its mean over classes; `probability` (n, K)."""
    return classification.f1(truth.y[truth.scored], probability[truth.scored], truth.positive)


def accuracy(probability: Floats, truth: Labels) -> float:
    """Return the share of rows whose class is right; `probability` (n, K)."""
    return classification.accuracy(truth.y[truth.scored], probability[truth.scored])


def roc_auc(probability: Floats, truth: Labels) -> float:
    """Return the area under the ROC curve, see `classification.roc_auc`; `probability` (n, K)."""
    return classification.roc_auc(truth.y[truth.scored], probability[truth.scored], truth.positive)


def pr_auc(probability: Floats, truth: Labels) -> float:
    """Return the average precision, see `classification.pr_auc`; `probability` (n, K)."""
    return classification.pr_auc(truth.y[truth.scored], probability[truth.scored], truth.positive)


def target_accuracy(probability: Floats, truth: Labels) -> float:
    """Return the share of rows of the target domain whose class is right; `probability` (n, K)."""
    return accuracy(probability, truth)


# --- sample, mixture -----------------------------------------------------------------------------------------------


def modes(samples: Samples, truth: Mixture) -> float:
    """Return how many modes of a mixture have a sample of high quality."""
    return generation.modes_covered(samples.x, truth.centres, truth.sd)


def high_quality(samples: Samples, truth: Mixture) -> float:
    """Return the share of samples within three standard deviations of a mode."""
    return generation.high_quality(samples.x, truth.centres, truth.sd)


def reverse_kl(samples: Samples, truth: Mixture) -> float:
    """Return KL(samples || data), both as histograms over modes."""
    return generation.reverse_kl(samples.x, truth.centres, truth.sd, truth.weights)


# --- sample, features of images or cells -----------------------------------------------------------------------------


def fid(samples: Samples, truth: Features) -> float:
    """Return the squared Fréchet distance between samples and data."""
    return generation.frechet_distance(truth.real, truth.made(samples))


def kid(samples: Samples, truth: Features) -> float:
    """Return the squared kernel distance between samples and data."""
    return generation.kernel_distance(truth.real, truth.made(samples))


def precision(samples: Samples, truth: Features) -> float:
    """Return the share of samples that lie among the data."""
    return generation.precision(truth.real, truth.made(samples))


def recall(samples: Samples, truth: Features) -> float:
    """Return the share of the data that lie among the samples."""
    return generation.recall(truth.real, truth.made(samples))


def label_accuracy(samples: Samples, classify: ImageLabels) -> float:
    """Return the share of samples that a classifier gives the class they were made for."""
    return float((classify(samples.x).argmax(1) == samples.c).mean()) if len(samples.c) else _NAN


# --- prior -----------------------------------------------------------------------------------------------------------


def categories(prior: Floats, truth: object = None) -> float:
    """Return how many categories have a share of at least 1 %; `prior` (K,)."""
    return generation.categories_in_use(_descending(prior))


def prior_entropy(prior: Floats, truth: object = None) -> float:
    """Return the entropy of the categories in nats; `prior` (K,)."""
    return generation.entropy(_descending(prior))


def prior(prior: Floats, truth: object = None) -> dict[str, float]:
    """Return the share of each category, the largest first: prior_1, prior_2, ...; `prior` (K,)."""
    return {f"prior_{i}": float(share) for i, share in enumerate(_descending(prior), 1)}


def _descending(prior: Floats) -> Floats:
    return np.sort(prior)[::-1]


# --- cluster, cluster_labels -----------------------------------------------------------------------------------------


def clustering_error_majority(clusters: Clusters, truth: ClusterLabels) -> float:
    """Return the error of clusters that are named by the commonest class among their training rows."""
    return _named_error(clusters, truth, clustering.majority)


def clustering_error(clusters: Clusters, truth: ClusterLabels) -> float:
    """Return the error of clusters that are named one to one on training rows; NaN unless there is one per class."""
    return _named_error(clusters, truth, clustering.one_to_one) if truth.n_classes == truth.n_clusters else _NAN


def nmi(clusters: Clusters, truth: ClusterLabels) -> float:
    """Return the normalised mutual information of clusters and classes on test rows."""
    found = _clustered(clusters, truth)
    return _NAN if found is None else clustering.nmi(*found[2:])


def ari(clusters: Clusters, truth: ClusterLabels) -> float:
    """Return the adjusted Rand index of clusters and classes on test rows."""
    found = _clustered(clusters, truth)
    return _NAN if found is None else clustering.ari(*found[2:])


def _named_error(clusters: Clusters, truth: ClusterLabels, name: Callable[..., clustering.Labels]) -> float:
    """Return the error on test rows of clusters that `name` gives classes on training rows."""
    found = _clustered(clusters, truth)
    if found is None:
        return _NAN
    y_train, c_train, y_test, c_test = found
    return clustering.error_rate(y_test, c_test, name(y_train, c_train, truth.n_classes, truth.n_clusters))


def _clustered(clusters: Clusters, truth: ClusterLabels) -> tuple[clustering.Labels, ...] | None:
    """Return y and c of training, then of test rows whose class is known; None where there are none of either."""
    train, test = truth.y_train >= 0, truth.y_test >= 0
    if not train.any() or not test.any():
        return None
    return truth.y_train[train], clusters.train[train], truth.y_test[test], clusters.test[test]


# --- estimate, anomaly -----------------------------------------------------------------------------------------------


def location_error(estimate: Estimate, location: Floats) -> float:
    """Return the Euclidean distance of the estimated location from the true one (p,)."""
    return float(np.linalg.norm(estimate["location"] - location)) if "location" in estimate else _NAN


def scatter_error(estimate: Estimate, scatter: Floats) -> float:
    """Return the operator norm (largest singular value) of estimated minus true scatter (p, p)."""
    return float(np.linalg.norm(estimate["scatter"] - scatter, 2)) if "scatter" in estimate else _NAN


def outlier_auc(anomaly: Floats, outliers: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve of `anomaly` (n,) for rows that are outliers (n,)."""
    return classification.roc_auc(outliers.astype(np.int64), np.stack([-anomaly, anomaly], 1), 1)


# --- log_likelihood, reconstruct, embed ------------------------------------------------------------------------------


def nll(log_likelihood: Floats, truth: object = None) -> float:
    """Return the mean of minus the log-likelihood (n,) of a row, in nats."""
    return float(-np.mean(log_likelihood, dtype=np.float64)) if len(log_likelihood) else _NAN


def reconstruction_rmse(reconstruction: Floats, rows: Floats) -> float:
    """Return the root mean squared error over all values of all rows (n, ...)."""
    if not len(rows):
        return _NAN
    return float(np.sqrt(np.mean(np.square(reconstruction - np.asarray(rows, np.float64)))))


def knn_accuracy(embeddings: Embeddings, truth: EmbeddedLabels) -> float:
    """Return the share of test rows whose class most of the five nearest training rows have, by Euclidean distance."""
    train, test = truth.y_train >= 0, truth.y_test >= 0
    if not train.any() or not test.any():
        return _NAN
    voters = KNeighborsClassifier(min(_NEIGHBOURS, int(train.sum())))
    voters.fit(embeddings.train[train], truth.y_train[train])
    return float(voters.score(embeddings.test[test], truth.y_test[test]))
