"""The rows on which a stack is scored while it trains, by the metrics that best states are selected by.

Errors are weighed in each replica's own scale, by what it may see of the columns: in metric units, by the range of the
whole table, the extremes of hidden cells and of test rows would have a say in which state is best.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganx.data.splits import Split
from ganx.engine.build import SELECTED_BY
from ganx.engine.capabilities import check_shape
from ganx.engine.module import Module
from ganx.engine.views import Cells, View
from ganx.metrics.classification import f1, positive_class
from ganx.metrics.registry import metric_of
from ganx.targets import MethodSpec

Index = NDArray[np.int64]


@dataclass(frozen=True)
class Probe:
    """Rows of each replica. Replicas with fewer rows are padded; padding is not scored.

    Attributes:
        capabilities: those that a metric selects by.
        batch: (R, n, ...) what the stack is shown.
        truth: (R, n, d) of cells, in the replica's scale.
        scored: (R, n, d) cells with a known truth that were not shown.
        n_rows: (R, 1) rows that are not padding.
        labels: per replica, the places (in 0..n-1) and classes of the rows whose label is scored.
        positive: class that counts as positive in a binary F1, None for the mean over classes.
        each: whether each metric has a best state of its own, `beside` ones, too: with `selection=test`, as published.
    """

    view: View
    capabilities: tuple[str, ...]
    batch: Any
    truth: Tensor | None
    scored: Tensor | None
    n_rows: Tensor
    labels: list[tuple[Index, Index]]
    positive: int | None
    each: bool = False

    @classmethod
    def of(cls, spec: MethodSpec, view: View, selection: str) -> Probe | None:
        """Return the probe over the `validation` or `test` rows of each replica; None where there is nothing to see."""
        subset = {"validation": "valid", "test": "test"}.get(selection)
        known = [name for name in SELECTED_BY if name in spec.capabilities]
        capabilities = tuple(name for name in known if name != "classify" or view.table.n_classes)
        if subset is None or not capabilities or not all(len(getattr(split, subset)) for split in view.splits):
            return None
        rows: list[Index] = [getattr(split, subset) for split in view.splits]
        longest = max(len(index) for index in rows)
        index = np.stack([np.pad(r, (0, longest - len(r)), mode="edge") for r in rows])
        y = view.table.y
        labels = [_labels(split, i, y, subset) for split, i in zip(view.splits, rows, strict=True)]
        truth = scored = None
        if isinstance(view, Cells):
            truth, scored = _cells(view, rows, index, subset)
        return cls(
            view=view,
            capabilities=capabilities,
            batch=view.batch(view.tensor(index)),
            truth=truth,
            scored=scored,
            n_rows=torch.tensor([[len(r)] for r in rows], device=view.device).clamp_min(1),
            labels=labels,
            positive=None if y is None else positive_class(y, view.table.n_classes),
            each=selection == "test",
        )

    def selects(self, metric: str) -> bool:
        """Whether the best state by a metric is kept."""
        return self.each or metric_of(metric).selects

    @torch.no_grad()
    def score(self, module: Module) -> dict[str, Tensor]:
        """Return {metric: (R,)} where there is something to score. The noise is the same at every look at a step."""
        method: Any = module
        answers: dict[str, list[Tensor]] = {name: [] for name in self.capabilities}
        arguments = self.view.arguments(self.batch)
        with module.evaluation_noise():
            for part in zip(*(torch.split(argument, self.view.portion, 1) for argument in arguments), strict=True):
                for name, portions in answers.items():
                    portions.append(answer := getattr(method, name)(*part))
                    check_shape(name, answer, part[0].shape, 2)
        found: dict[str, Tensor] = {}
        for name, portions in answers.items():
            selecting = metric_of(SELECTED_BY[name])
            for metric in (selecting.name, selecting.beside):
                if metric and (value := SCORES[metric](self, torch.cat(portions, 1))) is not None:
                    found[metric] = value
        return found


def _labels(split: Split, rows: Index, y: Index | None, subset: str) -> tuple[Index, Index]:
    if y is None:
        return rows[:0], rows[:0]
    place = np.flatnonzero((split.labelled if subset == "valid" else split.scored_labels)[rows])
    return place, y[rows[place]]


def _cells(view: Cells, rows: Sequence[Index], index: Index, subset: str) -> tuple[Tensor, Tensor]:
    observed = ~np.isnan(view.table.x)
    shown = view.seen.cpu().numpy()[np.arange(len(rows))[:, None], index]
    hidden = ~shown & np.stack([~split.empty for split in view.splits])[:, None]
    for r, (split, i) in enumerate(zip(view.splits, rows, strict=True)):
        hidden[r] &= split.seen[index[r]] if subset == "valid" else observed[index[r]]
        hidden[r, len(i) :] = False
    truth = (view.features[view.tensor(index)] - view.low) / view.span
    return truth, view.expand(view.tensor(hidden))


def _rmse_row(probe: Probe, answer: Tensor) -> Tensor | None:
    """`rmse_row` over all features, in the replica's scale."""
    if (squares := _squares(probe, answer)) is None or probe.scored is None:
        return None
    per_row = (squares.sum(2) / probe.scored.sum(2).clamp_min(1)).sqrt()
    return (per_row.sum(1, keepdim=True) / probe.n_rows).squeeze(1)


def _rmse(probe: Probe, answer: Tensor) -> Tensor | None:
    """`rmse` over all features, in the replica's scale."""
    if (squares := _squares(probe, answer)) is None or probe.scored is None:
        return None
    return (squares.sum((1, 2)) / probe.scored.sum((1, 2)).clamp_min(1)).sqrt()


def _squares(probe: Probe, answer: Tensor) -> Tensor | None:
    """Squared errors (R, n, d) of the scored cells, 0 elsewhere."""
    if probe.truth is None or probe.scored is None or not bool(probe.scored.any()):
        return None
    return torch.where(probe.scored, (answer - probe.truth).square(), 0.0)


def _f1(probe: Probe, answer: Tensor) -> Tensor | None:
    if not answer.shape[2] or not all(len(place) for place, _ in probe.labels):
        return None
    probability = answer.cpu().numpy()
    values = [f1(y, probability[r, place], probe.positive) for r, (place, y) in enumerate(probe.labels)]
    return torch.tensor(values, device=answer.device)


#: Metrics that select, and those beside them, for all replicas at once: (probe, answer (R, n, ...)) -> (R,); None:
#: nothing to score.
SCORES: dict[str, Callable[[Probe, Tensor], Tensor | None]] = {"rmse_row": _rmse_row, "rmse": _rmse, "f1": _f1}
