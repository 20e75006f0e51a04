"""`ganx neighbours`: does a trained run copy? What it makes, beside the training rows that are nearest to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from ganx.drawing.samples import image_grid
from ganx.errors import UserError
from ganx.files import make_folder, write_bytes
from ganx.serve.generator import Floats, Index, TrainedGenerator, check_out, open_generator
from ganx.serve.sample import check_images, csv, images, span
from ganx.terminal import Terminal

SAMPLES = 1000  # generated rows that figures are taken from, at least, and test rows, at most
NEAREST = 5  # training rows beside each sample
_COLUMNS = ("generated", "nearest", "2nd", "3rd", "4th", "5th")


def neighbours(config: dict[str, Any], argv: Sequence[str]) -> int:
    """Print how near generated rows are to training rows; show `config["n"]` of them in `config["out"]`. Returns 0.

    Raises:
        UserError: see `open_generator`; a file that the rows cannot be shown in.
    """
    n = config["n"]
    out, suffix = (None, None) if config["out"] is None else check_out(config["out"], (".png", ".csv"))
    generator = open_generator(config, argv)
    if suffix == ".png":
        check_images(n * len(_COLUMNS))
        if generator.table.image_shape is None:
            raise UserError(f"out={out}: rows of dataset={generator.table.name} are no images; write out=FILE.csv")
    train = generator.split.rows
    index = training_index(generator)
    x, c = generator.draw_all(max(n, SAMPLES), config["seed"])
    distance, place = index.kneighbors(features(generator, x), min(NEAREST, len(train)))
    console = Terminal()
    for line in figures(generator, index, distance[:, 0]):
        console.print(line, highlight=False, soft_wrap=True)
    if out is None:
        return 0
    nearest = train[place[:n]]
    make_folder(out.parent)
    if suffix == ".png":
        _draw(generator, x[:n], nearest, out)
    else:
        write_bytes(out, csv(_pairs(generator, x[:n], c[:n], nearest, distance[:n])))
    console.print(f"{n} of them, and the rows nearest to them, written to {out}", highlight=False, soft_wrap=True)
    return 0


def features(generator: TrainedGenerator, x: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return what distances between cells (n, D) are Euclidean in, (n, d), NaN where a cell is missing.

    Pixels in [0, 1]; points in the plane as they are; each column of other tables in units of its range, categories
    one-hot.
    """
    if generator.table.image_shape is not None:
        low, high = span(generator)
        return ((x - low) / (high - low)).astype(np.float32)
    if generator.table.native:
        return x.astype(np.float32)
    encoding = generator.experiment.encoding
    return np.where(encoding.expand(np.isnan(x)), np.float32(np.nan), encoding.encode(x))


def training_index(generator: TrainedGenerator) -> NearestNeighbors:
    """Return the training rows, to be searched; what is missing in a row does not count."""
    metric = "nan_euclidean" if np.isnan(generator.table.x).any() else "euclidean"
    return NearestNeighbors(metric=metric).fit(features(generator, generator.table.x[generator.split.rows]))


def figures(generator: TrainedGenerator, index: NearestNeighbors, made: Floats) -> list[str]:
    """Say how far from the nearest training row generated rows (n,) are, and test rows.

    Without test rows (`protocol.folds=0`): training rows from the nearest other one.
    """
    split = generator.split
    held_out = generator.experiment.config["protocol"]["folds"] != 0
    rows = split.test if held_out else split.rows
    some = rows[np.linspace(0, len(rows) - 1, min(len(rows), SAMPLES)).astype(np.int64)]
    real = index.kneighbors(features(generator, generator.table.x[some]), 1 if held_out else 2)[0][:, -1]
    usual = float(np.median(real))
    return [
        f"{generator.name}: Euclidean distance to the nearest of {len(split.rows):,} training rows, median",
        f"  {np.median(made):.4g}  of {len(made):,} generated rows",
        f"  {usual:.4g}  of {len(real):,} " + ("test rows" if held_out else "training rows, to the nearest other one"),
        f"{np.mean(made < usual):.1%} of the generated rows are nearer than {usual:.4g}; "
        "far more than 50 % means that training rows are copied",
    ]


def _draw(generator: TrainedGenerator, x: Floats, nearest: Index, out: Path) -> None:
    """A row for each generated image: it, and the training images nearest to it."""
    n, k = nearest.shape
    grid = images(generator, _side_by_side(x, generator.table.x[nearest]))
    image_grid(grid.reshape(n, 1 + k, *grid.shape[1:]), out, _COLUMNS[: 1 + k], span(generator))


def _pairs(generator: TrainedGenerator, x: Floats, c: Index, nearest: Index, distance: Floats) -> pd.DataFrame:
    """A line for each generated row, `neighbour` 0, and for each of the training rows nearest to it, 1, 2, ..."""
    table, (n, k) = generator.table, nearest.shape
    rows = generator.as_text(_side_by_side(x, table.x[nearest]))
    if table.y is not None:
        own = c if generator.by_class else np.full(n, -1)
        names = np.array([*table.classes, ""], dtype=object)  # the last one is number -1, unknown
        rows[table.target] = names[_side_by_side(own, table.y[nearest])]
    first: dict[str, Any] = {
        "sample": np.arange(n).repeat(1 + k),
        "neighbour": np.tile(np.arange(1 + k), n),
        "distance": [f"{d:.6g}" for d in _side_by_side(np.zeros(n), distance)],
    }
    for place, (name, values) in enumerate(first.items()):
        rows.insert(place, generator.free_name(name), values)
    return rows


def _side_by_side(made: NDArray[Any], nearest: NDArray[Any]) -> NDArray[Any]:
    """Return each item of `made` (n, ...) followed by its k of `nearest` (n, k, ...), (n (1 + k), ...)."""
    return np.concatenate([made[:, np.newaxis], nearest], axis=1).reshape(-1, *made.shape[1:])
