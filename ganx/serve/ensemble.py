"""The replicas of a finished run, as they answer for tables of the same form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganx.data.encoding import Encoding
from ganx.data.written import write
from ganx.engine.build import load_module
from ganx.engine.capabilities import Method, about, of_estimator, of_module
from ganx.engine.views import Facts, GivenCells
from ganx.errors import UserError
from ganx.run.estimator import Known, load_estimator
from ganx.run.experiment import State
from ganx.run.folder import RunFolder
from ganx.run.kept import read_kept
from ganx.run.stored import finished_result, stored_config
from ganx.targets import MethodSpec, spec

Floats = NDArray[np.float64]


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

    def texts(self, column: int, values: Floats) -> list[str]:
        """Write cells (n,) as their column is written: names of categories, or numbers with as many decimals."""
        return write(values.tolist(), self.encoding.columns[column].categories, self.state["table"]["styles"][column])

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
            known = Known(n_classes, None, self.encoding.group)
            return of_estimator(load_estimator(model, kept, name, known, self.extra_targets))
        facts = Facts(n_features=view.x.shape[1], shape=(view.x.shape[1],), bounded=True, n_classes=n_classes)
        return of_module(load_module(self.config, self.state, replica, facts, capability, self.extra_targets), view)


def open_ensemble(folder: RunFolder, extra_targets: frozenset[str]) -> Ensemble:
    """Return the replicas of a finished run.

    Raises:
        UserError: it is not finished, holds rows back, or its method fills no tables.
        RunError: what it has kept is damaged.
    """
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
