"""Figures of a finished run, as PNG files."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ganx.drawing import drawing
from ganx.files import write_bytes

#: Told apart by colour-blind readers, too, as far as ten colours can be.
COLOURS = [
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#7A5195",
    "#8C6D31",
    "#444444",
    "#882255",
]
_MOST_POINTS = 5000


def loss_curves(metrics: Path, out: Path) -> None:
    """Draw every loss and validation figure against the step: the mean over replicas, and their range."""
    table = pd.read_csv(metrics)
    figures = [name for name in table.columns if name not in ("step", "seed", "fold")]
    columns = 3
    figure = Figure(figsize=(4 * columns, 2.6 * -(-len(figures) // columns)), layout="constrained")
    axes = figure.subplots(-(-len(figures) // columns), columns, squeeze=False).ravel()
    by_step = table.groupby("step")
    mean, low, high = by_step.mean(), by_step.min(), by_step.max()
    for axis, name, colour in zip(axes, figures, COLOURS * len(figures), strict=False):
        axis.fill_between(mean.index, low[name], high[name], color=colour, alpha=0.2, linewidth=0)
        axis.plot(
            mean.index, mean[name], color=colour, linewidth=1.2, marker="o" if len(mean) < 3 else None, markersize=3
        )
        axis.set_title(name.replace("_", " ", 1), fontsize=9)
        axis.tick_params(labelsize=7)
        axis.set_xlabel("outer step", fontsize=8)
    for axis in axes[len(figures) :]:
        axis.remove()
    save(figure, out)


def truth_against_imputed(truth: NDArray[np.floating], imputed: NDArray[np.floating], out: Path) -> None:
    """Scatter hidden cells: truth (n,) across, imputed (n,) up, both in units of the column's full range."""
    truth, imputed = _some(truth, imputed)
    figure = Figure(figsize=(5, 5), layout="constrained")
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    axis.scatter(truth, imputed, s=4, alpha=0.35, color=COLOURS[0], linewidths=0)
    error = float(np.sqrt(np.mean((truth - imputed) ** 2)))
    axis.set(xlabel="truth", ylabel="imputed", title=f"hidden cells of the test rows (RMSE {error:.4f})")
    axis.set_aspect("equal")
    save(figure, out)


def hidden_space(
    real: NDArray[np.floating],
    real_class: NDArray[np.int64],
    generated: NDArray[np.floating],
    generated_class: NDArray[np.int64],
    classes: tuple[str, ...],
    out: Path,
) -> None:
    """Draw the first two principal components of hidden vectors (n, latent), by class and by real or generated.

    The axes are those of the real rows. A class of -1 is an unknown label. A space of one dimension is not drawn.
    """
    if real.shape[1] < 2:
        return
    from sklearn.decomposition import PCA  # half of the time that importing this module would take

    axes_of_real = PCA(2).fit(real)
    share = axes_of_real.explained_variance_ratio_
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    places = axes_of_real.transform(real)
    _scatter_classes(left, places, real_class, classes)
    left.set_title("real rows, by class")
    right.scatter(places[:, 0], places[:, 1], s=6, alpha=0.4, color="grey", linewidths=0, label="real")
    _scatter_classes(right, axes_of_real.transform(generated), generated_class, classes, prefix="generated ")
    right.set_title("real and generated")
    for axis in (left, right):
        axis.set_xlabel(f"PC 1 ({share[0]:.0%})")
        axis.legend(fontsize=8, markerscale=2)
    left.set_ylabel(f"PC 2 ({share[1]:.0%})")
    save(figure, out)


def _scatter_classes(
    axis: Axes, places: NDArray[np.floating], y: NDArray[np.int64], classes: tuple[str, ...], prefix: str = ""
) -> None:
    for k, name in enumerate(classes):
        chosen = places[y == k][:_MOST_POINTS]
        axis.scatter(
            chosen[:, 0],
            chosen[:, 1],
            s=6,
            alpha=0.6,
            color=COLOURS[k % len(COLOURS)],
            linewidths=0,
            label=prefix + name,
        )


def _some(*arrays: NDArray[np.floating]) -> list[NDArray[np.floating]]:
    chosen = np.random.default_rng(0).permutation(len(arrays[0]))[:_MOST_POINTS]
    return [array[chosen] for array in arrays]


def save(figure: Figure, out: Path) -> None:
    """Write a figure as a PNG file."""
    buffer = io.BytesIO()
    with drawing():
        figure.savefig(buffer, format="png", dpi=110)
    write_bytes(out, buffer.getvalue())


def pixels(path: Path) -> NDArray[np.uint8]:
    """Return a PNG file as (height, width, 3) bytes."""
    return (matplotlib.image.imread(path)[..., :3] * 255).astype(np.uint8)
