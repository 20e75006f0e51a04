"""The endless streams of minibatches that each replica reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import IterableDataset

from ganx.engine.noise import ORDER
from ganx.engine.views import View

BLOCK = 10  # outer steps, at most, between two visits to Lightning's loop, whose cost is paid once per block


class RowOrder:
    """The rows one replica visits: its own permutation of its own rows, and another at its end.

    The order is a pure function of the seed and of the place in the stream, so there is no state to store.

    Args:
        seed: numbers that name the replica, and the stream if it is not the first one.
        rows: of the stream.
    """

    def __init__(self, seed: Sequence[int], rows: NDArray[np.int64]) -> None:
        self._seed, self._rows = seed, rows
        self._epoch, self._permutation = -1, rows

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
            generator = np.random.default_rng([*self._seed[:3], epoch, *self._seed[3:]])
            self._epoch, self._permutation = epoch, generator.permutation(self._rows)
        return self._permutation


class BlockLoader(IterableDataset[list[Any]]):
    """Yields blocks of minibatches for all replicas, from step `start` to step `stop`.

    A minibatch is a batch of the view; where a method reads several streams, it has one of them under each name. A
    block ends where validation is due, and has `longest` steps at most. How steps fall into blocks changes no number.

    Args:
        sizes: rows that one outer step reads, by stream.
    """

    def __init__(self, view: View, sizes: Mapping[str, int], *, validate_every: int, start: int, stop: int) -> None:
        self.view, self.sizes, self.validate_every = view, sizes, validate_every
        self.start, self.stop, self.longest = start, stop, BLOCK
        self.orders = {
            stream: [
                RowOrder((split.seed, split.fold, ORDER, *([k] if k else [])), rows)
                for split, rows in zip(view.splits, view.rows_of(stream), strict=True)
            ]
            for k, stream in enumerate(sizes)
        }

    def __iter__(self) -> Iterator[list[Any]]:
        step = self.start
        while step < self.stop:
            to_validation = self.validate_every - step % self.validate_every
            n_steps = min(self.longest, to_validation, self.stop - step)
            yield self.block(step, n_steps)
            step += n_steps

    def block(self, first: int, n_steps: int) -> list[Any]:
        """Return the minibatches of steps first ... first + n_steps - 1, gathered in one go."""
        streams = {stream: self._minibatches(stream, first, n_steps) for stream in self.sizes}
        if len(streams) == 1:
            return next(iter(streams.values()))
        return [
            SimpleNamespace(**dict(zip(streams, step, strict=True))) for step in zip(*streams.values(), strict=True)
        ]

    def _minibatches(self, stream: str, first: int, n_steps: int) -> list[Any]:
        orders, size = self.orders[stream], self.sizes[stream]
        index = torch.from_numpy(np.stack([order.take(first * size, n_steps * size) for order in orders]))
        index = index.view(len(orders), n_steps, size).transpose(0, 1).to(self.view.device)
        batches = self.view.batch(index)
        return [type(batches)(*parts) for parts in zip(*(part.unbind(0) for part in batches), strict=True)]


def sizes_of(model: Mapping[str, Any], streams: Sequence[str], minibatches: int) -> dict[str, int]:
    """Return the rows that an outer step reads of each stream: `minibatches` minibatches of `model.batch_size` rows."""
    size = model["batch_size"]
    return {stream: minibatches * (size[stream] if isinstance(size, dict) else size) for stream in streams}
