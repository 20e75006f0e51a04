"""How a method comes to what it knows, by what it defines (`MethodSpec.fitter`)."""

from __future__ import annotations

from typing import Protocol

from ganx.engine.capabilities import Answers
from ganx.run.chain import Chain
from ganx.run.context import Context
from ganx.run.estimator import Estimator
from ganx.run.experiment import Experiment, State
from ganx.run.folder import RunFolder
from ganx.run.gradient import Gradient


class Fitter(Protocol):
    """What the life of a run asks for, whatever the method.

    A state has at least `failed`, {"seed,fold": why}.
    """

    def check(self, experiment: Experiment) -> None:
        """Refuse what cannot be trained, before anything is written; raises UserError."""

    def fit(self, experiment: Experiment, folder: RunFolder, context: Context) -> State:
        """Train or fit all replicas, keep them in the folder, and return them; raises Interrupted, RunError."""

    def state(self, experiment: Experiment, folder: RunFolder, context: Context) -> State:
        """Return what a finished run has kept, without writing; raises RunError."""

    def answers(self, experiment: Experiment, state: State, context: Context) -> list[Answers | None]:
        """Ask every replica for all that it can do; None: it failed."""


FITTERS: dict[str, Fitter] = {"gradient": Gradient(), "estimator": Estimator(), "chain": Chain()}


def fitter_of(experiment: Experiment) -> Fitter:
    """Return the fitter of an experiment's method."""
    return FITTERS[experiment.spec.fitter]
