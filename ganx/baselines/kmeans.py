"""K-means: centres, each the mean of the rows that are nearest to it (Lloyd, 1982), by scikit-learn."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn import cluster
from sklearn.metrics import pairwise_distances_argmin

from ganx.baselines.baseline import Baseline, Labels, Rows
from ganx.errors import RunError, UserError
from ganx.types import PositiveInt


class KMeans(Baseline):
    """scikit-learn's `KMeans`, started by k-means++ (Arthur and Vassilvitskii, 2007).

    Args:
        clusters: how many; `classes`: as many as the data have classes.
        n_init: starts, of which the one with the smallest sum of squares is kept.
        rounds: at most so many for each start.
        scaling: of the columns: `none`, or `standard`, to mean 0 and variance 1 over the training rows.

    Raises:
        UserError: `clusters: classes` and the data have none (on `check` and `fit`).
    """

    reads = "examples"

    def __init__(
        self,
        *,
        clusters: PositiveInt | Literal["classes"],
        n_init: PositiveInt,
        rounds: PositiveInt,
        scaling: Literal["none", "standard"],
    ) -> None:
        super().__init__()
        self.clusters, self.n_init, self.rounds, self.scaling = clusters, n_init, rounds, scaling

    def check(self) -> None:
        """Refuse data without classes where there is to be a cluster for each."""
        _ = self.n_clusters

    def fit(self, x: Rows, y: Labels) -> None:  # type: ignore[override]
        """Find the centres. (n, ...) rows; y is not looked at."""
        x = flat(x)
        self.shift = np.zeros(x.shape[1], np.float32)
        self.scale = np.ones(x.shape[1], np.float32)
        if self.scaling == "standard":
            spread = x.std(0, dtype=np.float64)
            self.shift = x.mean(0, dtype=np.float64).astype(np.float32)
            self.scale = np.where(spread > 0, spread, 1).astype(np.float32)  # a constant column stays at 0
        kmeans = cluster.KMeans(self.n_clusters, n_init=self.n_init, max_iter=self.rounds, random_state=self.seed)
        self.centres: NDArray[np.float32] = kmeans.fit(self.scaled(x)).cluster_centers_

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

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the centres and the scaling."""
        return {"centres": self.centres, "shift": self.shift, "scale": self.scale}

    def load_state(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Take over what `state` returned.

        Raises:
            RunError: it is not what `fit` leaves behind.
        """
        if set(arrays) != {"centres", "shift", "scale"}:
            raise RunError(f"damaged: k-means has {', '.join(sorted(arrays))}")
        d = arrays["centres"].shape[-1] if arrays["centres"].ndim else 0
        shapes = {"centres": (self.n_clusters, d), "shift": (d,), "scale": (d,)}
        for name, shape in shapes.items():
            array = arrays[name]
            if array.shape != shape or array.dtype != np.float32 or not np.isfinite(array).all():
                raise RunError(f"damaged: {name} of k-means is {array.dtype} {array.shape}, or not finite")
        if not d or (arrays["scale"] <= 0).any():
            raise RunError("damaged: scale of k-means")
        self.centres, self.shift, self.scale = arrays["centres"], arrays["shift"], arrays["scale"]


def flat(x: Rows) -> Rows:
    """Return rows or images as rows (n, d)."""
    return x.reshape(len(x), -1)
