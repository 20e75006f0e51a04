"""How rows reach a method: as cells of a table, as whole examples, or as two domains.

A view holds the rows on the device, once, with what each replica may see of them. Nothing that asks a view for rows can
come by hidden truth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganx.data.encoding import Encoding
from ganx.data.rows import Rows
from ganx.data.splits import Split
from ganx.data.table import Table
from ganx.engine.batch import ExampleBatch, TabularBatch
from ganx.engine.noise import Noise
from ganx.errors import UserError, nearest
from ganx.targets import MethodSpec

Index = NDArray[np.int64]
Batch = TabularBatch | ExampleBatch

NEARLY_ALL = 0.99  # of the cells: with fewer gaps than that a network does not learn to fill them


@dataclass(frozen=True)
class Facts:
    """What a method must know of the data it was trained on.

    Attributes:
        n_features: d, the width of the encoded table.
        shape: of one row: (d,), or (C, H, W) for images.
        bounded: whether whole rows lie in [-1, 1].
        n_classes: K, 0 without a target.
        class_shares: (K,) share of each class; None: not known, or not needed.
    """

    n_features: int
    shape: tuple[int, ...]
    bounded: bool
    n_classes: int
    class_shares: tuple[float, ...] | None = None


@dataclass(frozen=True, eq=False)
class Completed:
    """What the earlier stage of a chain has made of one replica's rows: those of the table, N, and added ones.

    Attributes:
        x: (N + added, d) complete features, scaled for the replica.
        added: (added,) classes of the added rows.
    """

    x: NDArray[np.float32]
    added: NDArray[np.int64]


class View:
    """Rows as the replicas of a stack see them.

    Args:
        table, encoding: the data.
        splits: one per replica.
        device: where tensors live.
    """

    #: {key of the protocol: (the value that makes sense here, what to do)}
    protocol: ClassVar[dict[str, tuple[Any, str]]] = {}

    #: Rows in a portion when a trained method is asked; bounds the memory.
    portion: ClassVar[int] = 1000

    #: Whether networks may compute in less than 32 bits.
    low_precision: ClassVar[bool] = True

    #: Whether a conditional generator needs the class of every row.
    every_label: ClassVar[bool] = True

    def __init__(self, table: Table, encoding: Encoding, splits: Sequence[Split], device: torch.device) -> None:
        self.table, self.splits, self.device = table, splits, device
        self.replica = torch.arange(len(splits), device=device).unsqueeze(1)
        self.classes = torch.arange(table.n_classes, device=device)

    @classmethod
    def facts(cls, table: Table, encoding: Encoding) -> Facts:
        """Return what a method must know of the data."""
        raise NotImplementedError

    def batch(self, index: Tensor) -> Batch:
        """Return the rows `index` (..., R, B) as batches (..., R, B, ...)."""
        raise NotImplementedError

    def arguments(self, batch: Any) -> tuple[Tensor, ...]:
        """Return what a capability is asked about, of a batch."""
        raise NotImplementedError

    def arrays(self, batch: Any) -> tuple[NDArray[Any], ...]:
        """Return the same for an estimator: arrays of the only replica."""
        return tuple(part[0].cpu().numpy() for part in self.arguments(batch))

    def rows_of(self, stream: str) -> list[Index]:
        """Return the training rows of a stream, for each replica.

        Raises:
            UserError: there is no such stream, or a replica has no row in it.
        """
        if stream not in STREAMS:
            raise UserError(f"streams: there is no stream '{stream}'{nearest(stream, STREAMS)}")
        rows = [split.rows[STREAMS[stream](self.table, split)[split.rows]] for split in self.splits]
        if not all(len(index) for index in rows):
            raise UserError(f"no training row is in the stream '{stream}'; {_REMEDIES[stream]}")
        return rows

    def sweep(self, stream: str, size: int) -> Iterator[tuple[Any, Tensor]]:
        """Yield (batch, weight (R, B)) over every row of a stream, once.

        Short replicas repeat their last row with weight 0.
        """
        rows = self.rows_of(stream)
        longest = max(map(len, rows))
        index = np.stack([np.pad(r, (0, longest - len(r)), mode="edge") for r in rows])
        weight = np.arange(longest) < np.array([[len(r)] for r in rows])
        for start in range(0, longest, size):
            part = slice(start, start + size)
            yield self.batch(self.tensor(index[:, part])), self.tensor(weight[:, part]).float()

    def tensor(self, array: NDArray[Any]) -> Tensor:
        """Return an array on the device."""
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)


def _labelled(table: Table, split: Split) -> NDArray[np.bool_]:
    known: NDArray[np.bool_] = np.zeros(table.n_rows, dtype=np.bool_) if table.y is None else table.y >= 0
    return split.shown_labels() & known


def _domain(number: int) -> Any:
    return lambda table, split: table.domain == number


#: Which rows are in a stream, (N,).
STREAMS: dict[str, Any] = {
    "all": lambda table, split: np.ones(len(split.labelled), dtype=np.bool_),
    "labelled": _labelled,
    "unlabelled": lambda table, split: ~_labelled(table, split),
    "source": _domain(0),
    "target": _domain(1),
}

_REMEDIES = {
    "all": "choose fewer folds",
    "labelled": "the data need a target, and protocol.label_rate or protocol.labels_per_class shows some labels",
    "unlabelled": "hide some labels: protocol.labels_per_class=10, or protocol.label_rate=0.1",
    "source": "choose data with a source domain, e.g. dataset=two_moons",
    "target": "choose data with a target domain, e.g. dataset=two_moons dataset.angle=30",
}


class Cells(View):
    """The cells of a table, some of them unknown: x, m, missing, y, labelled (`TabularBatch`)."""

    portion = 4096
    low_precision = False
    every_label = False

    def __init__(self, table: Table, encoding: Encoding, splits: Sequence[Split], device: torch.device) -> None:
        super().__init__(table, encoding, splits, device)
        self.features = torch.from_numpy(encoding.encode(table.x)).to(device)
        self.group = torch.from_numpy(np.asarray(encoding.group, dtype=np.int64)).to(device)
        self.plain = bool((self.group == torch.arange(len(self.group), device=device)).all())
        self.seen = torch.stack([torch.from_numpy(split.shown()) for split in splits]).to(device)
        self.labelled = torch.stack([torch.from_numpy(split.shown_labels()) for split in splits]).to(device)
        self.low = torch.stack([torch.from_numpy(split.low) for split in splits]).unsqueeze(1).to(device)
        self.span = torch.stack([torch.from_numpy(split.span) for split in splits]).unsqueeze(1).to(device)
        filled = torch.stack([torch.from_numpy(~split.empty) for split in splits])
        self.filled = self.expand(filled.to(device)).unsqueeze(1)
        self.y = self.tensor(np.full(table.n_rows, -1) if table.y is None else table.y)

    @classmethod
    def facts(cls, table: Table, encoding: Encoding) -> Facts:
        """Return d and K; a row is a vector of d numbers in [0, 1]."""
        d = len(encoding.group)
        return Facts(n_features=d, shape=(d,), bounded=True, n_classes=table.n_classes)

    def expand(self, columns: Tensor) -> Tensor:
        """Repeat a flag per original column over the features that encode it. (..., D) -> (..., d)."""
        return columns if self.plain else columns[..., self.group]

    @cached_property
    def complete(self) -> bool:
        """Whether (nearly) every cell of the table may be seen: what is held back for validation alone is no gap."""
        return all(split.seen.mean() > NEARLY_ALL for split in self.splits)

    def hide(self, m: Tensor, share: float, noise: Noise) -> Tensor:
        """Return m (R, B, d) without about `share` of the observed cells, which count as missing for once.

        The features of a category are hidden together: those that are left would tell it.
        """
        cells = m.new_ones(*m.shape[:2], self.seen.shape[2])
        return m * self.expand(noise.hide(cells, share))

    def batch(self, index: Tensor) -> TabularBatch:
        """Return the rows `index` (..., R, B) as batches (..., R, B, d)."""
        seen = self.seen[self.replica, index]
        m = self.expand(seen)
        x = torch.where(m, (self.features[index] - self.low) / self.span, 0.0)
        labelled = self.labelled[self.replica, index] & (self.y[index] >= 0)
        y = (self.y[index].unsqueeze(-1) == self.classes) & labelled.unsqueeze(-1)
        return TabularBatch(
            x=x,
            m=m.to(x.dtype),
            missing=(~m & self.filled).to(x.dtype),
            y=y.to(x.dtype),
            labelled=labelled.unsqueeze(-1).to(x.dtype),
            row=index,
        )

    def arguments(self, batch: TabularBatch) -> tuple[Tensor, ...]:
        """x (R, B, d) and m (R, B, d)."""
        return batch.x, batch.m

    def arrays(self, batch: TabularBatch) -> tuple[NDArray[Any], ...]:
        """x (n, d) and m (n, d), a mask."""
        x, m = super().arrays(batch)
        return x, m > 0


class CompletedCells(Cells):
    """Rows as an earlier stage has filled them: every cell counts as observed. Labels are hidden as ever."""

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
        self.completed, self.shown_y, self.added = self.tensor(x), self.tensor(y), [part.added for part in completed]

    def rows_of(self, stream: str) -> list[Index]:
        """Return the rows to train on, the added ones among them, whatever the stream."""
        n = self.table.n_rows
        return [
            np.concatenate([split.train, np.arange(n, n + len(new)), split.valid])
            for split, new in zip(self.splits, self.added, strict=True)
        ]

    def batch(self, index: Tensor) -> TabularBatch:
        """Return the rows `index` (..., R, B) as batches (..., R, B, d) in which nothing is missing."""
        x, label = self.completed[self.replica, index], self.shown_y[self.replica, index]
        y = (label.unsqueeze(-1) == self.classes).to(x.dtype)
        labelled = (label >= 0).unsqueeze(-1).to(x.dtype)
        return TabularBatch(x=x, m=torch.ones_like(x), missing=torch.zeros_like(x), y=y, labelled=labelled, row=index)


class GivenCells(Cells):
    """Rows that were never part of a data set: x (N, d), scaled, and m (N, d), which of its cells are known."""

    def __init__(self, x: NDArray[np.float32], m: NDArray[np.bool_]) -> None:
        self.device = torch.device("cpu")
        self.x, self.m = self.tensor(x), self.tensor(m).float()

    def batch(self, index: Tensor) -> TabularBatch:
        """Return the rows `index` (1, B), without labels."""
        m, nothing = self.m[index], torch.zeros(*index.shape, 1)
        return TabularBatch(self.x[index], m, 1 - m, nothing, nothing, index)


class Examples(View):
    """Whole rows, points or images: `ExampleBatch`, stored once (images as bytes), in the units of `Rows`."""

    protocol: ClassVar[dict[str, tuple[Any, str]]] = {
        "missing_rate": (0.0, "reads whole rows: choose protocol=generation, or protocol.missing_rate=0")
    }

    def __init__(self, table: Table, encoding: Encoding, splits: Sequence[Split], device: torch.device) -> None:
        super().__init__(table, encoding, splits, device)
        self.units = Rows.of(table, encoding)
        self.stored = torch.from_numpy(self.units.stored).to(device)
        shown = np.stack([self.shown_labels(split) for split in splits])
        y = np.full(table.n_rows, -1) if table.y is None else table.y
        self.y = torch.from_numpy(np.where(shown, y, -1)).to(device)

    @classmethod
    def facts(cls, table: Table, encoding: Encoding) -> Facts:
        """Return the shape of a row, (d,) or (C, H, W), and K."""
        units = Rows.of(table, encoding)
        return Facts(len(encoding.group), units.shape, units.bounded, table.n_classes)

    def shown_labels(self, split: Split) -> NDArray[np.bool_]:
        """Return the labels (N,) that a replica sees."""
        return split.shown_labels()

    def batch(self, index: Tensor) -> ExampleBatch:
        """Return the rows `index` (..., R, B) as batches (..., R, B, *shape)."""
        x = (self.stored[index].float() - self.units.centre) / self.units.half
        label = self.y[self.replica, index].unsqueeze(-1)
        y, labelled = (label == self.classes).to(x.dtype), (label >= 0).to(x.dtype)
        return ExampleBatch(x.view(*index.shape, *self.units.shape), y, labelled, index)

    def arguments(self, batch: ExampleBatch) -> tuple[Tensor, ...]:
        """x (R, B, *shape)."""
        return (batch.x,)


class Domains(Examples):
    """Examples of a source domain, with labels, and of a target domain, whose labels are never shown."""

    def __init__(self, table: Table, encoding: Encoding, splits: Sequence[Split], device: torch.device) -> None:
        if table.domain is None:
            raise UserError(
                f"dataset={table.name} has one domain, and this model learns from a source and a target domain; "
                "choose e.g. dataset=two_moons dataset.angle=30"
            )
        super().__init__(table, encoding, splits, device)

    def shown_labels(self, split: Split) -> NDArray[np.bool_]:
        """Return the labels (N,) that a replica sees: those of the source domain, as far as the protocol shows them."""
        assert self.table.domain is not None
        shown: NDArray[np.bool_] = split.shown_labels() & (self.table.domain == 0)
        return shown


VIEWS: dict[str, type[View]] = {"cells": Cells, "examples": Examples, "domains": Domains}


def view_class(spec: MethodSpec) -> type[View]:
    """Return the view that a method reads.

    Raises:
        UserError: there is no such view.
    """
    if spec.reads not in VIEWS:
        raise UserError(f"reads = '{spec.reads}': there is no such view{nearest(spec.reads, VIEWS)}")
    return VIEWS[spec.reads]


def open_view(
    spec: MethodSpec,
    table: Table,
    encoding: Encoding,
    splits: Sequence[Split],
    device: torch.device | str = "cpu",
    completed: Sequence[Completed] | None = None,
) -> View:
    """Return the view that a method reads, of one replica for each split.

    Args:
        completed: what an earlier stage has made of the rows, for each replica.

    Raises:
        UserError: the data lack what the view needs.
    """
    if completed is not None:
        return CompletedCells(table, encoding, splits, torch.device(device), completed)
    return view_class(spec)(table, encoding, splits, torch.device(device))


def check_protocol(name: str, spec: MethodSpec, table: Table, protocol: dict[str, Any], precision: str) -> None:
    """Refuse a protocol that hides from a method what it has to read, in one line.

    Args:
        name: of the model.
        protocol: the checked group.
        precision: `hardware.precision`.
    """
    view = view_class(spec)
    for key, (sensible, remedy) in view.protocol.items():
        if protocol[key] != sensible:
            raise UserError(f"model={name} {remedy}")
    if precision != "float32" and not view.low_precision:
        raise UserError(f"hardware.precision is for networks of rows and images; model={name} needs float32")
    y = table.y
    if spec.conditional and view.every_label and y is not None:
        hidden = protocol["label_rate"] < 1 or protocol["labels_per_class"] is not None
        if hidden or bool((y < 0).any()):
            raise UserError(
                f"model={name} reads the label of every row: protocol.label_rate=1, protocol.labels_per_class=null, "
                "and no unknown labels"
            )
