"""Models one after another: the rows that one has filled are what the next one reads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganx.checks import check_loss
from ganx.engine.build import SELECTED_BY
from ganx.engine.capabilities import CAPABILITIES, Answers, Method, about
from ganx.engine.views import View
from ganx.errors import UserError
from ganx.files import make_folder
from ganx.run.context import Context, Fitter, lay_out
from ganx.run.estimator import Estimator, method_of
from ganx.run.experiment import Experiment, State
from ganx.run.folder import RunFolder
from ganx.run.gradient import Gradient
from ganx.targets import locate, spec

Filled = NDArray[np.float32]
_IMPUTING = SELECTED_BY["impute"]

#: Fitters of what a chain or a blend is made of.
STAGE: dict[str, Fitter] = {"gradient": Gradient(), "estimator": Estimator()}


class Chain:
    """A method that declares `stages`: one that imputes, and one that classifies the filled rows.

    In a state, `filled` has the rows (N, d) of each replica as the first stage fills them.
    """

    def check(self, experiment: Experiment) -> None:
        """Refuse stages that do not fit.

        Raises:
            UserError: the first cannot impute, the last cannot classify, or one of them does not fit data or loss.
        """
        model = experiment.config["model"]
        for key, capability in (("imputer", "impute"), ("classifier", "classify")):
            stage = spec(model[key], f"model.{key}")
            if capability not in stage.capabilities or stage.fitter == "chain":
                raise UserError(f"model.{key}: model={model[key]['name']} does not {capability}")
        for part in stages(experiment):
            check_loss(part.config)
            part.check()

    def fit(self, experiment: Experiment, folder: RunFolder, context: Context) -> State:
        """Train or fit both stages, the first in a folder of its own; go on from what an interrupted run has left."""
        first, _ = stages(experiment)
        names = [stage.config["model"]["name"] for stage in stages(experiment)]
        context.console.print(f"1 of 2: {names[0]} imputes", highlight=False)
        place = folder.imputer
        make_folder(place.checkpoints)
        state = STAGE[first.spec.fitter].fit(first, place, of_stage(first, context))
        filled = fill(first, state)
        balancer = experiment.config["model"]["balancer"]
        context.console.print(f"2 of 2: {names[1]} classifies, balancer {balancer}", highlight=False)
        last = classifying(experiment, filled)
        return _joined(state, STAGE[last.spec.fitter].fit(last, folder, context), filled)

    def state(self, experiment: Experiment, folder: RunFolder, context: Context) -> State:
        """Return what a finished run has kept."""
        first, _ = stages(experiment)
        place = folder.imputer
        state = STAGE[first.spec.fitter].state(first, place, of_stage(first, context))
        filled = fill(first, state)
        last = classifying(experiment, filled)
        return _joined(state, STAGE[last.spec.fitter].state(last, folder, context), filled)

    def answers(self, experiment: Experiment, state: State, context: Context) -> list[Answers | None]:
        """Ask the last stage, and say what the first has filled in the test rows."""
        last = classifying(experiment, state["filled"])
        answers: list[Answers | None] = STAGE[last.spec.fitter].answers(last, state, context)
        for split, x, answer in zip(experiment.splits, state["filled"], answers, strict=True):
            if answer is not None:
                for name in answer.keys() - CAPABILITIES.keys():  # what the last stage has filled once more
                    del answer[name]
                answer["impute"] = x[split.test].astype(np.float64) * split.span + split.low
        return answers


def of_stage(stage: Experiment, context: Context) -> Context:
    """Return the context in which a stage is fitted."""
    return replace(context, layout=lay_out(stage), watch=None)


def _joined(first: State, last: State, filled: list[Filled]) -> State:
    """A replica without an imputer failed there, whatever became of its classifier."""
    notes = [*first.get("notes", ()), *last.get("notes", ())]
    steps = last.get("steps", {}) | {name: step for name, step in first.get("steps", {}).items() if name == _IMPUTING}
    return {**last, "failed": last["failed"] | first["failed"], "notes": notes, "steps": steps, "filled": filled}


def stages(experiment: Experiment) -> tuple[Experiment, Experiment]:
    """Return both stages as experiments of their own."""
    first, last = _chain(experiment).models()
    return stage_of(experiment, first), stage_of(experiment, last)


def classifying(experiment: Experiment, filled: list[Filled]) -> Experiment:
    """Return the last stage on the rows that the first has filled, (N, d) for each replica."""
    chain, splits = _chain(experiment), experiment.splits
    completed = [chain.complete(experiment.table, split, x) for split, x in zip(splits, filled, strict=True)]
    return replace(stages(experiment)[1], completed=completed)


def fill(stage: Experiment, state: State) -> list[Filled]:
    """Return all rows (N, d), scaled, as each replica of the first stage fills them."""
    rows = np.arange(stage.table.n_rows)
    return [_fill(stage, state, replica, rows) for replica in range(len(stage.splits))]


def _fill(stage: Experiment, state: State, replica: int, rows: NDArray[np.int64]) -> Filled:
    view = stage.view(replica)
    # All that take rows are asked, since some draw noise one after another.
    names = [name for name in stage.askable(stage.spec.capabilities) if CAPABILITIES[name].parts]
    method = method_in(stage, state, replica, view, "impute")
    filled: Filled = about(method, view, rows, names)["impute"].astype(np.float32)
    return filled


def method_in(stage: Experiment, state: State, replica: int, view: View, capability: str) -> Method:
    """Return a replica of a stage, a fitted or a trained one, as it is asked."""
    if stage.spec.fitter == "estimator":
        return method_of(stage, state["kept"][replica], replica)
    return stage.method(state, replica, view, capability)


def stage_config(config: dict[str, Any], model: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration with another model; one that the run's loss is not for has its first own, or none."""
    losses = spec(model).losses
    loss = config["loss"] if config["loss"]["name"] in losses else {"name": next(iter(losses), "none"), "penalty": None}
    return {**config, "model": model, "loss": loss}


def stage_of(experiment: Experiment, model: dict[str, Any]) -> Experiment:
    """Return a model as an experiment of its own."""
    return experiment.with_model(model, loss=stage_config(experiment.config, model)["loss"])


def _chain(experiment: Experiment) -> Any:
    model = experiment.config["model"]
    keys = experiment.spec.parameters
    return locate(model["_target_"], experiment.extra_targets)(**{key: model[key] for key in keys})
