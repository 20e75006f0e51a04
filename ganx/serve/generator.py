"""The generator of a finished run: from noise and categories to cells in the units of the table."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ganx.data.splits import Split
from ganx.data.table import Table
from ganx.data.written import write
from ganx.engine.build import load_module
from ganx.engine.capabilities import numbers
from ganx.engine.film import GENERATOR
from ganx.engine.latent import IN_USE
from ganx.engine.views import Examples, View
from ganx.errors import UserError, nearest
from ganx.places import check_files
from ganx.run.experiment import Experiment, State
from ganx.run.finding import find_run
from ganx.run.folder import RunFolder
from ganx.run.kept import read_kept
from ganx.run.opened import open_run
from ganx.targets import added_by, spec
from ganx.text import plural

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

MOST_IMAGES = 10_000  # in a figure, which is too large to look at long before that
_AT_ONCE = 1000  # bounds the memory of networks


@dataclass(frozen=True)
class TrainedGenerator:
    """One replica of a finished run.

    Attributes:
        replica: its number among the replicas of the run.
        g: the method, a stack of one: it draws z (`latent`) and c (`draw_categories`) and generates G(z, c).
    """

    experiment: Experiment
    state: State
    replica: int
    g: Any

    @cached_property
    def view(self) -> View:
        """The rows of the replica."""
        return self.experiment.view(self.replica)

    @property
    def table(self) -> Table:
        """The data of the run."""
        return self.experiment.table

    @property
    def split(self) -> Split:
        """What the replica was trained and tested on."""
        return self.experiment.splits[self.replica]

    @property
    def name(self) -> str:
        """Model and data set, for titles and messages."""
        return self.experiment.name

    @property
    def points(self) -> bool:
        """Whether a row is a point in the plane."""
        return self.table.n_columns == 2 and bool(self.experiment.encoding.numeric.all())

    @property
    def by_class(self) -> bool:
        """Whether the categories are the classes of the data."""
        return self.experiment.spec.conditional

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The K categories: names of classes, or numbers."""
        return self.table.classes if self.by_class else tuple(map(str, range(self.g.n_categories)))

    @cached_property
    def in_use(self) -> list[int]:
        """The categories that are worth a look: all classes, and what training has not given up."""
        if "prior" not in self.experiment.spec.capabilities:
            return list(range(self.g.n_categories))
        return np.flatnonzero(self.g.prior()[0].numpy() >= IN_USE).tolist()

    def category(self, label: str | None) -> int | None:
        """Return the number of the category that a user means by its name or number.

        Raises:
            UserError: there is none.
        """
        if label is None:
            return None
        model = self.experiment.config["model"]["name"]
        if not self.names:
            raise UserError(f"label={label}: model={model} has no categories; leave label out")
        if label in self.names:
            return self.names.index(label)
        if label.isdecimal() and int(label) < len(self.names):
            return int(label)
        what = f"class of dataset={self.table.name}" if self.by_class else f"category of model={model}"
        raise UserError(
            f"label={label}: no such {what}, numbers 0 to {len(self.names) - 1}{nearest(label, self.names)}"
        )

    def codes(self, categories: Sequence[int] | Index) -> Tensor:
        """Return categories (n,) as one-hot c (1, n, K)."""
        return F.one_hot(torch.as_tensor(categories), self.g.n_categories).float().unsqueeze(0)

    @torch.no_grad()
    def cells(self, z: Tensor, c: Tensor) -> Floats:
        """Return G(z, c) as cells (n, D) in the units of the table. (1, n, n_z), (1, n, K)."""
        parts = zip(torch.split(z, _AT_ONCE, 1), torch.split(c, _AT_ONCE, 1), strict=True)
        return np.concatenate([self._in_units(self.g.generate(*part)[0].numpy()) for part in parts])

    def draw(self, n: int, seed: int, category: int | None = None) -> Iterator[tuple[Floats, Index]]:
        """Yield n rows in portions: cells (p, D), and their categories (p,), -1 without any."""
        with self.g.evaluation_noise(seed):
            for start in range(0, n, _AT_ONCE):
                size = min(_AT_ONCE, n - start)
                z = self.g.latent(size)
                c = self.g.draw_categories(size) if category is None else self.codes([category] * size)
                yield self.cells(z, c), numbers(c[0].numpy())

    def draw_all(self, n: int, seed: int, category: int | None = None) -> tuple[Floats, Index]:
        """Return what `draw` yields, (n, D) and (n,)."""
        cells, categories = zip(*self.draw(n, seed, category), strict=True)
        return np.concatenate(cells), np.concatenate(categories)

    def as_text(self, cells: Floats) -> pd.DataFrame:
        """Return cells (n, D) as the columns of the table, written as they are there; empty where they are missing."""
        styles = self.state["table"]["styles"]
        text = {
            column.name: write(cells[:, j], column.categories, styles[j]) for j, column in enumerate(self.table.columns)
        }
        return pd.DataFrame(text, dtype=object)

    def free_name(self, name: str) -> str:
        """Return a name, lengthened if the table has such a column."""
        while name in (self.table.target, *(column.name for column in self.table.columns)):
            name += "_"
        return name

    def _in_units(self, x: NDArray[np.float32]) -> Floats:
        if isinstance(self.view, Examples):
            return self.view.units.cells(x)
        return self.experiment.encoding.decode(x.astype(np.float64) * self.split.span + self.split.low)


