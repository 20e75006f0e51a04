"""Images in rows and grids, clouds and curves, as PNG files. Grey ink is dark on a light ground, as in print."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from ganx.drawing.plots import COLOURS, save

Floats = NDArray[np.floating]

_HIDDEN = to_rgb("#a8c8e4")  # pixels that nobody shows
_GREY = "#666666"
_DATA = "#c8c8c8"
_MOST_DATA = 5000  # rows of the data behind samples
_MOST_COLUMNS = 4  # panels beside one another
_LEAST_COLUMNS = 5  # for which a panel of images has room, as the line above it wants some
_LETTERS = 18  # of a line of facts in an inch
_ROOM = 0.15  # around the data, as a share of the longer side


class Cloud(NamedTuple):
    """Places (n, 2) of real and generated hidden vectors, and the class (n,) of both."""

    real: Floats
    generated: Floats
    y: NDArray[np.int64]


class Points(NamedTuple):
    """Places (n, 2) in the plane, and the category (n,) of each."""

    places: Floats
    category: NDArray[np.int64]


class Grid(NamedTuple):
    """Images (rows, columns, height, width[, 3]), and what the columns are called; without names nothing is written."""

    images: Floats
    names: Sequence[str]


class Curve(NamedTuple):
    """x, and of y the mean over replicas, the smallest and the largest value."""

    x: Floats
    mean: Floats
    low: Floats
    high: Floats


def rows_of_images(rows: Mapping[str, Floats], span: tuple[float, float], title: str, fact: str, out: Path) -> None:
    """Draw rows of n images (n, height, width[, 3]); NaN is a hidden pixel. `span`: blank and full ink."""
    n = len(next(iter(rows.values())))
    figure = _figure(1.5 + 0.8 * n, 0.8 * len(rows), title, fact)
    axes = figure.subplots(len(rows), 1, squeeze=False).ravel()
    for axis, (name, images) in zip(axes, rows.items(), strict=True):
        _show(axis, _mosaic(images[np.newaxis], span))
        axis.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    save(figure, out)


def grids_of_images(
    grids: Mapping[str, Floats], names: Sequence[str], span: tuple[float, float], title: str, fact: str, out: Path
) -> None:
    """Draw a panel for each grid (rows, columns, height, width[, 3]); `names` are those of the rows."""
    n_rows, n_columns, height = next(iter(grids.values())).shape[:3]
    figure = _figure((0.5 + 0.5 * n_columns) * len(grids), 0.5 * n_rows, title, fact)
    axes = figure.subplots(1, len(grids), squeeze=False).ravel()
    for axis, (name, images) in zip(axes, grids.items(), strict=True):
        _show(axis, _mosaic(images, span))
        step = height + _gap(height)
        axis.set_yticks(np.arange(n_rows) * step + (height - 1) / 2, names, fontsize=8)
        axis.tick_params(length=0)
        axis.set_title(name, fontsize=10)
    save(figure, out)


def hidden_spaces(clouds: Mapping[str, Cloud], names: Sequence[str], title: str, fact: str, out: Path) -> None:
    """Draw a panel for each cloud: a colour for each class, dots for real rows, crosses for generated vectors."""
    figure = _figure(3.0 * len(clouds), 2.9, title, fact)
    axes = figure.subplots(1, len(clouds), squeeze=False).ravel()
    for axis, (name, cloud) in zip(axes, clouds.items(), strict=True):
        colours = np.array([to_rgb(COLOURS[k % len(COLOURS)]) for k in cloud.y])
        axis.scatter(*cloud.real.T, s=9, c=colours, alpha=0.55, linewidths=0)
        axis.scatter(*cloud.generated.T, s=14, c=colours, marker="x", linewidths=0.8)
        axis.set_title(name, fontsize=10)
        axis.set(xticks=[], yticks=[])
    kinds = [
        Line2D([], [], linestyle="", color=_GREY, marker=marker, markersize=5, label=label)
        for marker, label in (("o", "real"), ("x", "generated"))
    ]
    classes = [
        Line2D([], [], linestyle="", color=COLOURS[k % len(COLOURS)], marker="s", markersize=6, label=name)
        for k, name in enumerate(names)
    ]
    figure.legend(handles=[*kinds, *classes], loc="outside right center", fontsize=8, frameon=False)
    save(figure, out)


def curves(lines: Mapping[str, Curve], x: str, y: str, title: str, fact: str, out: Path) -> None:
    """Draw a line for each curve, its range shaded."""
    figure = _figure(6.4, 3.8, title, fact)
    axis = figure.subplots()
    for (name, line), colour in zip(lines.items(), COLOURS * len(lines), strict=False):
        axis.fill_between(line.x, line.low, line.high, color=colour, alpha=0.18, linewidth=0)
        axis.plot(line.x, line.mean, color=colour, linewidth=1.6, label=name)
    axis.set(xlabel=x, ylabel=y)
    axis.margins(x=0.01)
    axis.grid(color="#dddddd", linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(fontsize=9, frameon=False)
    save(figure, out)


def clusters(panels: Mapping[str, Points], data: Floats, title: str, fact: str, out: Path) -> None:
    """Draw a panel for each set of points: a colour for each category, over the data (N, 2) in grey, in their view."""
    n_rows = -(-len(panels) // _MOST_COLUMNS)
    n_columns = -(-len(panels) // n_rows)
    figure = _figure(2.6 * n_columns, 2.8 * n_rows, title, fact)
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    low, high = data.min(axis=0), data.max(axis=0)
    left_bottom, right_top = low - _ROOM * (high - low).max(), high + _ROOM * (high - low).max()
    shown = data[np.random.default_rng(0).permutation(len(data))[:_MOST_DATA]]
    for axis, (name, points) in zip(axes, panels.items(), strict=False):
        colours = np.array([to_rgb(colour) for colour in COLOURS])[points.category % len(COLOURS)]
        axis.scatter(*shown.T, s=2, color=_DATA, linewidths=0)
        axis.scatter(*points.places.T, s=3, c=colours, alpha=0.8, linewidths=0)
        axis.set_title(name, fontsize=9)
        axis.set(xlim=(left_bottom[0], right_top[0]), ylim=(left_bottom[1], right_top[1]), xticks=[], yticks=[])
        axis.set_aspect("equal")
        axis.spines[:].set_color("#aaaaaa")
    for axis in axes[len(panels) :]:
        axis.remove()
    save(figure, out)


def columns_of_images(grids: Mapping[str, Grid], span: tuple[float, float], title: str, fact: str, out: Path) -> None:
    """Draw a panel for each grid, its columns named above. `span`: blank and full ink."""
    n_columns = [max(grid.images.shape[1], _LEAST_COLUMNS) for grid in grids.values()]
    n_rows = max(len(grid.images) for grid in grids.values())
    figure = _figure(0.32 * sum(n_columns) + 0.2 * len(grids), 0.32 * n_rows + 0.6, title, fact)
    axes = figure.subplots(1, len(grids), squeeze=False, width_ratios=n_columns).ravel()
    for axis, (name, grid) in zip(axes, grids.items(), strict=True):
        _show(axis, _mosaic(grid.images, span))
        width = grid.images.shape[3]
        places = np.arange(len(grid.names)) * (width + _gap(grid.images.shape[2])) + (width - 1) / 2
        axis.set_xticks(places, grid.names, fontsize=7)
        axis.tick_params(length=0, labeltop=True, labelbottom=False)
        axis.set_anchor("N")
        axis.set_title(name, fontsize=9)
    save(figure, out)


def _figure(width: float, height: float, title: str, fact: str) -> Figure:
    """Return a figure with room for `height` inches below its title and above its line of facts."""
    figure = Figure(figsize=(width, height + 0.8), layout="constrained")
    figure.suptitle(title, fontsize=12)
    figure.supxlabel(textwrap.fill(fact, int(_LETTERS * width)), fontsize=7.5, color=_GREY)
    return figure


def _show(axis: Axes, mosaic: Floats) -> None:
    axis.imshow(mosaic, interpolation="nearest")
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)


def _mosaic(images: Floats, span: tuple[float, float]) -> Floats:
    """Put a grid of images (rows, columns, height, width[, 3]) on white ground; return (height, width, 3) colours."""
    n_rows, n_columns, height, width = images.shape[:4]
    gap = _gap(height)
    mosaic = np.ones((n_rows * (height + gap) - gap, n_columns * (width + gap) - gap, 3))
    for i, j in np.ndindex(n_rows, n_columns):
        top, left = i * (height + gap), j * (width + gap)
        mosaic[top : top + height, left : left + width] = _inked(images[i, j], span)
    return mosaic


def _inked(image: Floats, span: tuple[float, float]) -> Floats:
    """Return an image (height, width), the larger the darker, or (height, width, 3) as it is, in colours of [0, 1]."""
    low, high = span
    ink: Floats = np.nan_to_num(np.clip((image - low) / (high - low or 1), 0, 1))
    hidden = np.isnan(image)
    colours: Floats = ink if image.ndim == 3 else np.repeat(1 - ink[..., np.newaxis], 3, axis=2)
    colours[hidden.any(axis=2) if image.ndim == 3 else hidden] = _HIDDEN
    return colours


def _gap(height: int) -> int:
    return max(1, height // 9)
