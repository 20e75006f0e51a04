"""What a method sees of its data in one step."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class TabularBatch(NamedTuple):
    """B rows for each of R replicas. Cells and labels that the run may not look at are zeros, always.

    Attributes:
        x: (R, B, d) features, scaled per replica; 0 where unknown.
        m: (R, B, d) 1 = observed, 0 = unknown.
        missing: (R, B, d) 1 = unknown and to be imputed. It is 1 - m except in columns without any observed value.
        y: (R, B, K) one-hot labels; a row of zeros where the label is unknown.
        labelled: (R, B, 1) 1 = the label is known.
        row: (R, B) places in the data set.
    """

    x: Tensor
    m: Tensor
    missing: Tensor
    y: Tensor
    labelled: Tensor
    row: Tensor


class ExampleBatch(NamedTuple):
    """B whole rows or images for each of R replicas.

    Attributes:
        x: (R, B, d) rows or (R, B, C, H, W) images, in the units of `ganx.data.rows.Rows`.
        y: (R, B, K) one-hot labels; a row of zeros where the label is unknown.
        labelled: (R, B, 1) 1 = the label is known.
        row: (R, B) places in the data set.
    """

    x: Tensor
    y: Tensor
    labelled: Tensor
    row: Tensor


SampleBatch = ExampleBatch  # as methods of one's own may know it