def open_generator(config: dict[str, Any], argv: Sequence[str]) -> TrainedGenerator:
    """Return the generator that `run` and `replica` of a checked `config` name.

    Raises:
        UserError: there is no such run or replica, it has not finished or has failed, or it cannot generate.
        DamagedError: it is not what the run has left.
    """
    folder = find_run(config["run"], config["outputs"])
    opened = open_run(folder, added_by(argv))
    _check_model(folder, opened.config["model"])
    experiment = opened.experiment()
    state, replica = read_kept(folder, "gradient", experiment.replicas), config["replica"]
    _check_replica(folder, state, replica)
    return TrainedGenerator(experiment, state, replica, _generator(folder, experiment, state, replica))


def check_out(out: str, suffixes: Collection[str]) -> tuple[Path, str]:
    """Return the path of a file that is to be written, and its suffix in lower case.

    Raises:
        UserError: it is none of `suffixes`; see `ganx.places.check_files`.
    """
    path = check_files({"out": out})["out"]
    suffix = path.suffix.lower()
    if suffix not in suffixes:
        raise UserError(f"out={out}: the name ends in none of {', '.join(suffixes)}, which say what is written")
    return path, suffix


def _check_model(folder: RunFolder, model: dict[str, Any]) -> None:
    """Refuse a model that cannot generate, before any data are read."""
    method = spec(model)
    if method.fitter == "chain":
        raise UserError(f"{folder}: a pipeline generates no rows; train a model that does, e.g. model=cgan")
    if not method.capabilities.issuperset(GENERATOR):
        raise UserError(f"{folder}: model={model['name']} generates no rows; choose one that does, e.g. model=cgan")
    if model.get("n_cg") == 0:
        raise UserError(f"{folder}: trained with model.n_cg=0, so that its generator of rows has learned nothing")


def _check_replica(folder: RunFolder, state: State, replica: int) -> None:
    n = len(state["replicas"])
    if replica >= n:
        last = f", 0 to {n - 1}" if n > 1 else ": replica=0"
        raise UserError(f"replica={replica}: {folder} has {plural(n, 'replica')}{last}")
    why = state["failed"].get("{},{}".format(*state["replicas"][replica]))
    if why is not None:
        raise UserError(f"{folder}: replica {replica} has failed ({why}); choose another one with replica=")


def _generator(folder: RunFolder, experiment: Experiment, state: State, replica: int) -> Any:
    """Return the method in its last state; one that reads cells draws classes in the proportions of known labels."""
    table, facts = experiment.table, experiment.facts
    if experiment.spec.conditional and table.y is None:
        raise UserError(
            f"{folder}: model={experiment.config['model']['name']} generates rows of classes, and the data have none"
        )
    if table.y is not None:
        split = experiment.splits[replica]
        known = table.y[split.rows][split.labelled[split.rows]]
        known = known[known >= 0]
        counts = np.bincount(known, minlength=table.n_classes) if known.size else np.ones(table.n_classes)
        facts = replace(facts, class_shares=tuple(counts / counts.sum()))
    return load_module(experiment.config, state, replica, facts, None, experiment.extra_targets)
