"""Tables, and what a protocol does to them: hidden cells and labels, imbalance, splits."""

from ganx.data.datasets import load
from ganx.data.encoding import Encoding
from ganx.data.splits import Split, make_splits
from ganx.data.table import Column, Mixture, Table

__all__ = ["Column", "Encoding", "Mixture", "Split", "Table", "load", "make_splits"]
