"""`ganx neighbours`: does a trained run copy? What it makes, beside the training rows that are nearest to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from sklearn.neighbors import NearestNeighbors

from ganx.engine.evaluate_samples import MOST_ROWS
from ganx.engine.sample_pictures import image_grid
from ganx.errors import UserError
from ganx.files import make_folder, write_bytes
from ganx.run.generator import Floats, Index, TrainedGenerator, check_suffix, open_generator
from ganx.run.sample import check_images, csv, images, span

SAMPLES = 1000  # that figures are taken from, at least
NEAREST = 5  # training rows beside each sample
_COLUMNS = ("generated", "nearest", "2nd", "3rd", "4th", "5th")


def neighbours(config: dict[str, Any], argv: Sequence[str]) -> int:
    """Print how near generated rows are to training rows; show `config["n"]` of them in `config["out"]`. Returns 0.

    Raises:
        UserError: see `open_generator`; a file that the rows cannot be shown in.
    """
    n, out = config["n"], None if config["out"] is None else Path(config["out"])
    suffix = None if out is None else check_suffix(str(out), (".png", ".csv"))
    generator = open_generator(config, argv)
    if suffix == ".png":
        check_images(n * len(_COLUMNS))
        if generator.table.image_shape is None:
            raise UserError(f"out={out}: rows of dataset={generator.table.name} are no images; write out=FILE.csv")
    train = generator.split.rows
    index = _index(generator, train)
    x, c = generator.draw_all(max(n, SAMPLES), config["seed"])
    distance, place = index.kneighbors(features(generator, x), min(NEAREST, len(train)))
    console = Console()
    for line in _figures(generator, index, distance[:, 0]):
        console.print(line, highlight=False, soft_wrap=True)
    if out is None:
        return 0
    nearest = train[place[:n]]
    make_folder(out.parent)
    if suffix == ".png":
        _draw(generator, x[:n], nearest, out)
    else:
        write_bytes(out, csv(_pairs(generator, x[:n], c[:n], nearest, distance[:n])))
    console.print(
        f"{min(n, len(x))} of them beside the nearest training rows: written to {out}", highlight=False, soft_wrap=True
    )
    return 0


def features(generator: TrainedGenerator, x: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return what distances are Euclidean in, (n, d), NaN where a cell is missing.

    Pixels in [0, 1]; points in the plane as they are; each column of other tables in units of its range, categories
    one-hot.
    """
    low, high = span(generator)
    if generator.table.image_shape is not None:
        return (x - low) / (high - low)
    if generator.table.native:
        return x
    encoding = generator.experiment.encoding
    return np.where(encoding.expand(np.isnan(x)), np.nan, encoding.encode(x))


def _index(generator: TrainedGenerator, train: Index) -> NearestNeighbors:
    """Return the training rows, to be searched; what is missing in a row does not count."""
    metric = "nan_euclidean" if np.isnan(generator.table.x).any() else "euclidean"
    return NearestNeighbors(metric=metric).fit(features(generator, generator.table.x[train]))


def _figures(generator: TrainedGenerator, index: NearestNeighbors, made: Floats) -> list[str]:
    """Say how far generated rows (n,) and real ones are from the nearest training row."""
    split = generator.split
    held_out = generator.experiment.config["protocol"]["folds"] != 0
    rows = split.test if held_out else split.rows
    some = rows[:: -(-len(rows) // MOST_ROWS)]
    found, _ = index.kneighbors(features(generator, generator.table.x[some]), 1 if held_out else 2)
    real, kind = found[:, -1], "test rows" if held_out else "training rows, each to the nearest other one"
    usual = float(np.median(real))
    return [
        f"{generator.name}: Euclidean distance to the nearest of {len(split.rows):,} training rows, median",
        f"  {np.median(made):.4g}  {len(made):,} generated rows",
        f"  {usual:.4g}  {len(real):,} {kind}",
        f"{np.mean(made < usual):.1%} of the generated rows are nearer than the median of those"
        " (much more than 50 %: they are copied)",
    ]


def _draw(generator: TrainedGenerator, x: Floats, nearest: Index, out: Path) -> None:
    """A row for each generated image: it, and the training images nearest to it."""
    rows = [
        images(generator, np.vstack([made, generator.table.x[near]])) for made, near in zip(x, nearest, strict=True)
    ]
    image_grid(np.stack(rows), out, _COLUMNS[: 1 + nearest.shape[1]], span(generator))


def _pairs(generator: TrainedGenerator, x: Floats, c: Index, nearest: Index, distance: Floats) -> pd.DataFrame:
    """A line for each generated row, `neighbour` 0, and for each of the training rows nearest to it, 1, 2, ..."""
    table, k = generator.table, nearest.shape[1]
    near = nearest.ravel()
    rows = generator.as_text(np.concatenate([x, table.x[near]]))
    if table.y is not None:
        names = np.array([*table.classes, ""], dtype=object)  # the last one: -1, unknown
        rows[table.target] = names[np.concatenate([c if generator.by_class else np.full(len(c), -1), table.y[near]])]
    sample, neighbour = np.arange(len(x)), np.arange(1, k + 1)
    rows.insert(0, "sample", np.concatenate([sample, sample.repeat(k)]))
    rows.insert(1, "neighbour", np.concatenate([np.zeros(len(x), dtype=np.int64), np.tile(neighbour, len(x))]))
    rows.insert(2, "distance", [""] * len(x) + [f"{d:.6g}" for d in distance.ravel()])
    return rows.sort_values(["sample", "neighbour"])
