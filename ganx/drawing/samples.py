"""Figures of generated samples: points in the plane, grids of images, and both over training, as PNG and GIF files.

A category has one colour, whichever figure it is in.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ganx.drawing import drawing
from ganx.drawing.plots import COLOURS, save
from ganx.files import write_bytes

Floats: TypeAlias = NDArray[np.floating]
Categories: TypeAlias = NDArray[np.integer]
Extent: TypeAlias = tuple[float, float, float, float]

_GREY = "#666666"
_DATA = "#c8c8c8"
_GOLDEN = (5**0.5 - 1) / 2
_MOST_POINTS = 5000
_MOST_FRAMES = 60
_MOST_CELLS = 30  # beside one another; more of them are smaller
_SIDE = 300  # decision regions are asked on a grid of this side

# Milliseconds.
_FILM, _SHORTEST, _LONGEST, _LAST = 6000, 80, 500, 2500

# Pixels.
_CELL, _SMALL_CELL, _GAP = 72, 40, 3
_STRIP, _LETTER, _SMALLEST_LETTER = 24, 13, 8


# --- points in the plane ---------------------------------------------------------------------------------------


def scatter(data: Floats, samples: Floats, category: Categories | None, out: Path, title: str) -> None:
    """Draw samples (n, 2) over data (N, 2), a colour for each category (n,), into a PNG file.

    The view is that of the data; how many samples lie outside is said below.
    """
    figure, axis = _plane(data)
    axis.set_title(textwrap.fill(title, 50), fontsize=11)
    _dots(axis, samples, category)
    if category is not None:
        _legend(figure, _with_shares(np.unique(category), category), "category,\nshare of samples")
    if outside := _outside(axis, samples):
        axis.set_xlabel(f"{outside:,} of {len(samples):,} samples lie outside", fontsize=8, color=_GREY)
    save(figure, out)


def animation(
    data: Floats, frames: Floats, category: Categories | None, steps: Sequence[int] | Categories, out: Path
) -> None:
    """Draw samples (F, n, 2) of F steps of a training as a GIF file: `scatter`, in a view that stands still.

    Of more than 60 frames, 60 are shown, evenly spaced; the last one is held.

    Args:
        data: (N, 2) rows.
        frames: (F, n, 2) samples.
        category: (F, n) categories of the samples, or None.
        steps: (F,) at which they were drawn.
        out: the file.
    """
    figure, axis = _plane(data)
    canvas: Any = FigureCanvasAgg(figure)  # its methods are not typed
    if category is not None:
        _legend(figure, {int(k): str(k) for k in np.unique(category)}, "category")
    title = axis.set_title(_step(steps[-1]), fontsize=11)
    dots = _dots(axis, frames[-1], None if category is None else category[-1])
    pages = []
    for f in _evenly(len(frames)):
        dots.set_offsets(frames[f])
        if category is not None:
            dots.set(facecolors=_colours(category[f]))
        title.set_text(_step(steps[f]))
        with drawing():
            canvas.draw()
        pages.append(np.array(canvas.buffer_rgba())[..., :3])
        figure.set_layout_engine("none")  # the first page's serves all
    _write_gif(pages, out)


def regions(data: Floats, extent: Extent, category_of: Callable[[Floats], Categories], out: Path) -> None:
    """Draw into a PNG file where in the plane a classifier sees which category, and the data (N, 2) on top.

    Args:
        data: (N, 2) rows.
        extent: left, right, bottom and top of what is drawn.
        category_of: maps points (n, 2) to categories (n,).
        out: the file.
    """
    left, right, bottom, top = extent
    x, y = np.meshgrid(np.linspace(left, right, _SIDE), np.linspace(bottom, top, _SIDE))
    region = category_of(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(x.shape)
    category = category_of(data)
    figure, axis = _axes()
    pale = 0.3 * _colours(region.ravel()).reshape(*region.shape, 3) + 0.7
    axis.imshow(pale, extent=extent, origin="lower", interpolation="bilinear")
    for k in np.unique(region)[1:]:
        axis.contour(x, y, region == k, levels=[0.5], colors="white", linewidths=1.2)
    chosen = _some(len(data))
    axis.scatter(data[chosen, 0], data[chosen, 1], s=6, c=_colours(category[chosen]), linewidths=0)
    axis.set(xlim=(left, right), ylim=(bottom, top))
    axis.set_title("decision regions", fontsize=11)
    _legend(figure, _with_shares(np.unique(region), category), "category,\nshare of data")
    save(figure, out)


def _plane(data: Floats) -> tuple[Figure, Axes]:
    """Return a figure of grey data with room around it."""
    figure, axis = _axes()
    shown = data[_some(len(data))]
    axis.scatter(shown[:, 0], shown[:, 1], s=5, color=_DATA, linewidths=0)
    low, high = data.min(axis=0), data.max(axis=0)
    room = 0.15 * (high - low).max()
    axis.set(xlim=(low[0] - room, high[0] + room), ylim=(low[1] - room, high[1] + room))
    return figure, axis


def _axes() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5.2, 4.6), layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1), dpi=110)
    axis = figure.subplots()
    axis.set_aspect("equal")
    axis.tick_params(labelsize=8, color=_GREY, labelcolor=_GREY)
    axis.spines[:].set_color("#aaaaaa")
    return figure, axis


def _dots(axis: Axes, samples: Floats, category: Categories | None) -> PathCollection:
    colours = COLOURS[0] if category is None else _colours(category)
    return axis.scatter(samples[:, 0], samples[:, 1], s=9, c=colours, alpha=0.8, linewidths=0)


def _outside(axis: Axes, samples: Floats) -> int:
    """Return how many samples are out of sight; a sample that is not finite is."""
    (left, right), (bottom, top) = axis.get_xlim(), axis.get_ylim()
    x, y = samples.T
    return len(samples) - int(np.sum((left <= x) & (x <= right) & (bottom <= y) & (y <= top)))


def _with_shares(names: Categories, category: Categories) -> dict[int, str]:
    return {int(k): f"{k}  {np.mean(category == k):.1%}" for k in names}


def _legend(figure: Figure, labels: dict[int, str], title: str) -> None:
    entries = [
        Line2D([], [], linestyle="", marker="o", markersize=6, color=_colour(k), label=label)
        for k, label in labels.items()
    ]
    style: dict[str, Any] = {"fontsize": 8, "title_fontsize": 8, "frameon": False, "ncols": -(-len(labels) // 20)}
    figure.legend(handles=entries, title=title, loc="outside right center", **style)


def _colours(category: Categories) -> Floats:
    """Return the colours (n, 3) of categories (n,)."""
    palette = np.array([_colour(k) for k in range(int(category.max(initial=0)) + 1)])
    return palette[category]


def _colour(category: int) -> tuple[float, float, float]:
    """Return the colour of a category. Beyond the ten of all figures, golden steps keep neighbours apart."""
    if category < len(COLOURS):
        return to_rgb(COLOURS[category])
    return to_rgb(matplotlib.colormaps["nipy_spectral"]((category - len(COLOURS) + 1) * _GOLDEN % 1))


def _some(n: int) -> Categories:
    return np.random.default_rng(0).permutation(n)[:_MOST_POINTS]


# --- images ----------------------------------------------------------------------------------------------------


def image_grid(
    images: NDArray[np.generic],
    out: Path,
    column_names: Sequence[str] | None = None,
    span: tuple[float, float] = (0, 255),
) -> None:
    """Draw images (rows, columns, H, W), or in colour (rows, columns, H, W, 3), side by side into a PNG file.

    A pixel of an image is a square of whole pixels. `span`: the values of black and white.
    """
    buffer = io.BytesIO()
    Image.fromarray(_with_names(_mosaic(images, span, _CELL), column_names)).save(buffer, format="PNG", optimize=True)
    write_bytes(out, buffer.getvalue())


def image_animation(
    frames: NDArray[np.generic],
    steps: Sequence[int] | Categories,
    out: Path,
    span: tuple[float, float] = (0, 255),
) -> None:
    """Draw the grids (F, rows, columns, H, W[, 3]) of F steps of a training as a GIF file.

    Of more than 60 frames, 60 are shown, evenly spaced; the last one is held. `span`: the values of black and white.
    """
    chosen = _evenly(len(frames))
    _write_gif([_with_names(_mosaic(frames[f], span, _SMALL_CELL), [_step(steps[f])]) for f in chosen], out)


def _mosaic(images: NDArray[np.generic], span: tuple[float, float], cell: int) -> NDArray[np.uint8]:
    """Put images on white ground, magnified to `cell` pixels where there is room; return (height, width, 3)."""
    low, high = span
    ink = np.nan_to_num((images.astype(np.float64) - low) / (high - low or 1))
    colours = np.rint(255 * np.clip(ink, 0, 1)).astype(np.uint8)
    if colours.ndim == 4:
        colours = np.repeat(colours[..., np.newaxis], 3, axis=-1)
    rows, columns, height, width, _ = colours.shape
    times = max(1, min(-(-cell // height), _MOST_CELLS * cell // max(rows * height, columns * width)))
    colours = colours.repeat(times, axis=2).repeat(times, axis=3)
    colours = np.pad(colours, [(0, 0), (0, 0), (_GAP, 0), (_GAP, 0), (0, 0)], constant_values=255)
    mosaic = colours.transpose(0, 2, 1, 3, 4).reshape(rows * colours.shape[2], columns * colours.shape[3], 3)
    return np.pad(mosaic, [(0, _GAP), (0, _GAP), (0, 0)], constant_values=255)


def _with_names(mosaic: NDArray[np.uint8], names: Sequence[str] | None) -> NDArray[np.uint8]:
    """Write names, evenly spaced, above a mosaic; long ones in smaller letters, or cut."""
    if names is None:
        return mosaic
    width = mosaic.shape[1] / len(names)
    longest = max(_font(_LETTER).getlength(name) for name in names)
    letter = max(_SMALLEST_LETTER, min(_LETTER, int(_LETTER * 0.94 * width / max(longest, 1))))
    page = Image.fromarray(np.pad(mosaic, [(_STRIP, 0), (0, 0), (0, 0)], constant_values=255))
    pen, room = ImageDraw.Draw(page), int(width / (0.6 * letter))
    for i, name in enumerate(names):
        text = name if len(name) <= room or letter > _SMALLEST_LETTER else f"{name[: room - 1]}…"
        pen.text(((i + 0.5) * width, _STRIP / 2 + 1), text, fill="#222222", font=_font(letter), anchor="mm")
    return np.asarray(page)


def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(findfont("DejaVu Sans"), size)  # matplotlib brings it, and writes all else with it


# --- over training ---------------------------------------------------------------------------------------------


def entropy_curve(
    step: NDArray[np.integer], mean: Floats, low: Floats, high: Floats, out: Path, n_categories: int
) -> None:
    """Draw the entropy of P(C), in nats, against the step (S,) into a PNG file: mean over replicas, and their range.

    The dashed line is log K, the entropy of K categories that are equally probable.
    """
    most = float(np.log(n_categories))
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axis = figure.subplots()
    axis.fill_between(step, low, high, color=COLOURS[0], alpha=0.2, linewidth=0)
    axis.plot(step, mean, color=COLOURS[0], linewidth=1.6)
    axis.axhline(most, color=_GREY, linewidth=1, linestyle="--")
    axis.annotate(
        f"log {n_categories} = {most:.4f}",
        (1, most),
        xycoords=("axes fraction", "data"),
        xytext=(-4, 4),
        textcoords="offset points",
        ha="right",
        fontsize=8,
        color=_GREY,
    )
    axis.set(xlabel="outer step", ylabel="entropy of P(C) in nats", ylim=(0, 1.12 * most or 1))
    axis.xaxis.set_major_formatter("{x:,.0f}")
    axis.margins(x=0.01)
    axis.grid(color="#dddddd", linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)
    save(figure, out)


def _step(step: int | np.integer) -> str:
    return f"step {int(step):,}"


def _evenly(n: int) -> list[int]:
    """Return the places of at most 60 of n frames, the first and the last among them."""
    return [int(f) for f in np.linspace(0, n - 1, min(n, _MOST_FRAMES)).round()]


def _write_gif(pages: Sequence[NDArray[np.uint8]], out: Path) -> None:
    """Write pages (height, width, 3) as a GIF file that plays for ever and rests on its last page."""
    height, width, _ = pages[0].shape
    tall = Image.fromarray(np.concatenate(pages)).quantize(256)  # one palette for all, or colours would flicker
    images = [tall.crop((0, i * height, width, (i + 1) * height)) for i in range(len(pages))]
    each = int(np.clip(_FILM / len(images), _SHORTEST, _LONGEST))
    buffer = io.BytesIO()
    images[0].save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=images[1:],
        duration=[each] * (len(images) - 1) + [_LAST],
        loop=0,
    )
    write_bytes(out, buffer.getvalue())
