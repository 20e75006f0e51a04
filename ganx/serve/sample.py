"""`ganx sample`: rows or images that a trained run makes, as a figure, a table or arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ganx.data.rows import as_images
from ganx.drawing.samples import image_grid, scatter
from ganx.errors import UserError
from ganx.files import atomic, make_folder
from ganx.serve.generator import MOST_IMAGES, Floats, TrainedGenerator, check_out, open_generator
from ganx.terminal import Terminal
from ganx.text import plural


def sample(config: dict[str, Any], argv: Sequence[str]) -> int:
    """Draw `config["n"]` rows by a replica of a finished run and write them to `config["out"]`. Returns 0.

    Raises:
        UserError: see `open_generator`; no such category; a file that such rows cannot be written to.
    """
    out, suffix = check_out(config["out"], _WRITERS)
    generator = open_generator(config, argv)
    n = _WRITERS[suffix](generator, out, config["n"], config["seed"], generator.category(config["label"]))
    what = plural(n, "image" if generator.table.image_shape else "row")
    Terminal().print(f"{what} of {generator.name}; written to {out}", highlight=False, soft_wrap=True)
    return 0


def _draw_figure(generator: TrainedGenerator, out: Path, n: int, seed: int, category: int | None) -> int:
    if generator.table.image_shape is not None:
        return _draw_images(generator, out, n, seed, category)
    if not generator.points:
        raise UserError(
            f"out={out}: rows of dataset={generator.table.name} are neither images nor points in the plane, "
            f"and make no figure; write a table, out={out.stem}.csv"
        )
    x, c = generator.draw_all(n, seed, category)
    make_folder(out.parent)
    scatter(known_rows(generator), x, c if generator.names else None, out, f"{generator.name}: {plural(n, 'sample')}")
    return n


def _draw_images(generator: TrainedGenerator, out: Path, n: int, seed: int, category: int | None) -> int:
    """A row for each z, a column for each category in use; without categories, or of one, a square."""
    check_images(n)
    columns = generator.in_use if category is None else []
    if not columns:
        x, _ = generator.draw_all(n, seed, category)
        grid = squared(images(generator, x), white=span(generator)[1])
    else:
        n_rows = max(1, n // len(columns))
        n = n_rows * len(columns)
        with generator.g.evaluation_noise(seed):
            z = generator.g.latent(n_rows).repeat_interleave(len(columns), 1)
            x = generator.cells(z, generator.codes(columns * n_rows))
        grid = images(generator, x.reshape(n_rows, len(columns), -1))
    make_folder(out.parent)
    image_grid(grid, out, [generator.names[k] for k in columns] or None, span(generator))
    return n


def _write_table(generator: TrainedGenerator, out: Path, n: int, seed: int, category: int | None) -> int:
    """As text, with the class or the category in a last column."""
    target = generator.table.target if generator.by_class else generator.free_name("category")
    names = np.array(generator.names, dtype=object)
    make_folder(out.parent)
    with atomic(out) as file:
        for i, (x, c) in enumerate(generator.draw(n, seed, category)):
            rows = generator.as_text(x)
            if generator.names:
                rows[target] = names[c]
            file.write(csv(rows, header=i == 0))
    return n


def _write_arrays(generator: TrainedGenerator, out: Path, n: int, seed: int, category: int | None) -> int:
    """x, images as bytes, and y, the number of the class or the category, -1 without any."""
    xs, ys = [], []
    for x, c in generator.draw(n, seed, category):
        xs.append(images(generator, x).round().clip(0, 255).astype(np.uint8) if generator.table.image_shape else x)
        ys.append(c)
    make_folder(out.parent)
    with atomic(out) as file:
        np.savez(file, x=np.concatenate(xs), y=np.concatenate(ys))
    return n


_WRITERS: dict[str, Callable[[TrainedGenerator, Path, int, int, int | None], int]] = {
    ".png": _draw_figure,
    ".csv": _write_table,
    ".npz": _write_arrays,
}


def csv(rows: pd.DataFrame, header: bool = True) -> bytes:
    """Return rows of text as lines of a CSV file."""
    return str(rows.to_csv(index=False, header=header, lineterminator="\n")).encode()


def known_rows(generator: TrainedGenerator) -> Floats:
    """Return the data (N, D), less the rows that lack a cell."""
    x = generator.table.x.astype(np.float64)
    return x[~np.isnan(x).any(axis=1)]


def images(generator: TrainedGenerator, x: NDArray[np.floating]) -> Floats:
    """Return cells (..., D) as images (..., H, W), or in colour (..., H, W, 3)."""
    return as_images(x.astype(np.float64), generator.table.image_shape)


def span(generator: TrainedGenerator) -> tuple[float, float]:
    """Return the values of black and white."""
    return float(np.nanmin(generator.table.x)), float(np.nanmax(generator.table.x))


def squared(figures: Floats, white: float) -> Floats:
    """Return images (n, H, W[, 3]), (rows, columns, ...), in about as many rows as columns; what is left is white."""
    n_columns = math.ceil(math.sqrt(len(figures)))
    n_rows = math.ceil(len(figures) / n_columns)
    blank = np.full((n_rows * n_columns - len(figures), *figures.shape[1:]), white)
    return np.concatenate([figures, blank]).reshape(n_rows, n_columns, *figures.shape[1:])


def check_images(n: int) -> None:
    """Refuse a figure of too many images."""
    if n > MOST_IMAGES:
        raise UserError(f"a figure of {n:,} images is too large; give a smaller n, {MOST_IMAGES:,} images at most")
