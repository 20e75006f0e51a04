"""A table whose cells an imputer has filled, one for each replica: what the classifier of a pipeline is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganx.data.encoding import Encoding
from ganx.data.splits import Split
from ganx.data.table import Table
from ganx.engine.batch import TabularBatch
from ganx.engine.loader import DeviceTable


@dataclass(frozen=True, eq=False)
class Completed:
    """One replica's rows: those of the table, N, and after them those that a balancer has added.

    Attributes:
        x: (N + added, d) complete features, scaled for the replica.
        added: (added,) classes of the added rows.
    """

    x: NDArray[np.float32]
    added: NDArray[np.int64]

    def extend(self, split: Split) -> Split:
        """Return the split with the added rows among those to train on."""
        n_rows = len(split.labelled)
        new = np.arange(n_rows, n_rows + len(self.added))
        return split.with_training_rows(np.concatenate([split.train, new]))


class CompletedTable(DeviceTable):
    """Rows as an imputer has filled them: every cell counts as observed. Labels are hidden as ever."""

    def __init__(
        self,
        table: Table,
        encoding: Encoding,
        splits: Sequence[Split],
        device: torch.device,
        completed: Sequence[Completed],
    ) -> None:
        super().__init__(table, encoding, splits, device)
        longest = max(len(part.x) for part in completed)
        shown = np.where(np.stack([split.shown_labels() for split in splits]), self.y.cpu().numpy(), -1)
        x = np.zeros((len(splits), longest, len(encoding.group)), dtype=np.float32)
        y = np.full((len(splits), longest), -1)
        for r, part in enumerate(completed):
            x[r, : len(part.x)] = part.x
            y[r, : len(part.x)] = np.concatenate([shown[r], part.added])
        self.completed, self.shown_y = torch.from_numpy(x).to(device), torch.from_numpy(y).to(device)

    def rows(self, index: Tensor) -> TabularBatch:
        """Return the rows `index` (..., R, B) as batches (..., R, B, d) in which nothing is missing."""
        x, label = self.completed[self.replica, index], self.shown_y[self.replica, index]
        y = (label.unsqueeze(-1) == torch.arange(self.n_classes, device=self.device)).to(x.dtype)
        labelled = (label >= 0).unsqueeze(-1).to(x.dtype)
        return TabularBatch(x=x, m=torch.ones_like(x), missing=torch.zeros_like(x), y=y, labelled=labelled)
