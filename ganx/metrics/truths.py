"""What answers are scored against, for one replica and its test rows, and the answers that are more than an array.

The names are those of `Metric.truth`. `mixture` is a `ganx.data.table.Mixture`. `location` (p,), `scatter` (p, p),
`outliers` (n,) and `rows` (n, ...), the test rows as the method sees them, are plain arrays, and so is every answer
that is not named here:

    classify (n, K) probabilities    impute (n, d) in metric units     reconstruct (n, ...), as `rows`
    log_likelihood (n,) in nats      anomaly (n,), larger = odder      prior (K,) probabilities
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

#: The answer of `estimate`: parameters by name, e.g. location (p,), scatter (p, p).
Estimate = dict[str, Floats]


class HiddenCells(NamedTuple):
    """`hidden_cells`: what was hidden from `impute`. Numbers and categories are scored apart.

    Attributes:
        features: (n, d) true features in metric units (the full-data min-max range).
        cells: (n, d) features of hidden numeric cells.
        codes: (n, C) true categories of the categorical columns.
        imputed_codes: from the answer (n, d) to its categories (n, C).
        hidden_codes: (n, C) hidden ones among them.
    """

    features: Floats
    cells: Mask
    codes: Floats
    imputed_codes: Callable[[Floats], Floats]
    hidden_codes: Mask


class Labels(NamedTuple):
    """`labels`, and `target_labels` for rows of the target domain: what `classify` should say.

    Attributes:
        y: (n,) class indices, -1 = unknown.
        scored: (n,) rows that count.
        positive: the class that binary metrics are about; None for the mean over classes.
    """

    y: Index
    scored: Mask
    positive: int | None = None


class ClusterLabels(NamedTuple):
    """`cluster_labels`: classes (n,) of training and test rows; rows of unknown class (-1) are left out."""

    y_train: Index
    y_test: Index
    n_classes: int
    n_clusters: int


class Clusters(NamedTuple):
    """The answer of `cluster`: the likeliest of `n` clusters (n,) for the rows of `ClusterLabels`."""

    train: Index
    test: Index
    n: int = 0


class EmbeddedLabels(NamedTuple):
    """`embeddings`: classes (n,) of training and test rows; rows of unknown class (-1) are left out."""

    y_train: Index
    y_test: Index


class Embeddings(NamedTuple):
    """The answer of `embed`: (n, e) for the rows of `EmbeddedLabels`."""

    train: Floats
    test: Floats


class Samples(NamedTuple):
    """The answer of `sample`: cells x (n, D) in units of the table, categories c (n,), -1 where there are none."""

    x: Floats
    c: Index


@dataclass(frozen=True, eq=False)
class Features:
    """`features` and `image_features`: where samples are compared with data.

    Attributes:
        real: (n, f) of test rows.
        of: from cells (n, D) to features (n, f); it is asked once for the samples that all metrics share.
    """

    real: Floats
    of: Callable[[Floats], Floats]
    _known: list[tuple[Floats, Floats]] = field(default_factory=list, repr=False)

    def made(self, samples: Samples) -> Floats:
        """Return the features (n, f) of samples."""
        if not self._known or self._known[0][0] is not samples.x:
            self._known[:] = [(samples.x, self.of(samples.x))]
        return self._known[0][1]


#: `image_labels`: from cells (n, D) to class probabilities (n, K), by a network that knows the data.
ImageLabels = Callable[[Floats], Floats]
