"""Names in figures: whatever letters a class has."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from ganx.drawing import drawing
from ganx.drawing.plots import save


@pytest.mark.parametrize("name", ["漢字", "$_{", r"$\nope$", "\x1b[31mred", "[/x]"])
def test_no_name_stops_a_figure_or_is_complained_about(tmp_path: Path, name: str) -> None:
    figure = Figure(figsize=(2, 2))
    axes = figure.subplots()
    axes.scatter(np.arange(3), np.arange(3), label=name)
    axes.set_title(name)
    axes.legend()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save(figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_other_warnings_are_seen() -> None:
    with pytest.warns(DeprecationWarning, match="old"), drawing():
        warnings.warn("old", DeprecationWarning, stacklevel=1)
