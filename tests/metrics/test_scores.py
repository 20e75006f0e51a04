"""The registry of metrics and its functions, on answers and truths small enough to score by hand."""

from __future__ import annotations

import importlib
import inspect
import math
import subprocess
import sys

import numpy as np
import pytest

from ganx.data.sets.plane import Ring8
from ganx.errors import UserError
from ganx.metrics import scores
from ganx.metrics.registry import METRICS, SELECTING, by_telling, metric_of
from ganx.metrics.truths import (
    ClusterLabels,
    Clusters,
    EmbeddedLabels,
    Embeddings,
    Features,
    HiddenCells,
    Labels,
    Samples,
)

RNG = np.random.default_rng(0)
CLOUD = RNG.normal(size=(60, 4))
PROBABILITY = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
RING = Ring8.mixture


def named(function: str):
    module, _, name = function.rpartition(".")
    return getattr(importlib.import_module(module), name)


def test_every_metric_has_a_function_of_an_answer_and_a_truth_and_a_name_and_rank_of_its_own() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    ranks = [metric.rank for metric in METRICS if metric.rank is not None]
    assert sorted(ranks) == list(range(1, len(ranks) + 1))
    for metric in METRICS:
        assert len(inspect.signature(named(metric.function)).parameters) == 2


def test_the_registry_needs_neither_numpy_nor_scikit_learn() -> None:
    code = "import sys, ganx.metrics.registry; assert {'numpy', 'sklearn', 'scipy', 'torch'}.isdisjoint(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_metric_is_found_by_its_name_and_a_member_of_a_family_by_its_number() -> None:
    assert metric_of("prior_12").name == "prior_N"
    assert metric_of("fid").decimals == 2
    with pytest.raises(UserError, match=r"^table.metric=rsme: no such metric; did you mean 'rmse'\?$"):
        metric_of("rsme", "table.metric")
    for name in ("prior_0", "prior_N", "prior_", "prior_1x", ""):
        with pytest.raises(UserError, match="no such metric"):
            metric_of(name)


def test_best_states_are_selected_and_runs_told_by_the_most_telling_metrics() -> None:
    assert [metric.name for metric in SELECTING] == ["rmse_row", "f1"]
    assert by_telling(["rmse", "f1", "pr_auc", "rmse_row"]) == ["rmse_row", "rmse", "f1"]
    assert by_telling(["pr_auc", "unheard"]) == ["pr_auc", "unheard"]


def test_imputed_cells() -> None:
    truth = HiddenCells(
        features=np.zeros((2, 2)),
        cells=np.array([[True, False], [True, False]]),
        codes=np.array([[0.0], [1.0]]),
        imputed_codes=lambda imputed: imputed[:, 1:].round(),
        hidden_codes=np.array([[True], [True]]),
    )
    imputed = np.array([[0.3, 1.0], [0.4, 1.0]])
    assert scores.rmse(imputed, truth) == pytest.approx(math.sqrt(0.125))
    assert scores.rmse_row(imputed, truth) == pytest.approx(0.35)
    assert scores.error_rate_categorical(imputed, truth) == 0.5
    nothing = truth._replace(cells=~np.ones((2, 2), bool), hidden_codes=np.zeros((2, 1), bool))
    assert all(map(math.isnan, (f(imputed, nothing) for f in (scores.rmse, scores.rmse_row))))
    assert math.isnan(scores.error_rate_categorical(imputed, nothing))


def test_classes_of_the_rows_that_count() -> None:
    truth = Labels(np.array([0, 1, 1, -1]), np.array([True, True, True, False]), positive=1)
    assert scores.accuracy(PROBABILITY, truth) == scores.target_accuracy(PROBABILITY, truth) == pytest.approx(2 / 3)
    assert scores.f1(PROBABILITY, truth) == pytest.approx(2 / 3)
    assert scores.roc_auc(PROBABILITY, truth) == scores.pr_auc(PROBABILITY, truth) == 1.0
    none = truth._replace(scored=np.zeros(4, bool))
    assert all(math.isnan(f(PROBABILITY, none)) for f in (scores.accuracy, scores.f1, scores.roc_auc, scores.pr_auc))


