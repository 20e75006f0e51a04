"""`ganx impute`: fill a user's table with the mean of a run's replicas, and say how far they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console

from ganx.data.csv_table import read_like
from ganx.data.encoding import Encoding
from ganx.engine.build import load_module
from ganx.engine.capabilities import Method, about, of_estimator, of_module
from ganx.engine.views import Facts, GivenCells
from ganx.errors import UserError
from ganx.files import make_folder, write_text
from ganx.run.estimator import load_estimator
from ganx.run.experiment import State
from ganx.run.folder import RunFolder, find_run
from ganx.run.kept import read_kept
from ganx.run.stored import finished_result, stored_config
from ganx.targets import MethodSpec, added_by, spec
from ganx.text import plural

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def impute(config: dict[str, Any], argv: Sequence[str]) -> int:
    """Fill `config["input"]` with a run, write `config["out"]` and, if wanted, `config["spread"]`. Returns 0.

    The run must have been trained with `protocol.folds=0`. Cells that hold a value come back as they were written.
    Where the target is missing it is predicted, and the column is added if the file lacks it.

    Raises:
        UserError: no such run, one that is not finished or holds rows back, or a table of another form.
    """
    console = Console()
    for key in ("out", "spread"):
        if config[key] is not None and Path(config[key]).resolve() == Path(config["input"]).resolve():
            raise UserError(f"{key}={config[key]} is the input itself; write to another file")
    folder = find_run(config["run"], config["outputs"])
    ensemble = _ensemble(folder, added_by(argv))
    columns = ensemble.encoding.columns
    raw, x, y = read_like(config["input"], columns, ensemble.classes, ensemble.target)
    if not len(raw):
        raise UserError(f"{config['input']} has no rows")
    filled, spread, probability = ensemble.answer(x)

    missing = np.isnan(x)
    spreads = pd.DataFrame("", index=raw.index, columns=[column.name for column in columns], dtype=object)
    for j, column in enumerate(columns):
        for i in np.flatnonzero(missing[:, j]):
            raw.loc[i, column.name] = ensemble.text(j, filled[i, j])
            spreads.loc[i, column.name] = f"{spread[i, j]:.6g}"
    n_labels = 0
    if probability is not None and ensemble.target is not None:
        unknown = np.ones(len(raw), dtype=np.bool_) if y is None else y < 0
        n_labels = int(unknown.sum())
        if ensemble.target not in raw:
            raw[ensemble.target] = ""
        guesses = np.asarray(ensemble.classes, dtype=object)[probability.argmax(1)]
        raw.loc[unknown, ensemble.target] = guesses[unknown]
        spreads[ensemble.target] = np.where(unknown, [f"{1 - p:.6g}" for p in probability.max(1)], "")
    _write(Path(config["out"]), raw, raw.attrs["separator"])
    if config["spread"] is not None:
        _write(Path(config["spread"]), spreads, raw.attrs["separator"])
    console.print(
        f"{plural(int(missing.sum()), 'cell')} filled and {plural(n_labels, 'label')} predicted "
        f"by {plural(ensemble.n_replicas, 'replica')}; "
        f"written to {config['out']}",
        highlight=False,
        soft_wrap=True,
    )
    return 0


@dataclass(frozen=True)
class Ensemble:
    """The replicas of a finished run, as far as other tables of the same form concern them."""

    config: dict[str, Any]
    spec: MethodSpec
    state: State
    encoding: Encoding
    classes: tuple[str, ...]
    target: str | None
    extra_targets: frozenset[str]

    @property
    def n_replicas(self) -> int:
        """How many replicas answer."""
        return len(self.state["replicas"]) - len(self.state["failed"])

    def answer(self, x: Floats) -> tuple[Floats, Floats, Floats | None]:
        """Answer for cells (N, D) in original units, NaN = missing.

        Returns:
            the mean of the replicas (N, D) in original units (a category is the likeliest one); their spread (N, D):
            the standard deviation, for a category the share of replicas that chose another one; mean class
            probabilities (N, K).
        """
        features, probabilities = [], []
        for r, replica in enumerate(self.state["replicas"]):
            if "{},{}".format(*replica) in self.state["failed"]:
                continue
            imputed, probability = self._answer_of(r, x)
            features.append(imputed)
            if probability is not None:
                probabilities.append(probability)
        mean = self.encoding.decode(np.mean(features, axis=0))
        each = np.stack([self.encoding.decode(imputed) for imputed in features])
        differs = np.where(self.encoding.numeric, each.std(0), (each != mean).mean(0))
        return mean, differs, np.mean(probabilities, axis=0) if probabilities else None

    def text(self, column: int, value: float) -> str:
        """Write a cell as its column is written: a category's name, or a number with as many decimals."""
        categories = self.encoding.columns[column].categories
        if categories:
            return categories[int(value)]
        decimals = self.state["table"]["decimals"][column]
        return f"{value:.6g}" if decimals is None else f"{value:.{decimals}f}"

    def _answer_of(self, replica: int, x: Floats) -> tuple[Floats, Floats | None]:
        low = np.asarray(self.state["table"]["low"][replica], dtype=np.float32)
        span = np.asarray(self.state["table"]["span"][replica], dtype=np.float32)
        m = self.encoding.expand(~np.isnan(x))
        view = GivenCells(np.where(m, (self.encoding.encode(x) - low) / span, 0).astype(np.float32), m)
        names = [name for name in ("impute", "classify") if name in self.spec.capabilities]
        if not self.classes:
            names = ["impute"]
        # All are asked in each state, since some draw noise one after another.
        given = {name: about(self._method(replica, view, name), view, np.arange(len(x)), names)[name] for name in names}
        return given["impute"] * span + low, given.get("classify")

    def _method(self, replica: int, view: GivenCells, capability: str) -> Method:
        model, n_classes = self.config["model"], len(self.classes)
        if self.spec.fitter == "estimator":
            kept, name = self.state["kept"][replica], self.state["replicas"][replica]
            return of_estimator(load_estimator(model, kept, name, n_classes, None, self.extra_targets))
        facts = Facts(n_features=view.x.shape[1], shape=(view.x.shape[1],), bounded=True, n_classes=n_classes)
        return of_module(load_module(self.config, self.state, replica, facts, capability, self.extra_targets), view)


