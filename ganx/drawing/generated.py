"""The figures of a run that generates points in the plane or images, from its final state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from ganx.data.rows import Rows
from ganx.drawing.samples import animation, entropy_curve, image_animation, regions, scatter
from ganx.drawing.samples import image_grid as draw_grid
from ganx.engine.evaluate_samples import SAMPLES, generated, load_generator
from ganx.engine.film import GRID_ROWS, grid_codes
from ganx.engine.generative import IN_USE, GenerativeModule
from ganx.run.experiment import Experiment
from ganx.run.folder import RunFolder

Floats = NDArray[np.floating]
Categories = NDArray[np.int64]

_MOST_FRAMES = 24  # of a film: each costs a twentieth of a second to draw, and takes 10 kB
_AT_ONCE = 10_000  # points of which a classifier is asked; bounds the memory
_ROOM = 0.15  # around the data, as a share of the longer side


def draw_samples(experiment: Experiment, state: dict[str, Any], replica: int, folder: RunFolder) -> None:
    """Draw samples, how training came to them, decision regions and the entropy of P(C), as far as a run has them."""
    rows = experiment.rows
    assert rows is not None
    if not rows.image and not in_plane(experiment):
        return
    module = load_generator(
        experiment.config, state, replica, rows, experiment.table.n_classes, experiment.extra_targets
    )
    film = state["film"] if replica == 0 else {"steps": []}  # only the first replica has been filmed
    if rows.image:
        _draw_images(module, experiment, rows, film, folder)
    else:
        _draw_points(module, experiment, rows, film, folder)
    _draw_entropy(module, folder)


def in_plane(experiment: Experiment) -> bool:
    """Whether the rows are points in the plane, and seen as such by a model that generates rows."""
    return experiment.rows is not None and experiment.rows.shape == (2,) and experiment.table.n_columns == 2


def used(module: GenerativeModule) -> Categories:
    """Return the categories of the first replica that are in use: P(C) is 1 % or more, or no other's is larger."""
    p = module.prior()[0].numpy()
    return np.flatnonzero(p >= min(IN_USE, p.max(initial=0)))


# --- points in the plane ---------------------------------------------------------------------------------------


def _draw_points(
    module: GenerativeModule, experiment: Experiment, rows: Rows, film: dict[str, Any], folder: RunFolder
) -> None:
    data, name = experiment.table.x, f"{experiment.config['model']['name']} on {experiment.table.name}"
    samples, c = generated(module, rows, SAMPLES)
    category = c if module.n_categories else None
    scatter(data, samples, category, folder.figures / "samples.png", name)
    if steps := film["steps"]:
        chosen = _evenly(len(steps))
        animation(
            data,
            film["frames"].numpy()[chosen],
            film["categories"].numpy()[chosen] if module.n_categories else None,
            np.array(steps)[chosen],
            folder.figures / "samples.gif",
        )
    if hasattr(module, "cluster"):
        low, high = data.min(0), data.max(0)
        room = _ROOM * (high - low).max()
        (left, bottom), (right, top) = low - room, high + room
        regions(
            data,
            (left, right, bottom, top),
            lambda points: _categories_of(points, module, experiment),
            folder.figures / "regions.png",
        )


@torch.no_grad()
def _categories_of(points: Floats, module: Any, experiment: Experiment) -> Categories:
    """Return the likeliest category of each point (n, 2), which is in the units of the table."""
    rows = Rows.of(replace(experiment.table, x=points), experiment.encoding)
    x = torch.from_numpy((rows.stored - rows.centre) / rows.half).float().unsqueeze(0)
    parts = x.chunk(-(-len(points) // _AT_ONCE), 1)
    found: Categories = torch.cat([module.cluster(part)[0].argmax(1) for part in parts]).numpy()
    return found


# --- images ----------------------------------------------------------------------------------------------------


def _draw_images(
    module: GenerativeModule, experiment: Experiment, rows: Rows, film: dict[str, Any], folder: RunFolder
) -> None:
    ink = 0, 2 * rows.half
    names = category_names(module, experiment.table.classes) or None
    draw_grid(image_grid(module, rows), folder.figures / "samples.png", names, ink)
    if steps := film["steps"]:
        chosen = _evenly(len(steps))
        frames = _arranged(module, rows, film["frames"].numpy()[chosen])
        image_animation(frames, np.array(steps)[chosen], folder.figures / "samples.gif", ink)


@torch.no_grad()
def image_grid(module: GenerativeModule, rows: Rows) -> Floats:
    """Return generated images (8, columns, H, W) in the units of the table.

    There is a z for each row, and a column for each category in use. Without categories every image has its own z.
    """
    with module.evaluation_noise(0):  # that of the film, whose last frame this is
        return _arranged(module, rows, rows.cells(module.generate(*grid_codes(module))[0].numpy()))


def category_names(module: GenerativeModule, classes: tuple[str, ...]) -> list[str]:
    """Return what the columns of `image_grid` are called: classes, or the numbers of categories that have no name."""
    return [classes[k] if module.uses_labels else str(k) for k in used(module)]


def _arranged(module: GenerativeModule, rows: Rows, cells: NDArray[Any]) -> NDArray[Any]:
    """Bring the cells (..., n, D) of `grid_codes` into a grid (..., 8, columns, H, W) of the categories in use."""
    images = cells.reshape(*cells.shape[:-2], GRID_ROWS, -1, *rows.shape[1:])
    return images.take(used(module), axis=-3) if module.n_categories else images


# --- over training ---------------------------------------------------------------------------------------------


def _draw_entropy(module: GenerativeModule, folder: RunFolder) -> None:
    """For methods that learn P(C)."""
    if not module.learns_prior or not folder.metrics.exists():
        return
    by_step = pd.read_csv(folder.metrics).groupby("step")["prior_entropy"]
    mean, low, high = (figure.to_numpy() for figure in (by_step.mean(), by_step.min(), by_step.max()))
    step = by_step.mean().index.to_numpy()
    entropy_curve(step, mean, low, high, folder.figures / "prior_entropy.png", module.n_categories)


def _evenly(n: int) -> Categories:
    """Return the places of the frames of a film that are shown, the first and the last among them."""
    return np.linspace(0, n - 1, min(n, _MOST_FRAMES)).round().astype(np.int64)
