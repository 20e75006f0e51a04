"""What a trained stack says about rows: imputed cells and class probabilities, and the figures they are selected by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ganx.engine.batch import TabularBatch
from ganx.engine.loader import DeviceTable
from ganx.engine.module import Module
from ganx.metrics.classification import f1

_ROWS_AT_ONCE = 4096  # bounds the memory of an evaluation


class Prediction(NamedTuple):
    """`imputed` (R, n, d) is scaled as the batch was, `probability` is (R, n, K); None where a method cannot."""

    imputed: Tensor | None
    probability: Tensor | None


@torch.no_grad()
def predict(module: Module, batch: TabularBatch) -> Prediction:
    """Ask a module for all it can say about the rows of a batch. The noise is the same at every call."""
    method: Any = module  # what it can do is said by what it defines
    imputed, probability = [], []
    with module.evaluation_noise():
        for x, m in zip(torch.split(batch.x, _ROWS_AT_ONCE, 1), torch.split(batch.m, _ROWS_AT_ONCE, 1), strict=True):
            if hasattr(method, "impute"):
                imputed.append(method.impute(x, m))
            if hasattr(method, "classify") and module.setting.n_classes:
                probability.append(method.classify(x, m))
    return Prediction(
        torch.cat(imputed, 1) if imputed else None,
        torch.cat(probability, 1) if probability else None,
    )


@dataclass(frozen=True)
class Probe:
    """Rows on which a stack is scored while it trains. Replicas with fewer rows are padded; padding is not scored.

    Attributes:
        batch: (R, n, ...) what the stack is shown.
        truth: (R, n, d) in metric units.
        scored: (R, n, d) cells with a known truth that were not shown.
        n_rows: (R, 1) rows that are not padding.
        labels: per replica, the places (in 0..n-1) and classes of the rows whose label is scored.
        positive: class that counts as positive in a binary F1, None for the mean over classes.
    """

    data: DeviceTable
    batch: TabularBatch
    truth: Tensor
    scored: Tensor
    n_rows: Tensor
    labels: list[tuple[np.ndarray, np.ndarray]]
    positive: int | None

    @classmethod
    def of(cls, data: DeviceTable, subset: str, observed: np.ndarray, positive: int | None) -> Probe:
        """Build the probe over the `valid` or `test` rows of each replica; `observed` (N, D) has the known cells."""
        rows = [split.valid if subset == "valid" else split.test for split in data.splits]
        longest = max(len(index) for index in rows)
        index = np.stack([np.pad(r, (0, longest - len(r)), mode="edge" if len(r) else "constant") for r in rows])
        shown = data.seen.cpu().numpy()[np.arange(len(rows))[:, None], index]
        hidden = ~shown & np.stack([~split.empty for split in data.splits])[:, None]
        labels = []
        for r, (split, i) in enumerate(zip(data.splits, rows, strict=True)):
            hidden[r] &= split.seen[index[r]] if subset == "valid" else observed[index[r]]
            hidden[r, len(i) :] = False
            use = split.labelled if subset == "valid" else split.scored_labels
            place = np.flatnonzero(use[i])
            labels.append((place, data.y.cpu().numpy()[i[place]]))
        tensor = torch.from_numpy(index).to(data.device)
        return cls(
            data=data,
            batch=data.rows(tensor),
            truth=data.features[tensor],
            scored=data.expand(torch.from_numpy(hidden).to(data.device)),
            n_rows=torch.tensor([[len(r)] for r in rows], device=data.device).clamp_min(1),
            labels=labels,
            positive=positive,
        )

    def score(self, module: Module) -> dict[str, Tensor]:
        """Return `rmse_row` (over features, metric units) and `f1`, (R,) each, where there is something to score."""
        prediction = predict(module, self.batch)
        scores = {}
        if prediction.imputed is not None and bool(self.scored.any()):
            imputed = prediction.imputed * self.data.span + self.data.low
            squares = torch.where(self.scored, (imputed - self.truth).square(), 0.0).sum(2)
            per_row = (squares / self.scored.sum(2).clamp_min(1)).sqrt()
            scores["rmse_row"] = (per_row.sum(1, keepdim=True) / self.n_rows).squeeze(1)
        if prediction.probability is not None and all(len(place) for place, _ in self.labels):
            probability = prediction.probability.cpu().numpy()
            values = [f1(y, probability[r, place], self.positive) for r, (place, y) in enumerate(self.labels)]
            scores["f1"] = torch.tensor(values, device=self.data.device)
        return scores
