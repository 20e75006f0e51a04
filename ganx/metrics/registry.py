"""All metrics, by name: what each needs of a method and of the data, and how it is told. Standard library only.

A metric is the meeting of a capability (what a method answers) and a truth (what the data know): it is computed for
every run that has both. To add one, write its function in `ganx.metrics.scores` and its line here; tables, status,
searches and reports read this list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from ganx.errors import UserError, nearest

#: Which way of a metric is the better one; `none`: neither.
Better = Literal["lower", "higher", "none"]


@dataclass(frozen=True)
class Metric:
    """A metric of result.json, or a family of them.

    Attributes:
        name: in result.json; of a family with `N` in place of a number from 1 on.
        needs: the capability whose answer is scored.
        truth: what it is scored against (see `ganx.metrics.truths`); `none`: the answer alone.
        function: dotted name of `f(answer, truth) -> float`; of a family, `-> {name: float}`.
        better: which way is better.
        decimals: that a table prints.
        rank: its place among those worth a line, the most telling first; None: only where there is no other.
        selects: whether a training may keep its best state by it.
        beside: another metric of the same answer, without which it would be misread: both are shown together.
    """

    name: str
    needs: str
    truth: str
    function: str
    better: Better
    decimals: int = 4
    rank: int | None = None
    selects: bool = False
    beside: str | None = None

    @property
    def pattern(self) -> str:
        """A regular expression for its name, or for those of its members."""
        return self.name.replace("_N", "_[1-9][0-9]*")


def _metric(
    name: str,
    needs: str,
    truth: str,
    better: Better,
    *,
    decimals: int = 4,
    rank: int | None = None,
    selects: bool = False,
    beside: str | None = None,
) -> Metric:
    function = f"ganx.metrics.scores.{name.removesuffix('_N')}"
    return Metric(name, needs, truth, function, better, decimals, rank, selects, beside)


#: In the order in which a result lists them.
METRICS = (
    _metric("rmse", "impute", "hidden_cells", "lower", rank=3),
    # A few rows with large errors hardly move the mean over rows.
    _metric("rmse_row", "impute", "hidden_cells", "lower", rank=2, selects=True, beside="rmse"),
    _metric("error_rate_categorical", "impute", "hidden_cells", "lower"),
    _metric("f1", "classify", "labels", "higher", rank=4, selects=True),
    _metric("accuracy", "classify", "labels", "higher", rank=5),
    _metric("roc_auc", "classify", "labels", "higher", rank=6),
    _metric("pr_auc", "classify", "labels", "higher"),
    _metric("target_accuracy", "classify", "target_labels", "higher", rank=1),
    _metric("modes", "sample", "mixture", "higher", decimals=1),
    _metric("high_quality", "sample", "mixture", "higher", rank=13),
    _metric("reverse_kl", "sample", "mixture", "lower"),
    _metric("fid", "sample", "image_features", "lower", decimals=2, rank=14),
    _metric("kid", "sample", "image_features", "lower"),
    _metric("label_accuracy", "sample", "image_labels", "higher", rank=7),
    _metric("precision", "sample", "features", "higher", rank=15),
    _metric("recall", "sample", "features", "higher"),
    _metric("categories", "prior", "none", "none", decimals=1),
    _metric("prior_entropy", "prior", "none", "none"),
    _metric("prior_N", "prior", "none", "none"),  # the share of the largest category, of the second, ...
    _metric("clustering_error_majority", "cluster", "cluster_labels", "lower", rank=9),
    _metric("nmi", "cluster", "cluster_labels", "higher"),
    _metric("ari", "cluster", "cluster_labels", "higher"),
    _metric("clustering_error", "cluster", "cluster_labels", "lower", rank=8),
    _metric("location_error", "estimate", "location", "lower", rank=10),
    _metric("scatter_error", "estimate", "scatter", "lower"),
    _metric("outlier_auc", "anomaly", "outliers", "higher", rank=11),
    _metric("nll", "log_likelihood", "none", "lower", decimals=2, rank=12),
    _metric("reconstruction_rmse", "reconstruct", "rows", "lower", rank=16),
    _metric("knn_accuracy", "embed", "embeddings", "higher", rank=17),
)

#: Those that a best state is selected by, the most telling first.
SELECTING = tuple(sorted((metric for metric in METRICS if metric.selects), key=lambda metric: metric.rank or 0))

#: Truths that are features, or labels, by the network which `ganx.engine.feature_network` trains on images.
BY_FEATURE_NETWORK = frozenset({"features", "image_features", "image_labels"})


@lru_cache
def find(name: str) -> Metric | None:
    """Return the metric, or the family, that a name belongs to; None for an unknown name."""
    return next((metric for metric in METRICS if re.fullmatch(metric.pattern, name)), None)


def metric_of(name: str, where: str = "metric") -> Metric:
    """Return the metric, or the family, that a name belongs to.

    Args:
        where: the key that holds the name, for the message.

    Raises:
        UserError: there is none.
    """
    found = find(name)
    if found is None:
        names = [metric.name.replace("_N", "_1") for metric in METRICS]
        raise UserError(f"{where}={name}: no such metric{nearest(name, names)}")
    return found


def by_telling(names: Iterable[str]) -> list[str]:
    """Return those of the names that are worth a line, the most telling first; all as they come, if none is."""
    names = list(names)
    ranks = {name: metric.rank for name in names if (metric := find(name)) is not None and metric.rank is not None}
    return sorted(ranks, key=ranks.__getitem__) or names
