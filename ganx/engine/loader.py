"""A table on the device, and the endless stream of minibatches that each replica reads from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset

from ganx.data.encoding import Encoding
from ganx.data.rows import Rows
from ganx.data.splits import Split
from ganx.data.table import Table
from ganx.engine.batch import SampleBatch, TabularBatch
from ganx.engine.noise import ORDER

Batch = TabularBatch | SampleBatch

BLOCK = 10  # outer steps between two visits to Lightning's loop, whose cost is paid once per block


class DeviceTable:
    """The encoded table, stored once, with what each replica may see of it.

    Rows leave it scaled for their replica, with zeros where a cell or label is hidden: nothing that asks for
    rows can come by hidden truth.

    Args:
        table, encoding: the data in metric units.
        splits: one per replica of the stack.
        device: where the tensors live.
    """

    def __init__(self, table: Table, encoding: Encoding, splits: Sequence[Split], device: torch.device) -> None:
        self.device = device
        self.splits = splits
        self.features = torch.from_numpy(encoding.encode(table.x)).to(device)
        self.group = torch.from_numpy(np.asarray(encoding.group, dtype=np.int64)).to(device)
        self.plain = bool((self.group == torch.arange(len(self.group), device=device)).all())
        self.seen = torch.stack([torch.from_numpy(split.shown()) for split in splits]).to(device)
        self.labelled = torch.stack([torch.from_numpy(split.shown_labels()) for split in splits]).to(device)
        self.replica = torch.arange(len(splits), device=device).unsqueeze(1)
        self.low = torch.stack([torch.from_numpy(split.low) for split in splits]).unsqueeze(1).to(device)
        self.span = torch.stack([torch.from_numpy(split.span) for split in splits]).unsqueeze(1).to(device)
        filled = torch.stack([torch.from_numpy(~split.empty) for split in splits])
        self.filled = self.expand(filled.to(device)).unsqueeze(1)
        y = np.full(table.n_rows, -1) if table.y is None else table.y
        self.y = torch.from_numpy(y).to(device)
        self.n_classes = table.n_classes

    def expand(self, columns: Tensor) -> Tensor:
        """Repeat a flag per original column over the features that encode it. (..., D) -> (..., d)."""
        return columns if self.plain else columns[..., self.group]

    def rows(self, index: Tensor) -> TabularBatch:
        """Return the rows `index` (..., R, B) as batches (..., R, B, d)."""
        seen = self.seen[self.replica, index]
        m = self.expand(seen)
        x = torch.where(m, (self.features[index] - self.low) / self.span, 0.0)
        labelled = self.labelled[self.replica, index] & (self.y[index] >= 0)
        classes = torch.arange(self.n_classes, device=self.device)
        y = (self.y[index].unsqueeze(-1) == classes) & labelled.unsqueeze(-1)
        return TabularBatch(
            x=x,
            m=m.to(x.dtype),
            missing=(~m & self.filled).to(x.dtype),
            y=y.to(x.dtype),
            labelled=labelled.unsqueeze(-1).to(x.dtype),
        )


class DeviceSamples:
    """Whole rows or images, stored once (images as bytes) and brought to a model's units when a minibatch is read."""

    def __init__(self, rows: Rows, table: Table, splits: Sequence[Split], device: torch.device) -> None:
        self.device, self.splits, self.shape = device, splits, rows.shape
        self.stored = torch.from_numpy(rows.stored).to(device)
        self.centre, self.half = rows.centre, rows.half
        shown = np.stack([split.shown_labels() for split in splits])
        y = np.full(table.n_rows, -1) if table.y is None else table.y
        self.y = torch.from_numpy(np.where(shown, y, -1)).to(device)
        self.replica = torch.arange(len(splits), device=device).unsqueeze(1)
        self.classes = torch.arange(table.n_classes, device=device)

    def rows(self, index: Tensor) -> SampleBatch:
        """Return the rows `index` (..., R, B) as batches (..., R, B, *shape)."""
        x = (self.stored[index].float() - self.centre) / self.half
        y = self.y[self.replica, index].unsqueeze(-1) == self.classes
        return SampleBatch(x.view(*index.shape, *self.shape), y.to(x.dtype))


class RowOrder:
    """The rows one replica visits: its own permutation of its own rows, and another at its end.

    The order is a pure function of (seed, fold) and of the place in the stream, so there is no state to store.
    """

    def __init__(self, split: Split) -> None:
        self._seed = (split.seed, split.fold, ORDER)
        self._rows = split.rows
        self._epoch, self._permutation = -1, split.rows

    def take(self, start: int, count: int) -> NDArray[np.int64]:
        """Return the rows at places start ... start + count - 1 of the stream."""
        pieces = []
        while count > 0:
            epoch, offset = divmod(start, len(self._rows))
            piece = self._shuffled(epoch)[offset : offset + count]
            pieces.append(piece)
            start, count = start + len(piece), count - len(piece)
        return np.concatenate(pieces)

    def _shuffled(self, epoch: int) -> NDArray[np.int64]:
        if epoch != self._epoch:
            generator = np.random.default_rng([*self._seed, epoch])
            self._epoch, self._permutation = epoch, generator.permutation(self._rows)
        return self._permutation


class BlockLoader(IterableDataset[list[Batch]]):
    """Yields blocks of minibatches for all replicas, from step `start` to step `stop`.

    A block ends where validation is due. How steps fall into blocks changes no number.
    """

    def __init__(
        self, data: DeviceTable | DeviceSamples, *, batch_size: int, validate_every: int, start: int, stop: int
    ) -> None:
        self.data = data
        self.batch_size, self.validate_every = batch_size, validate_every
        self.start, self.stop = start, stop
        self.orders = [RowOrder(split) for split in data.splits]

    def __iter__(self) -> Iterator[list[Batch]]:
        step = self.start
        while step < self.stop:
            to_validation = self.validate_every - step % self.validate_every
            n_steps = min(BLOCK, to_validation, self.stop - step)
            yield self.block(step, n_steps)
            step += n_steps

    def block(self, first: int, n_steps: int) -> list[Batch]:
        """Return the minibatches of steps first ... first + n_steps - 1, gathered in one go."""
        place, count = first * self.batch_size, n_steps * self.batch_size
        index = torch.from_numpy(np.stack([order.take(place, count) for order in self.orders]))
        index = index.view(len(self.orders), n_steps, self.batch_size).transpose(0, 1).to(self.data.device)
        batches = self.data.rows(index)
        return [type(batches)(*parts) for parts in zip(*(part.unbind(0) for part in batches), strict=True)]
