"""Figures: how they are plotted, and which of them a run leaves behind."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams["text.parse_math"] = False  # a name may have dollar signs in it


@contextmanager
def drawing() -> Iterator[None]:
    """Keep from the terminal what matplotlib says of names while it draws, e.g. of letters that its font lacks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield
