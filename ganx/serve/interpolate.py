"""`ganx interpolate`: what a trained run makes on the way from one point of its latent space to another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ganx.drawing.samples import animation, image_animation, image_grid, scatter
from ganx.errors import UserError
from ganx.files import make_folder
from ganx.serve.generator import Floats, Index, TrainedGenerator, check_out, open_generator
from ganx.serve.sample import check_images, images, known_rows, span, squared
from ganx.terminal import Terminal
from ganx.text import plural


def interpolate(config: dict[str, Any], argv: Sequence[str]) -> int:
    """Draw `config["n"]` walks of `config["steps"]` steps into `config["out"]`. Returns 0.

    Raises:
        UserError: see `open_generator`; no such category; rows that make no figure, or too large a figure.
    """
    n, steps = config["n"], config["steps"]
    out, suffix = check_out(config["out"], (".png", ".gif"))
    check_images(n * steps)
    generator = open_generator(config, argv)
    if generator.table.image_shape is None and not generator.points:
        raise UserError(
            f"rows of dataset={generator.table.name} are neither images nor points in the plane, and make no figure; "
            "ganx sample writes them as a table"
        )
    category = _categories(generator, n, generator.category(config["label"]))
    x = _walks(generator, category, steps, config["seed"])
    make_folder(out.parent)
    if generator.table.image_shape is not None:
        _draw_images(generator, x, out, suffix)
    else:
        _draw_points(generator, x, category if generator.names else None, out, suffix)
    walks = f"{plural(n, 'walk')} of {plural(steps, 'step')} by {generator.name}"
    Terminal().print(f"{walks}; written to {out}", highlight=False, soft_wrap=True)
    return 0


def spherical(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    """Return points on the arc between two vectors, as White (2016, arXiv 1609.04468) has it for normal latents.

    Points of a straight line are shorter than any vector that a generator has seen.

    Args:
        start, end: (n, m).
        t: (T,) places on the way, in [0, 1].

    Returns:
        (n, T, m).
    """
    angle = torch.acos(F.cosine_similarity(start, end, dim=1).clamp(-1, 1)).view(-1, 1, 1)
    place = t.view(1, -1, 1)
    arc = (((1 - place) * angle).sin() * start.unsqueeze(1) + (place * angle).sin() * end.unsqueeze(1)) / angle.sin()
    return torch.where(angle.sin() > 1e-4, arc, linear(start, end, t))


def linear(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    """Return points on the line between two vectors; see `spherical`."""
    return torch.lerp(start.unsqueeze(1), end.unsqueeze(1), t.view(1, -1, 1))


def _categories(generator: TrainedGenerator, n: int, category: int | None) -> Index:
    """Return the category of each walk (n,): the one that is wanted, or those in use in turn."""
    chosen = generator.in_use if category is None else [category]
    return np.resize(np.array(chosen or [-1]), n)


def _walks(generator: TrainedGenerator, category: Index, steps: int, seed: int) -> Floats:
    """Return cells (n, steps, D)."""
    g, n, t = generator.g, len(category), torch.linspace(0, 1, steps)
    with g.evaluation_noise(seed):
        start, end = g.latent(n)[0], g.latent(n)[0]
    way = spherical if g.latent_law == "normal" else linear
    # Continuous codes, which InfoGAN has behind z, are uniform.
    z = torch.cat([way(start[:, : g.n_z], end[:, : g.n_z], t), linear(start[:, g.n_z :], end[:, g.n_z :], t)], 2)
    c = generator.codes(category.repeat(steps)) if generator.names else torch.zeros(1, n * steps, 0)
    return generator.cells(z.reshape(1, n * steps, -1), c).reshape(n, steps, -1)


def _draw_images(generator: TrainedGenerator, x: Floats, out: Path, suffix: str) -> None:
    black, white = span(generator)
    if suffix == ".png":
        image_grid(images(generator, x), out, None, (black, white))
        return
    frames = np.stack([squared(images(generator, frame), white) for frame in x.swapaxes(0, 1)])
    image_animation(frames, range(1, len(frames) + 1), out, (black, white))


def _draw_points(generator: TrainedGenerator, x: Floats, category: Index | None, out: Path, suffix: str) -> None:
    n, steps, _ = x.shape
    if suffix == ".png":
        colour = None if category is None else category.repeat(steps)
        title = f"{generator.name}: {plural(n, 'walk')} of {plural(steps, 'step')}"
        scatter(known_rows(generator), x.reshape(n * steps, 2), colour, out, title)
        return
    colours = None if category is None else np.tile(category, (steps, 1))
    animation(known_rows(generator), x.swapaxes(0, 1), colours, range(1, steps + 1), out)