def test_samples_of_a_mixture() -> None:
    samples = Samples(RING.centres[:4], np.arange(4))
    assert scores.modes(samples, RING) == 4
    assert scores.high_quality(samples, RING) == 1.0
    assert scores.reverse_kl(samples, RING) == pytest.approx(math.log(2))


def test_samples_in_features_that_are_asked_for_once() -> None:
    asked = []

    def of(x):
        asked.append(len(x))
        return x

    truth, samples = Features(CLOUD, of), Samples(CLOUD + 1e-9, np.zeros(60, int))
    assert scores.fid(samples, truth) == pytest.approx(0, abs=1e-6)
    assert scores.kid(samples, truth) < 0.05
    assert scores.precision(samples, truth) == scores.recall(samples, truth) == 1.0
    assert asked == [60]
    assert scores.precision(Samples(CLOUD + 99, samples.c), truth) == 0.0
    assert asked == [60, 60]
    assert scores.label_accuracy(Samples(CLOUD[:4], np.array([0, 1, 1, 1])), lambda x: PROBABILITY) == 0.75


def test_a_prior() -> None:
    p = np.array([0.2, 0.001, 0.799])
    assert scores.categories(p) == 2
    assert scores.prior(p) == {"prior_1": 0.799, "prior_2": 0.2, "prior_3": 0.001}
    assert list(scores.prior(p)) == ["prior_1", "prior_2", "prior_3"]
    assert scores.prior_entropy(np.full(4, 0.25)) == pytest.approx(math.log(4))


def test_clusters_are_named_on_training_rows() -> None:
    truth = ClusterLabels(np.array([0, 0, 1, 1, -1]), np.array([0, 1, -1]), n_classes=2, n_clusters=2)
    clusters = Clusters(np.array([1, 1, 0, 0, 0]), np.array([1, 0, 1]))
    assert scores.clustering_error(clusters, truth) == scores.clustering_error_majority(clusters, truth) == 0
    assert scores.nmi(clusters, truth) == scores.ari(clusters, truth) == 1
    assert math.isnan(scores.clustering_error(clusters, truth._replace(n_clusters=3)))
    unknown = truth._replace(y_train=np.full(5, -1))
    for f in (scores.clustering_error, scores.clustering_error_majority, scores.nmi, scores.ari):
        assert math.isnan(f(clusters, unknown))


def test_estimates_and_outliers() -> None:
    estimate = {"location": np.array([3.0, 4.0]), "scatter": np.diag([1.0, 3.0])}
    assert scores.location_error(estimate, np.zeros(2)) == 5
    assert scores.scatter_error(estimate, np.eye(2)) == 2
    assert math.isnan(scores.location_error({}, np.zeros(2)))
    assert math.isnan(scores.scatter_error({}, np.eye(2)))
    outliers = np.array([False, False, True, True])
    assert scores.outlier_auc(np.array([0.1, 0.3, 0.2, 9.0]), outliers) == 0.75
    assert math.isnan(scores.outlier_auc(np.arange(4.0), np.zeros(4, bool)))


def test_likelihoods_and_reconstructions() -> None:
    assert scores.nll(np.array([-1.0, -3.0])) == 2
    assert math.isnan(scores.nll(np.empty(0)))
    images = np.zeros((2, 1, 2, 2), np.float32)
    assert scores.reconstruction_rmse(images + 0.5, images) == 0.5
    assert math.isnan(scores.reconstruction_rmse(images[:0], images[:0]))


def test_neighbours_vote_in_an_embedding() -> None:
    near = np.concatenate([np.zeros((4, 2)), np.full((5, 2), 9.0)])
    truth = EmbeddedLabels(np.array([0, 0, 0, -1, 1, 1, 1, 1, 1]), np.array([0, 1, -1]))
    asked = Embeddings(near, np.array([[0.1, 0.0], [9.0, 9.1], [0.0, 0.0]]))
    assert scores.knn_accuracy(asked, truth) == 1.0
    assert scores.knn_accuracy(asked, truth._replace(y_test=np.array([1, 1, -1]))) == 0.5
    assert math.isnan(scores.knn_accuracy(asked, truth._replace(y_train=np.full(9, -1))))
    few = Embeddings(near[:1], near[:1])
    assert scores.knn_accuracy(few, EmbeddedLabels(np.array([0]), np.array([0]))) == 1.0
