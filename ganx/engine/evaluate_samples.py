"""The figures of a run that generates rows or images, from its final checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ganx.data.rows import Rows
from ganx.data.splits import Split
from ganx.data.table import Table
from ganx.engine.evaluate import Figures, load_replica
from ganx.engine.feature_network import FeatureNetwork
from ganx.engine.film import numbers
from ganx.engine.generative import GenerativeModule
from ganx.engine.loader import DeviceSamples
from ganx.metrics import clustering, generation

SAMPLES = 2500  # of a mixture, as in PacGAN; of other data as many as there are test rows
MOST_ROWS = 10_000  # test rows that figures look at, training rows on which clusters are named
_AT_ONCE = 1000  # bounds the memory of an evaluation

Index = NDArray[np.int64]


def load_generator(
    config: dict[str, Any],
    state: dict[str, Any],
    replica: int,
    rows: Rows,
    n_classes: int,
    extra_targets: frozenset[str] = frozenset(),
) -> GenerativeModule:
    """Return a stack of one: a replica of a finished run, in its final state."""
    module = load_replica(
        config,
        state,
        "generate",
        replica,
        n_features=len(rows.encoding.group),
        n_classes=n_classes,
        rows=rows,
        extra_targets=extra_targets,
    )
    assert isinstance(module, GenerativeModule)
    module.eval()
    return module


def evaluate_samples(
    config: dict[str, Any],
    state: dict[str, Any],
    table: Table,
    rows: Rows,
    splits: Sequence[Split],
    network: FeatureNetwork | None,
    extra_targets: frozenset[str] = frozenset(),
) -> Figures:
    """Score what every replica generates, and how it clusters its test rows.

    Args:
        network: in whose features images are compared; None where there are none.

    Returns:
        metric name -> one value per replica; NaN for a replica that failed.
    """
    figures: Figures = {}
    for r, split in enumerate(splits):
        if f"{split.seed},{split.fold}" in state["failed"]:
            continue
        module = load_generator(config, state, r, rows, table.n_classes, extra_targets)
        scores = _score_samples(module, table, rows, split, network) | _score_prior(module)
        if hasattr(module, "cluster") and table.y is not None:
            scores |= _score_clusters(module, table, rows, split)
        for name, value in scores.items():
            figures.setdefault(name, [float("nan")] * len(splits))[r] = value
    return figures


def generated(module: GenerativeModule, rows: Rows, n: int) -> tuple[NDArray[np.float64], Index]:
    """Return n generated rows as cells (n, D), and their categories (n,), -1 without any."""
    cells, categories = [], []
    with torch.no_grad(), module.evaluation_noise():
        for start in range(0, n, _AT_ONCE):
            x, c = module.sample(min(_AT_ONCE, n - start))
            cells.append(rows.cells(x[0].numpy()))
            categories.append(numbers(c[0]))
    return np.concatenate(cells), np.concatenate(categories)


def _score_samples(
    module: GenerativeModule, table: Table, rows: Rows, split: Split, network: FeatureNetwork | None
) -> dict[str, float]:
    test = _thinned(split.test)
    x, c = generated(module, rows, SAMPLES if table.mixture else len(test))
    if table.mixture is not None:
        centres, sd, weights = table.mixture.centres, table.mixture.sd, table.mixture.weights
        return {
            "modes": generation.modes_covered(x, centres, sd),
            "high_quality": generation.high_quality(x, centres, sd),
            "reverse_kl": generation.reverse_kl(x, centres, sd, weights),
        }
    figures: dict[str, float] = {}
    real: NDArray[np.floating]
    made: NDArray[np.floating]
    if network is None:
        real, made = rows.encoding.encode(table.x[test]), rows.encoding.encode(x)
    else:
        real, made = network.features(table.x[test]), network.features(x)
        figures["fid"] = generation.frechet_distance(real, made)
        figures["kid"] = generation.kernel_distance(real, made)
        if module.uses_labels:
            figures["label_accuracy"] = float((network.classify(x).argmax(1) == c).mean())
    figures["precision"], figures["recall"] = generation.precision(real, made), generation.recall(real, made)
    return figures


def _score_prior(module: GenerativeModule) -> dict[str, float]:
    if not module.learns_prior:
        return {}
    p = np.sort(module.prior()[0].numpy())[::-1]
    shares = {f"prior_{i + 1}": float(share) for i, share in enumerate(p)}
    return {"categories": generation.categories_in_use(p), "prior_entropy": generation.entropy(p)} | shares


def _score_clusters(module: GenerativeModule, table: Table, rows: Rows, split: Split) -> dict[str, float]:
    """Clusters are named by the labels of training rows, and scored on test rows, as far as labels are known."""
    assert table.y is not None
    train, test = (_thinned(index[table.y[index] >= 0]) for index in (split.train, split.test))
    if not len(train) or not len(test):
        return {}
    y_test, c_test = table.y[test], categories_of(module, table, rows, split, test)
    if module.uses_labels:
        return {"accuracy": float((c_test == y_test).mean())}
    y_train, c_train = table.y[train], categories_of(module, table, rows, split, train)
    sizes = table.n_classes, module.n_categories
    figures = {
        "clustering_error_majority": clustering.error_rate(
            y_test, c_test, clustering.majority(y_train, c_train, *sizes)
        ),
        "nmi": clustering.nmi(y_test, c_test),
        "ari": clustering.ari(y_test, c_test),
    }
    if sizes[0] == sizes[1]:
        one_to_one = clustering.one_to_one(y_train, c_train, *sizes)
        figures["clustering_error"] = clustering.error_rate(y_test, c_test, one_to_one)
    return figures


@torch.no_grad()
def categories_of(module: GenerativeModule, table: Table, rows: Rows, split: Split, index: Index) -> Index:
    """Return the likeliest category of some rows of the table, (n,)."""
    data = DeviceSamples(rows, table, [split], torch.device("cpu"))
    parts = np.array_split(index, max(1, len(index) // _AT_ONCE))
    method: Any = module
    found = [method.cluster(data.rows(torch.from_numpy(part).unsqueeze(0)).x)[0].argmax(1).numpy() for part in parts]
    return np.concatenate(found)


def _thinned(index: Index) -> Index:
    """Return at most MOST_ROWS of the rows, evenly spread."""
    return index if len(index) <= MOST_ROWS else index[np.linspace(0, len(index) - 1, MOST_ROWS).astype(np.int64)]
