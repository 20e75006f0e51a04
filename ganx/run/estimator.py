"""Fit an estimator on every replica of a run, keep it as arrays, and ask it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganx.baselines.packing import pack
from ganx.engine.capabilities import Answers, Method, ask, of_estimator
from ganx.engine.checkpoint import write_checkpoint
from ganx.errors import UserError
from ganx.metrics.classification import positive_class
from ganx.run.context import Context
from ganx.run.experiment import Experiment, State
from ganx.run.folder import RunFolder
from ganx.run.gradient import table_facts
from ganx.run.kept import read_kept
from ganx.run.processes import in_processes
from ganx.targets import locate

_NOT_KEPT = "this estimator defines no `state`: nothing of it is kept, and `ganx eval` fits it again"


class Estimator:
    """A method that defines `fit`. Its replicas are shared by processes.

    In a state, `kept` has the arrays of each replica, or the estimator itself where it cannot be stored.
    """

    def check(self, experiment: Experiment) -> None:
        """See `Experiment.check`; an estimator may refuse the data itself, too."""
        experiment.check()
        if "check" in experiment.spec.capabilities:
            _new(experiment, 0).check(min(len(split.rows) for split in experiment.splits))

    def fit(self, experiment: Experiment, folder: RunFolder, context: Context) -> State:
        """Fit every replica on `training_rows`, and keep it."""
        if folder.checkpoint.exists():
            return read_kept(folder, "estimator", experiment.replicas)
        state = _fitted(experiment, context)
        if all(isinstance(kept, dict) for kept in state["kept"]):
            write_checkpoint(folder.checkpoint, packed(state))
        else:
            state["notes"].append(_NOT_KEPT)
        return state

    def state(self, experiment: Experiment, folder: RunFolder, context: Context) -> State:
        """Return what a finished run has kept; where it could not be kept, it is fitted again."""
        result = folder.read_result() or {}
        if folder.checkpoint.exists() or result.get("checkpoint"):
            return read_kept(folder, "estimator", experiment.replicas)
        name = experiment.config["model"]["name"]
        context.console.print(f"nothing was kept of {name}: it is fitted again, as ganx does now", highlight=False)
        return _fitted(experiment, context)

    def answers(self, experiment: Experiment, state: State, context: Context) -> list[Answers | None]:
        """Ask every replica."""
        answers: list[Answers | None] = in_processes(
            _ask, experiment, list(enumerate(state["kept"])), context, "asking"
        )
        return answers


def packed(state: State) -> State:
    """Return a state of fitted estimators as a checkpoint can hold it."""
    return {**state, "kept": [_as_tensors(pack(kept)) for kept in state["kept"]]}


def _as_tensors(arrays: dict[str, Any]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}


def _fitted(experiment: Experiment, context: Context) -> State:
    fitted = in_processes(_fit, experiment, range(len(experiment.splits)), context, "fitting")
    return {
        "replicas": [list(replica) for replica in experiment.replicas],
        "kept": [kept for kept, _ in fitted],
        "notes": sorted({note for _, notes in fitted for note in notes}),
        "failed": {},
        "table": table_facts(experiment),
    }


class Known(NamedTuple):
    """What an estimator is told of the table before it is fitted, or answers.

    Attributes:
        n_classes: K.
        positive: `positive_class` of the table; None where nothing is fitted, too.
        group: (d,) column of each feature.
    """

    n_classes: int
    positive: int | None
    group: NDArray[np.int64]


def load_estimator(
    model: dict[str, Any],
    kept: Any,
    replica: Sequence[int],
    known: Known,
    extra_targets: frozenset[str] = frozenset(),
) -> Any:
    """Return a fitted estimator.

    Args:
        kept: its arrays, or the estimator itself.

    Raises:
        RunError: the arrays are damaged.
    """
    if not isinstance(kept, dict):
        return kept
    estimator = new_estimator(model, replica, known, extra_targets)
    estimator.load_state(kept)
    return estimator


def new_estimator(model: dict[str, Any], replica: Sequence[int], known: Known, extra_targets: frozenset[str]) -> Any:
    """Return the estimator of a `model` group, not fitted.

    Args:
        replica: (seed, fold).
    """
    cls = locate(model["_target_"], extra_targets)
    estimator: Any = cls(**{key: value for key, value in model.items() if key not in ("_target_", "name", "version")})
    seed, fold = replica
    estimator.seed = 1000 * seed + fold
    estimator.n_classes, estimator.positive, estimator.group = known
    return estimator


def known_of(experiment: Experiment) -> Known:
    """Return what the estimators of an experiment are told."""
    table = experiment.table
    positive = None if table.y is None else positive_class(table.y, table.n_classes)
    return Known(table.n_classes, positive, experiment.encoding.group)


def _new(experiment: Experiment, replica: int) -> Any:
    model, name = experiment.config["model"], experiment.replicas[replica]
    return new_estimator(model, name, known_of(experiment), experiment.extra_targets)


def method_of(experiment: Experiment, kept: Any, replica: int) -> Method:
    """Return a fitted replica as it is asked."""
    model, name = experiment.config["model"], experiment.replicas[replica]
    return of_estimator(load_estimator(model, kept, name, known_of(experiment), experiment.extra_targets))


def _fit(experiment: Experiment, replica: int) -> tuple[Any, list[str]]:
    """Return what is kept of a replica, and what it had to leave out."""
    estimator = _new(experiment, replica)
    estimator.fit(*training_rows(experiment, replica))
    notes = list(getattr(estimator, "notes", ()))
    if "state" in experiment.spec.capabilities:
        with suppress(NotImplementedError):
            return _arrays(estimator.state()), notes
    return estimator, notes  # a user's own, perhaps


def _arrays(state: Any) -> dict[str, Any]:
    if not isinstance(state, dict) or not all(isinstance(array, np.ndarray) for array in state.values()):
        raise UserError("model: `state` is to return {name: NumPy array}")
    return state


def training_rows(experiment: Experiment, replica: int) -> tuple[Any, ...]:
    """Return what the view shows of the rows to fit on, and their classes (n,), -1 where unknown.

    Labels that validation keeps back stay hidden, as from a method that is trained by gradient: both learn from the
    same labels. A method that `selects_itself` gets all, and holds out what it wants.
    """
    view, whole = experiment.view(replica, selecting=not experiment.spec.selects_itself), experiment.view(replica)
    index = view.tensor(view.rows_of("all")[0]).unsqueeze(0)
    y = view.batch(index).y[0].cpu().numpy()
    classes = np.where(y.any(1), y.argmax(1), -1) if y.shape[1] else np.full(len(y), -1)
    return *whole.arrays(whole.batch(index)), classes


def _ask(experiment: Experiment, job: tuple[int, Any]) -> Answers:
    replica, kept = job
    names = experiment.askable(experiment.spec.capabilities)
    return ask(method_of(experiment, kept, replica), experiment.view(replica), names)
