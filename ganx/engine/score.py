"""The join: every metric whose capability has answered and whose truth is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganx.data.encoding import Encoding
from ganx.engine.capabilities import Answers, rows_asked
from ganx.engine.feature_network import FeatureNetwork
from ganx.engine.views import Cells, Domains, Examples, View
from ganx.metrics import truths
from ganx.metrics.classification import positive_class
from ganx.metrics.registry import METRICS

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Data:
    """What truths are taken from: one replica's view, and the network in whose features images are compared.

    Attributes:
        conditional: whether generated rows have the class that they were asked for.
    """

    view: View
    encoding: Encoding
    network: FeatureNetwork | None = None
    conditional: bool = False

    @cached_property
    def features(self) -> truths.Features | None:
        """Test rows in the features of the network; of rows that are no images, the encoded table itself."""
        view = self.view
        if not isinstance(view, Examples) or view.table.mixture is not None:
            return None
        of = self.encoding.encode if self.network is None else self.network.features
        return truths.Features(of(view.table.x[rows_asked(view, "test")]), of)


def score(data: Data, answers: Answers) -> dict[str, float]:
    """Return {metric: value} of one replica; a metric with nothing to score is left out.

    Args:
        answers: by capability; an answer under a metric's own name is the one which that metric scores.
    """
    known: dict[str, Any] = {}
    scores: dict[str, float] = {}
    for metric in METRICS:
        if metric.needs not in answers:
            continue
        if metric.truth not in known:
            known[metric.truth] = TRUTHS[metric.truth](data, answers)
        if known[metric.truth] is None:
            continue
        answer = answers.get(metric.name, answers[metric.needs])
        value = _function(metric.function)(answer, known[metric.truth])
        scores |= value if isinstance(value, dict) else {metric.name: float(value)}
    return {name: value for name, value in scores.items() if not np.isnan(value)}


@cache
def _function(name: str) -> Callable[[Any, Any], Any]:
    module, _, function = name.rpartition(".")
    found: Callable[[Any, Any], Any] = getattr(import_module(module), function)
    return found


# Providers: what is known of a replica's rows; None where nothing is.


def _hidden_cells(data: Data, answers: Answers) -> Any:
    """Cells of the test rows that are known and were not shown."""
    view, split, encoding = data.view, data.view.splits[0], data.encoding
    if not isinstance(view, Cells):
        return None
    x = view.table.x[split.test]
    hidden = ~np.isnan(x) & ~split.seen[split.test] & ~split.empty
    if not hidden.any():
        return None
    numeric = encoding.numeric
    return truths.HiddenCells(
        features=encoding.encode(x),
        cells=encoding.expand(hidden & numeric),
        codes=x[:, ~numeric],
        imputed_codes=lambda imputed: encoding.decode(imputed)[:, ~numeric],
        hidden_codes=hidden[:, ~numeric],
    )


def _labels(data: Data, answers: Answers) -> Any:
    """Classes of the test rows, and which of them are scored."""
    if isinstance(data.view, Domains):
        return None
    return _classes_of_test(data)


def _target_labels(data: Data, answers: Answers) -> Any:
    """The same for the rows of a target domain."""
    return _classes_of_test(data) if isinstance(data.view, Domains) else None


def _classes_of_test(data: Data) -> Any:
    view, split = data.view, data.view.splits[0]
    y, rows = view.table.y, rows_asked(view, "test")
    if y is None or not split.scored_labels[rows].any():
        return None
    return truths.Labels(y[rows], split.scored_labels[rows], positive_class(y, view.table.n_classes))


def _cluster_labels(data: Data, answers: Answers) -> Any:
    """Classes of the rows that were clustered."""
    view, y = data.view, data.view.table.y
    if y is None:
        return None
    train, test = (y[rows_asked(view, part)] for part in ("train", "test"))
    return truths.ClusterLabels(train, test, view.table.n_classes, answers["cluster"].n)


def _mixture(data: Data, answers: Answers) -> Any:
    return data.view.table.mixture


def _image_labels(data: Data, answers: Answers) -> Any:
    if data.network is None or not data.conditional or data.view.table.mixture is not None:
        return None
    return data.network.classify


def _rows(data: Data, answers: Answers) -> Any:
    """The test rows of whole examples, in the units of the method."""
    view = data.view
    if not isinstance(view, Examples):
        return None
    batch = view.batch(view.tensor(rows_asked(view, "test")).unsqueeze(0))
    return batch.x[0].cpu().numpy()


def _embedded_labels(data: Data, answers: Answers) -> Any:
    y = data.view.table.y
    if y is None:
        return None
    return truths.EmbeddedLabels(*(y[rows_asked(data.view, part)] for part in ("train", "test")))


def _outliers(data: Data, answers: Answers) -> Any:
    known = data.view.table.truth.get("outliers")
    return None if known is None else known[rows_asked(data.view, "test")]


#: {name in the registry: provider}
TRUTHS: dict[str, Callable[[Data, Answers], Any]] = {
    "none": lambda data, answers: (),
    "hidden_cells": _hidden_cells,
    "labels": _labels,
    "target_labels": _target_labels,
    "cluster_labels": _cluster_labels,
    "mixture": _mixture,
    "features": lambda data, answers: data.features,
    "image_features": lambda data, answers: data.features if data.network else None,
    "image_labels": _image_labels,
    "rows": _rows,
    "embeddings": _embedded_labels,
    "outliers": _outliers,
    "location": lambda data, answers: data.view.table.truth.get("location"),
    "scatter": lambda data, answers: data.view.table.truth.get("scatter"),
}
