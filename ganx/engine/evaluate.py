"""The figures of a run, from its final checkpoint: the same code serves `ganx train` and `ganx eval`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ganx.data.encoding import Encoding
from ganx.data.rows import Rows
from ganx.data.splits import Split
from ganx.data.table import Table
from ganx.engine.build import build_module
from ganx.engine.loader import DeviceTable
from ganx.engine.module import Module
from ganx.engine.predict import predict
from ganx.metrics.classification import accuracy, f1, positive_class, pr_auc, roc_auc
from ganx.metrics.imputation import error_rate_categorical, rmse, rmse_row

#: metric name -> one value per replica
Figures = dict[str, list[float]]

#: The state that each ability of a method is scored with: the best one by this metric.
STATE_OF = {"impute": "rmse_row", "classify": "f1"}


def load_replica(
    config: dict[str, Any],
    state: dict[str, Any],
    ability: str,
    replica: int,
    *,
    n_features: int,
    n_classes: int,
    rows: Rows | None = None,
    extra_targets: frozenset[str] = frozenset(),
) -> Module:
    """Return a stack of one: a replica of a finished run, in the state that `ability` is scored with."""
    module = build_module(
        config,
        [tuple(state["replicas"][replica])],
        n_features=n_features,
        n_classes=n_classes,
        rows=rows,
        extra_targets=extra_targets,
    )
    best = state["best"].get(STATE_OF.get(ability))
    if best is None:  # nothing was selected: the last state
        best = {"parameters": state["parameters"], "step": torch.full((len(state["replicas"]),), state["step"])}
    module.load_parameters({name: value[replica : replica + 1] for name, value in best["parameters"].items()})
    module.step = int(best["step"][replica])
    return module


def evaluate(
    config: dict[str, Any],
    state: dict[str, Any],
    table: Table,
    encoding: Encoding,
    splits: Sequence[Split],
    extra_targets: frozenset[str] = frozenset(),
) -> Figures:
    """Score every replica on its test rows. One at a time on the CPU, so that figures do not depend on the layout.

    Returns:
        metric name -> one value per replica; NaN for a replica that failed. Metrics with nothing to score are left out.
    """
    figures: Figures = {}
    for r, split in enumerate(splits):
        if f"{split.seed},{split.fold}" in state["failed"]:
            continue
        imputed, probability = answers(config, state, table, encoding, split, r, extra_targets)
        for name, value in score(table, encoding, split, imputed, probability).items():
            figures.setdefault(name, [float("nan")] * len(splits))[r] = value
    return figures


def answers(
    config: dict[str, Any],
    state: dict[str, Any],
    table: Table,
    encoding: Encoding,
    split: Split,
    replica: int,
    extra_targets: frozenset[str],
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """Return one replica's answers for its test rows: imputed (n, d) in metric units, class probabilities (n, K)."""
    data = DeviceTable(table, encoding, [split.after_selection()], torch.device("cpu"))
    batch = data.rows(torch.from_numpy(split.test).unsqueeze(0))
    given: list[NDArray[np.float64] | None] = []
    for ability, place in (("impute", 0), ("classify", 1)):
        module = load_replica(
            config,
            state,
            ability,
            replica,
            n_features=len(encoding.group),
            n_classes=table.n_classes,
            extra_targets=extra_targets,
        )
        answer = predict(module, batch)[place]
        given.append(None if answer is None else answer[0].double().numpy())
    imputed, probability = given
    if imputed is not None:
        imputed = imputed * split.span + split.low
    return imputed, probability


def score(
    table: Table,
    encoding: Encoding,
    split: Split,
    imputed: NDArray[np.float64] | None,
    probability: NDArray[np.float64] | None,
) -> dict[str, float]:
    """Score one replica's answers on its test rows.

    Args:
        imputed: (n, d) features in metric units (the full-data min-max range).
        probability: (n, K).
    """
    figures: dict[str, float] = {}
    rows = split.test
    if imputed is not None:
        hidden = ~np.isnan(table.x[rows]) & ~split.seen[rows] & ~split.empty
        truth, filled = encoding.encode(table.x[rows]), imputed
        numeric = encoding.numeric
        cells = encoding.expand(hidden & numeric)
        if cells.any():
            figures["rmse"] = rmse(truth, filled, cells)
            figures["rmse_row"] = rmse_row(truth, filled, cells)
        if (hidden & ~numeric).any():
            figures["error_rate_categorical"] = error_rate_categorical(
                table.x[rows][:, ~numeric], encoding.decode(imputed)[:, ~numeric], hidden[:, ~numeric]
            )
    if probability is not None and table.y is not None:
        scored = split.scored_labels[rows]
        y, p = table.y[rows][scored], probability[scored]
        if len(y):
            positive = positive_class(table.y, table.n_classes)
            figures["f1"] = f1(y, p, positive)
            figures["accuracy"] = accuracy(y, p)
            figures["roc_auc"] = roc_auc(y, p, positive)
            figures["pr_auc"] = pr_auc(y, p, positive)
    return {name: value for name, value in figures.items() if not np.isnan(value)}
