"""What a finished run has kept of a method, and of the methods that it is made of, as they answer for other rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ganx.engine.build import SELECTED_BY, load_module
from ganx.engine.capabilities import Answers, Method, about, of_estimator, of_module
from ganx.engine.views import Facts, GivenCells
from ganx.run.chain import stage_config
from ganx.run.estimator import Known, load_estimator
from ganx.run.experiment import State
from ganx.run.folder import RunFolder
from ganx.run.kept import read_kept
from ganx.run.parts import members
from ganx.run.respond import respond
from ganx.targets import MethodSpec, spec

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]
Replicas = Sequence[tuple[int, int]]


class Part(Protocol):
    """A method and its replicas."""

    @property
    def state(self) -> State:
        """Has at least `replicas`, `failed` and `table`."""

    def answer(self, replica: int, view: GivenCells, known: Known, names: Sequence[str]) -> Answers:
        """Return what a replica answers about all rows of a view, in the view's units."""


@dataclass(frozen=True)
class Single:
    """A method that is trained, or fitted, by itself.

    Attributes:
        asked: how often each replica has answered: a long table is asked about in portions, and a fitted method that
            draws random answers must not repeat them in each.
    """

    config: dict[str, Any]
    spec: MethodSpec
    state: State
    extra_targets: frozenset[str]
    asked: Counter[int] = field(default_factory=Counter)

    def answer(self, replica: int, view: GivenCells, known: Known, names: Sequence[str]) -> Answers:
        """See `Part`. Each is asked in its own state; all are asked in it, since some draw noise one after another."""
        rows, able = np.arange(len(view.x)), [name for name in names if name in self.spec.capabilities]
        answers = {name: about(self._method(replica, view, known, name), view, rows, able)[name] for name in able}
        self.asked[replica] += 1
        return answers

    def _method(self, replica: int, view: GivenCells, known: Known, capability: str) -> Method:
        if self.spec.fitter == "estimator":
            kept, name = self.state["kept"][replica], self.state["replicas"][replica]
            estimator = load_estimator(self.config["model"], kept, name, known, self.extra_targets)
            estimator.portion = self.asked[replica]
            return of_estimator(estimator)
        d = len(known.group)
        facts = Facts(n_features=d, shape=(d,), bounded=True, n_classes=known.n_classes)
        metric = SELECTED_BY.get(capability)
        return of_module(load_module(self.config, self.state, replica, facts, metric, self.extra_targets), view)


@dataclass(frozen=True)
class Chained:
    """One that imputes, and one that classifies the filled rows."""

    first: Part
    last: Part

    @property
    def state(self) -> State:
        """The state of the last, with the failures of both."""
        return {**self.last.state, "failed": self.first.state["failed"] | self.last.state["failed"]}

    def answer(self, replica: int, view: GivenCells, known: Known, names: Sequence[str]) -> Answers:
        """See `Part`."""
        answers = self.first.answer(replica, view, known, ["impute"])
        if "classify" in names:
            filled = answers["impute"].astype(np.float32)
            complete = GivenCells(filled, np.ones(filled.shape, dtype=np.bool_))
            answers |= self.last.answer(replica, complete, known, ["classify"])
        return answers


@dataclass(frozen=True)
class Blended:
    """One whose candidates answer together (`ganx.run.best`)."""

    candidates: dict[str, Part]
    state: State

    def answer(self, replica: int, view: GivenCells, known: Known, names: Sequence[str]) -> Answers:
        """See `Part`."""
        n = len(self.state["replicas"])

        def ask(name: str, capability: str, x: Floats, m: Mask) -> Floats:
            given = GivenCells(x.astype(np.float32), m)
            told = [
                self.candidates[name].answer(r, given, known, [capability])[capability] for r in members(replica, n)
            ]
            mean: Floats = np.mean(told, axis=0)
            return mean

        return respond(self.state, replica, view.x.numpy(), view.m.numpy() > 0, ask, names)


def open_part(
    config: dict[str, Any],
    folder: RunFolder,
    replicas: Replicas,
    extra_targets: frozenset[str],
) -> Part:
    """Return what a run has kept of the method of a configuration.

    Args:
        replicas: (seed, fold) of each.

    Raises:
        DamagedError: it is missing, damaged, or of another run.
    """
    method = spec(config["model"])
    if method.fitter == "chain":
        first, last = (stage_config(config, config["model"][stage]) for stage in method.stages)
        place = folder.imputer
        return Chained(
            open_part(first, place, replicas, extra_targets),
            open_part(last, folder, replicas, extra_targets),
        )
    state = read_kept(folder, method.fitter, replicas)
    if method.fitter != "blend":
        return Single(config, method, state, extra_targets)
    models = {name: config["model"]["models"][name] for name in state["candidates"]}
    return Blended(
        {
            name: Single(stage_config(config, model), spec(model), state["candidates"][name], extra_targets)
            for name, model in models.items()
        },
        state,
    )
