"""Fit a baseline on every replica of a run, and score it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ganx.data.splits import Split
from ganx.engine.evaluate import Figures, score
from ganx.metrics.classification import positive_class
from ganx.run.experiment import Experiment
from ganx.targets import locate


class Scored(NamedTuple):
    """Figures of all replicas, and what the baseline had to leave out to get there."""

    figures: Figures
    notes: list[str]


class Rows(NamedTuple):
    """A table as one replica may see it: scaled features x (N, d) with 0 where unknown, m (N, d), y (N,) or -1."""

    x: NDArray[np.float32]
    m: NDArray[np.bool_]
    y: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> Rows:
        """Return some of the rows."""
        return Rows(self.x[rows], self.m[rows], self.y[rows])


def fit_baseline(experiment: Experiment, workers: int = 1) -> Scored:
    """Fit and score a baseline on every replica, on the very masks and rows a trained model gets.

    Args:
        workers: processes that share the replicas.
    """
    fitted = Parallel(n_jobs=min(workers, len(experiment.splits)))(
        delayed(_fit_and_score)(experiment, split) for split in experiment.splits
    )
    figures: Figures = {}
    for r, (values, _) in enumerate(fitted):
        for name, value in values.items():
            figures.setdefault(name, [float("nan")] * len(fitted))[r] = value
    return Scored(figures, sorted({note for _, notes in fitted for note in notes}))


def fit_replica(experiment: Experiment, model: dict[str, Any], rows: Rows, split: Split) -> Any:
    """Return the baseline `model`, fitted on the training rows of one replica."""
    cls = locate(model["_target_"], experiment.extra_targets)
    baseline: Any = cls(**{key: value for key, value in model.items() if key not in ("_target_", "name", "version")})
    baseline.seed = 1000 * split.seed + split.fold
    table = experiment.table
    baseline.n_classes = table.n_classes
    baseline.positive = None if table.y is None else positive_class(table.y, table.n_classes)
    with threadpool_limits(experiment.config["hardware"]["threads"]):
        baseline.fit(*rows.take(split.after_selection().train))
    return baseline


def visible_rows(experiment: Experiment, split: Split) -> Rows:
    """Return the table as `split` shows it."""
    table, encoding = experiment.table, experiment.encoding
    m = encoding.expand(split.seen)
    x = np.where(m, (encoding.encode(table.x) - split.low) / split.span, 0).astype(np.float32)
    y = np.where(split.labelled, -1 if table.y is None else table.y, -1)
    return Rows(x, m, y)


def _fit_and_score(experiment: Experiment, split: Split) -> tuple[dict[str, float], list[str]]:
    split = split.after_selection()
    rows = visible_rows(experiment, split)
    baseline = fit_replica(experiment, experiment.config["model"], rows, split)
    x, m, _ = rows.take(split.test)
    imputed = probability = None
    if hasattr(baseline, "impute"):
        imputed = baseline.impute(x, m) * split.span + split.low
    if hasattr(baseline, "classify") and experiment.table.n_classes:
        probability = baseline.classify(x, m)
    figures = score(experiment.table, experiment.encoding, split, imputed, probability)
    return figures, list(getattr(baseline, "notes", ()))
