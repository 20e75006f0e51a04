"""K-means: centres, each the mean of the rows that are nearest to it (Lloyd, 1982), by scikit-learn."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from sklearn import cluster
from sklearn.metrics import pairwise_distances_argmin

from ganx.baselines.baseline import Baseline, Labels, Rows
from ganx.baselines.kept import Forms, damaged, floats
from ganx.errors import UserError
from ganx.types import Repeats, Units


class KMeans(Baseline):
    """scikit-learn's `KMeans`, started by k-means++ (Arthur and Vassilvitskii, 2007).

    Args:
        clusters: how many; `classes`: as many as the data have classes.
        n_init: starts, of which the one with the smallest sum of squares is kept.
        rounds: at most so many for each start.
        scaling: of the columns: `none`, or `standard`, to mean 0 and variance 1 over the training rows.

    Raises:
        UserError: `clusters: classes` and the data have none (on `check` and `fit`); fewer rows than clusters.
    """

    reads = "examples"

    kept: ClassVar[Forms] = {"centres": floats("clusters", "d"), "shift": floats("d"), "scale": floats("d")}
    centres: Rows
    shift: Rows
    scale: Rows

    def __init__(
        self,
        *,
        clusters: Units | Literal["classes"],
        n_init: Repeats,
        rounds: Repeats,
        scaling: Literal["none", "standard"],
    ) -> None:
        super().__init__()
        self.clusters, self.n_init, self.rounds, self.scaling = clusters, n_init, rounds, scaling

    def check(self, n_rows: int) -> None:
        """Refuse fewer rows than clusters, and data without classes where there is to be a cluster for each."""
        if self.n_clusters > n_rows:
            raise UserError(f"model.clusters={self.n_clusters}: there are {n_rows} training rows")

    def fit(self, x: Rows, y: Labels) -> None:  # type: ignore[override]
        """Find the centres. (n, ...) rows; y is not looked at."""
        self.check(len(x))
        x = flat(x)
        shift, scale = np.zeros(x.shape[1], np.float32), np.ones(x.shape[1], np.float32)
        if self.scaling == "standard":
            spread = x.std(0, dtype=np.float64)
            shift = x.mean(0, dtype=np.float64).astype(np.float32)
            scale = np.where(spread > 0, spread, 1).astype(np.float32)  # a constant column stays at 0
        kmeans = cluster.KMeans(self.n_clusters, n_init=self.n_init, max_iter=self.rounds, random_state=self.seed)
        self.keep(centres=kmeans.fit((x - shift) / scale).cluster_centers_, shift=shift, scale=scale)

    def prepare(self) -> None:
        """Refuse what `fit` cannot have left behind."""
        if len(self.centres) != self.n_clusters or (self.scale <= 0).any():
            raise damaged("centres or scale of k-means")

    def cluster(self, x: Rows) -> Labels:
        """Return the number of the nearest centre. (n, ...) -> (n,)."""
        nearest: Labels = pairwise_distances_argmin(self.scaled(flat(x)), self.centres)
        return nearest.astype(np.int64)

    @property
    def n_clusters(self) -> int:
        """How many clusters are looked for."""
        if self.clusters != "classes":
            return self.clusters
        if not self.n_classes:
            raise UserError("model.clusters=classes: the data have no classes; give a number")
        return self.n_classes

    def scaled(self, x: Rows) -> Rows:
        """Return rows (n, d) in the units of the centres."""
        return (x - self.shift) / self.scale


def flat(x: Rows) -> Rows:
    """Return rows or images as rows (n, d)."""
    return x.reshape(len(x), -1)
