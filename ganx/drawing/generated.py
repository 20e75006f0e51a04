"""The figures of a run that generates points in the plane or images, from its final state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from ganx.data.rows import Rows, as_images
from ganx.drawing.samples import animation, entropy_curve, image_animation, regions, scatter
from ganx.drawing.samples import image_grid as draw_grid
from ganx.engine.capabilities import MIXTURE_SAMPLES, Answers, of_module, samples
from ganx.engine.film import GRID_ROWS, grid_codes
from ganx.engine.latent import IN_USE
from ganx.engine.views import Examples
from ganx.run.experiment import Experiment, State
from ganx.run.folder import RunFolder

Floats = NDArray[np.floating]
Categories = NDArray[np.int64]

_MOST_FRAMES = 24  # of a film: each costs a twentieth of a second to draw, and takes 10 kB
_AT_ONCE = 10_000  # points of which a classifier is asked; bounds the memory
_ROOM = 0.15  # around the data, as a share of the longer side


def in_plane(experiment: Experiment) -> bool:
    """Whether the rows are points in the plane, and seen as such by the method."""
    return experiment.facts.shape == (2,) and experiment.table.n_columns == 2


def used(module: Any) -> Categories:
    """Return the categories of the first replica that are in use: P(C) is 1 % or more, or no other's is larger."""
    p = module.p_c[0].numpy()
    return np.flatnonzero(p >= min(IN_USE, p.max(initial=0)))


def draw_samples(experiment: Experiment, state: State, replica: int, answers: Answers, folder: RunFolder) -> None:
    """Draw samples of points in the plane or of images, and how training came to them."""
    view = experiment.view(replica)
    if not isinstance(view, Examples) or not (view.units.image or in_plane(experiment)):
        return
    module = experiment.module(state, replica)
    film = state["film"] if replica == 0 else {"steps": []}  # only the first replica has been filmed
    if view.units.image:
        _draw_images(module, experiment, view, film, folder)
    else:
        _draw_points(module, experiment, view, film, folder)


def draw_regions(experiment: Experiment, state: State, replica: int, answers: Answers, folder: RunFolder) -> None:
    """Draw which category, or class, a method sees where in the plane."""
    view = experiment.view(replica)
    if not isinstance(view, Examples) or not in_plane(experiment):
        return
    name = "cluster" if "cluster" in experiment.spec.capabilities else "classify"
    method = experiment.method(state, replica, view, name)
    data = experiment.table.x
    low, high = data.min(0), data.max(0)
    room = _ROOM * (high - low).max()
    (left, bottom), (right, top) = low - room, high + room

    @torch.no_grad()
    def category_of(points: Floats) -> Categories:
        """The likeliest category of points (n, 2) in the units of the table."""
        stored = Rows.of(replace(experiment.table, x=points), experiment.encoding).stored
        x = torch.from_numpy((stored - view.units.centre) / view.units.half).float().unsqueeze(0)
        parts = x.chunk(-(-len(points) // _AT_ONCE), 1)
        found: Categories = np.concatenate([method.call(name, part).argmax(1) for part in parts])
        return found

    regions(data, (left, right, bottom, top), category_of, folder.figures / "regions.png")


# --- points in the plane ---------------------------------------------------------------------------------------


def _draw_points(module: Any, experiment: Experiment, view: Examples, film: dict[str, Any], folder: RunFolder) -> None:
    data = experiment.table.x
    made = samples(of_module(module, view), view, MIXTURE_SAMPLES)
    category = made.c if module.n_categories else None
    scatter(data, made.x, category, folder.figures / "samples.png", experiment.name)
    if steps := film["steps"]:
        chosen = _evenly(len(steps))
        animation(
            data,
            film["frames"].numpy()[chosen],
            film["categories"].numpy()[chosen] if module.n_categories else None,
            np.array(steps)[chosen],
            folder.figures / "samples.gif",
        )


# --- images ----------------------------------------------------------------------------------------------------


def _draw_images(module: Any, experiment: Experiment, view: Examples, film: dict[str, Any], folder: RunFolder) -> None:
    ink = 0, 2 * view.units.half
    names = category_names(module, experiment) or None
    draw_grid(image_grid(module, view.units), folder.figures / "samples.png", names, ink)
    if steps := film["steps"]:
        chosen = _evenly(len(steps))
        frames = _arranged(module, view.units, film["frames"].numpy()[chosen])
        image_animation(frames, np.array(steps)[chosen], folder.figures / "samples.gif", ink)


@torch.no_grad()
def image_grid(module: Any, units: Rows) -> Floats:
    """Return generated images (8, columns, H, W[, 3]) in the units of the table.

    There is a z for each row, and a column for each category in use. Without categories every image has its own z.
    """
    with module.evaluation_noise(0):  # that of the film, whose last frame this is
        return _arranged(module, units, units.cells(module.generate(*grid_codes(module))[0].numpy()))


def category_names(module: Any, experiment: Experiment) -> list[str]:
    """Return what the columns of `image_grid` are called: classes, or the numbers of categories that have no name."""
    classes = experiment.table.classes
    return [classes[k] if experiment.spec.conditional else str(k) for k in used(module)]


def _arranged(module: Any, units: Rows, cells: NDArray[Any]) -> NDArray[Any]:
    """Bring the cells (..., n, D) of `grid_codes` into a grid (..., 8, columns, H, W[, 3]) of the categories in use."""
    grid = cells.reshape(*cells.shape[:-2], GRID_ROWS, -1, cells.shape[-1])
    return as_images(grid.take(used(module), axis=-2) if module.n_categories else grid, units.shape)


# --- over training ---------------------------------------------------------------------------------------------


def draw_entropy(experiment: Experiment, state: State, replica: int, answers: Answers, folder: RunFolder) -> None:
    """Draw the entropy of a P(C) that is learned, of points in the plane and of images."""
    view = experiment.view(replica)
    if not isinstance(view, Examples) or not (view.units.image or in_plane(experiment)):
        return
    if not folder.metrics.exists():
        return
    by_step = pd.read_csv(folder.metrics).groupby("step")["prior_entropy"]
    mean, low, high = (figure.to_numpy() for figure in (by_step.mean(), by_step.min(), by_step.max()))
    step = by_step.mean().index.to_numpy()
    entropy_curve(step, mean, low, high, folder.figures / "prior_entropy.png", len(answers["prior"]))


def _evenly(n: int) -> Categories:
    """Return the places of the frames of a film that are shown, the first and the last among them."""
    return np.linspace(0, n - 1, min(n, _MOST_FRAMES)).round().astype(np.int64)
