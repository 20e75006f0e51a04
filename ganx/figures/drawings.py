"""The drawings: what each needs of its runs, and what it shows of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.manifold import TSNE

from ganx.data.rows import as_images
from ganx.drawing import panels as plots
from ganx.drawing.generated import category_names, image_grid, in_plane, used
from ganx.drawing.panels import Cloud, Curve, Grid, Points
from ganx.engine.capabilities import of_module, samples
from ganx.engine.latent import IN_USE
from ganx.errors import DamagedError, UserError
from ganx.figures.definition import Definition
from ganx.figures.trained import Trained
from ganx.metrics.generation import categories_in_use, entropy
from ganx.run.fitters import fitter_of

Rows = NDArray[np.int64]

N_DIGITS = 10
N_SAMPLES = 10
N_POINTS = 2000  # samples of each run
POINTS = 240  # of each kind in a hidden space: t-SNE is slow, and more would hide one another


@dataclass(frozen=True)
class Drawing:
    """A kind of figure.

    Attributes:
        draw: writes it.
        capabilities: of a model that it asks for.
        images, plane, classes: whether rows have to be images, points in the plane, and have a class.
        same: groups and keys that all runs have to share.
    """

    draw: Callable[[Definition, Sequence[Trained], Path], None]
    capabilities: tuple[str, ...] = ()
    images: bool = False
    plane: bool = False
    classes: bool = False
    same: tuple[str, ...] = ("dataset",)


def check(definition: Definition, runs: Sequence[Trained]) -> None:
    """Refuse what could not be drawn, before anything is trained.

    Raises:
        UserError: a run that lacks what the drawing needs.
    """
    for run in runs:
        if why := _fault(definition, run, runs[0]):
            raise UserError(f"draw={definition.draw}: run '{run.name}': {why}")


def _fault(definition: Definition, run: Trained, first: Trained) -> str | None:
    """Return why a run could not be drawn."""
    drawing, model, data = DRAWINGS[definition.draw], run.config["model"]["name"], run.table.name
    if run.experiment.spec.fitter != "gradient":
        return f"model={model} keeps no networks; name a model that is trained by gradient"
    for capability in drawing.capabilities:
        if capability not in run.experiment.spec.capabilities:
            return f"model={model} does not define `{capability}`"
    if drawing.images and run.table.image_shape is None:
        return f"the rows of dataset={data} are no images; choose e.g. dataset=digits"
    if drawing.plane and not in_plane(run.experiment):
        return f"the rows of dataset={data} are no points in the plane; choose e.g. dataset=gaussians4"
    if drawing.classes and run.table.y is None:
        return f"dataset={data} has no classes"
    if definition.draw == "curves" and (selection := run.config["protocol"]["selection"]) != "validation":
        return f"protocol.selection={selection} scores no validation rows; choose protocol.selection=validation"
    for key in drawing.same:
        if run.config[key] != first.config[key]:
            return f"its {key} is not that of the first run, but all are to show the same"
    try:
        fitter_of(run.experiment).check(run.experiment)
    except UserError as error:
        return str(error)
    return None


# --- digits ----------------------------------------------------------------------------------------------------


def draw_digits(definition: Definition, runs: Sequence[Trained], out: Path) -> None:
    """One test row of each class: whole, as it is shown, and filled by each run."""
    table, split = runs[0].table, runs[0].split
    assert table.y is not None
    classes = [k for k in range(table.n_classes) if (table.y[split.test] == k).any()]
    rows = np.array([split.test[table.y[split.test] == k][0] for k in classes[:N_DIGITS]])
    images = {"original": table.x[rows], "masked": np.where(split.seen[rows], table.x[rows], np.nan)}
    for run in runs:
        images[_with_error(run)] = _filled(run, rows)
    protocol = runs[0].config["protocol"]
    fact = (
        f"{table.name}, {table.n_rows} rows; {protocol['missing_rate']:.0%} of the pixels hidden "
        f"({protocol['mechanism'].upper()}); digits of test rows; RMSE: per row, mean over all test rows"
    )
    rows_of_images = {name: as_images(x, table.image_shape) for name, x in images.items()}
    plots.rows_of_images(rows_of_images, _full(table.x), definition.title, fact, out)


def _with_error(run: Trained) -> str:
    error = run.metrics.get("rmse_row")
    return run.name if error is None else f"{run.name}\nRMSE {error:.4f}".replace(" 0.", " .")


@torch.no_grad()
def _filled(run: Trained, rows: Rows) -> NDArray[np.floating]:
    module, batch = run.module("impute"), run.shown(rows)
    with module.evaluation_noise():
        return run.in_units(module.impute(batch.x, batch.m))


# --- samples ---------------------------------------------------------------------------------------------------


@torch.no_grad()
def draw_samples(definition: Definition, runs: Sequence[Trained], out: Path) -> None:
    """A panel for each run: G_MI(G_CG(y, z)), a row for each class y, a column for each z."""
    panels = {}
    for run in runs:
        table, module = run.table, run.module()
        k = table.n_classes
        y = torch.eye(k).repeat_interleave(N_SAMPLES, 0).unsqueeze(0)
        z = np.random.default_rng(0).random((1, N_SAMPLES, module.n_z), dtype=np.float32)
        made = run.in_units(module.generate(torch.from_numpy(z).repeat(1, k, 1), y))
        images = as_images(made, table.image_shape)
        panels[run.name] = images.reshape(k, N_SAMPLES, *images.shape[1:])
    fact = f"{runs[0].table.name}; a row for each class; the samples of a column share their noise"
    plots.grids_of_images(panels, runs[0].table.classes, _full(runs[0].table.x), definition.title, fact, out)


# --- hidden space ----------------------------------------------------------------------------------------------


def draw_hidden_space(definition: Definition, runs: Sequence[Trained], out: Path) -> None:
    """A panel for each run: t-SNE of the encoder's vectors of real rows and of generated ones, at its last step."""
    clouds = {run.name: _cloud(run) for run in runs}
    n, name = len(next(iter(clouds.values())).y), runs[0].table.name
    fact = f"{name}, {n} rows and as many generated vectors of the same classes; t-SNE, of each panel by itself"
    plots.hidden_spaces(clouds, runs[0].table.classes, definition.title, fact, out)