def _ensemble(folder: RunFolder, extra_targets: frozenset[str]) -> Ensemble:
    config = stored_config(folder, extra_targets)
    finished_result(folder)
    name, method = config["model"]["name"], spec(config["model"])
    if config["protocol"]["folds"] != 0:
        raise UserError(
            f"{folder}: trained with protocol.folds={config['protocol']['folds']}, each replica on a part of the rows; "
            "to fill tables, train with protocol.folds=0"
        )
    if method.fitter == "chain":
        raise UserError(
            f"{folder}: a pipeline fills no other tables; train its imputer alone: "
            f"model={config['model']['imputer']['name']}"
        )
    if method.reads != "cells" or "impute" not in method.capabilities:
        raise UserError(f"{folder}: model={name} cannot impute; train e.g. model=hexagan")
    if not folder.checkpoint.exists():
        raise UserError(f"{folder}: nothing of model={name} was kept that could fill another table; train it again")
    replicas = [(seed, 0) for seed in range(config["seed"], config["seed"] + config["seeds"])]
    state = read_kept(folder, method.fitter, replicas)
    facts = state["table"]
    if len(state["failed"]) == len(state["replicas"]):
        raise UserError(f"{folder}: every replica of this run has failed")
    encoding = Encoding.from_dict(facts["encoding"])
    return Ensemble(config, method, state, encoding, tuple(facts["classes"]), facts["target"], extra_targets)


def _write(path: Path, table: pd.DataFrame, separator: str) -> None:
    make_folder(path.parent)
    write_text(path, table.to_csv(index=False, sep=separator, lineterminator="\n"))
