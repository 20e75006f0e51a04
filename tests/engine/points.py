"""A small table of points in the plane, and views of it."""

from __future__ import annotations

import numpy as np
import torch

from ganx.data.encoding import Encoding
from ganx.data.splits import make_splits
from ganx.data.table import Column, Table
from ganx.engine.views import View
from ganx.schema import Protocol

N = 60
CPU = torch.device("cpu")
ALL_SHOWN = Protocol(
    name="all",
    missing_rate=0.0,
    mechanism="mcar",
    label_rate=1.0,
    labels_per_class=None,
    imbalance_ratio=None,
    folds=3,
    validation=0.2,
    scaling="complete",
    selection="last",
    stratify="class",
    scored_labels="known",
)


def table(*, domains: bool = False, target: bool = True) -> Table:
    """Sixty points in the plane, two classes, every seventh of an unknown one; perhaps half of another domain."""
    rng = np.random.default_rng(0)
    y = np.where(np.arange(N) % 7 == 6, -1, np.arange(N) % 2)
    domain = np.arange(N) // (N // 2) if domains else None
    named = ("0", "1") if target else ()
    columns = (Column("a"), Column("b"))
    cells = rng.random((N, 2))
    return Table("points", cells, y if target else None, columns, named, "kind", native=True, domain=domain)


def opened(kind: type[View], data: Table, protocol: Protocol = ALL_SHOWN, seeds: int = 1) -> View:
    encoding = Encoding.of(data)
    return kind(data, encoding, make_splits(data, encoding, protocol, 0, seeds), CPU)