@torch.no_grad()
def _cloud(run: Trained) -> Cloud:
    table, module = run.table, run.module()
    assert table.y is not None
    known = np.flatnonzero(table.y >= 0)
    rows = np.sort(np.random.default_rng(0).permutation(known)[:POINTS])
    batch, wanted = run.shown(rows), table.y[rows]  # the generated ones have the classes of the real ones
    with module.evaluation_noise():
        real = module.encode(batch.x, batch.m)[0].numpy()
        made = module.generate_hidden(torch.eye(table.n_classes)[wanted].unsqueeze(0))[0].numpy()
    vectors = np.concatenate([real, made]).astype(np.float64)
    start = "pca" if vectors.shape[1] > 1 and np.linalg.matrix_rank(vectors - vectors.mean(0)) > 1 else "random"
    perplexity = min(30.0, len(vectors) / 4)
    places = TSNE(init=start, perplexity=perplexity, random_state=0).fit_transform(vectors)
    return Cloud(places[: len(rows)], places[len(rows) :], wanted)


# --- curves ----------------------------------------------------------------------------------------------------


def draw_curves(definition: Definition, runs: Sequence[Trained], out: Path) -> None:
    """A curve for each run: RMSE on validation rows against the epoch, the mean over replicas and their range."""
    curves = {run.name: _curve(run) for run in runs}
    table, n = runs[0].table, len(runs[0].experiment.splits)
    fact = f"{table.name}, {table.n_rows} rows; mean over {n} replicas, range shaded; RMSE: per row, mean over rows"
    plots.curves(curves, "epoch", "RMSE on validation rows", definition.title, fact, out)


def _curve(run: Trained) -> Curve:
    metrics = run.experiment.folder.metrics
    if not run.log_is_whole:
        raise DamagedError(f"{metrics} is not the one that the run has left; remove the folder, and train again")
    by_step = pd.read_csv(metrics).groupby("step")["validation_rmse_row"]
    epoch = by_step.mean().index.to_numpy() * run.config["model"]["batch_size"] / len(run.split.rows)
    return Curve(epoch, by_step.mean().to_numpy(), by_step.min().to_numpy(), by_step.max().to_numpy())


# --- clusters --------------------------------------------------------------------------------------------------


def draw_clusters(definition: Definition, runs: Sequence[Trained], out: Path) -> None:
    """A panel for each run: samples over the data, coloured by category, without categories that are not in use."""
    panels = {}
    for run in runs:
        module = run.module()
        panels[_with_prior(run, module)] = _points(run, module)
    table = runs[0].table
    fact = (
        f"{table.name}, {table.n_rows} rows (grey); {N_POINTS} samples each, a colour for each category; "
        f"categories with P(C) below {IN_USE:.0%} are left out; entropy: of P(C), in nats"
    )
    plots.clusters(panels, table.x, definition.title, fact, out)


def _points(run: Trained, module: Any) -> Points:
    places, c = samples(of_module(module, run.view), run.view, N_POINTS)
    shown = np.isin(c, used(module)) if module.n_categories else np.ones(len(c), bool)
    return Points(places[shown], c[shown].clip(0))


def _with_prior(run: Trained, module: Any) -> str:
    """Name a run, and say what has become of a P(C) that is learned."""
    if "prior" not in run.experiment.spec.capabilities:
        return run.name
    p = module.prior()[0].numpy()
    n = categories_in_use(p)
    return f"{run.name}\n{n} {'category' if n == 1 else 'categories'}\nentropy {entropy(p):.4f}"


# --- categories ------------------------------------------------------------------------------------------------


def draw_categories(definition: Definition, runs: Sequence[Trained], out: Path) -> None:
    """A panel for each run: images, a row for each z, a column for each category in use."""
    panels, table = {}, runs[0].table
    for run in runs:
        module = run.module()
        names = category_names(module, run.experiment)
        panels[_with_prior(run, module)] = Grid(image_grid(module, run.view.units), names)
    fact = (
        f"{table.name}; the images of a row share z, those of a column their category; "
        f"categories with P(C) below {IN_USE:.0%} are left out; entropy: of P(C), in nats"
    )
    plots.columns_of_images(panels, _full(table.x), definition.title, fact, out)


DRAWINGS = {
    "digits": Drawing(draw_digits, ("impute",), images=True, classes=True, same=("dataset", "protocol", "seed")),
    "samples": Drawing(draw_samples, ("encode", "generate"), images=True, classes=True),
    "hidden_space": Drawing(draw_hidden_space, ("encode", "generate_hidden"), classes=True),
    "curves": Drawing(draw_curves, ("impute",)),
    "clusters": Drawing(draw_clusters, ("generate", "sample"), plane=True),
    "categories": Drawing(draw_categories, ("generate", "sample"), images=True),
}


def _full(x: NDArray[np.floating]) -> tuple[float, float]:
    return float(np.nanmin(x)), float(np.nanmax(x))
