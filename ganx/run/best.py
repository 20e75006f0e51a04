"""`model=best`: several models answer, and their answers are blended as held-out cells and labels say."""

from __future__ import annotations

import shutil
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ganx.checks import check_loss
from ganx.engine.capabilities import Answers
from ganx.engine.checkpoint import write_checkpoint
from ganx.errors import UserError
from ganx.run.chain import STAGE
from ganx.run.context import Context
from ganx.run.cost import affordable, costs
from ganx.run.estimator import packed
from ganx.run.experiment import Experiment, State
from ganx.run.folder import RunFolder
from ganx.run.kept import read_kept
from ganx.run.parts import PARTS, members, with_parts
from ganx.run.respond import answer_of, given, respond
from ganx.run.weighing import Fitted, names_of, place_of, stages_of
from ganx.types import PositiveFloat

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]


class Best:
    """Candidates whose answers are blended with non-negative weights of sum 1.

    Args:
        models: a whole model configuration for each name.
        candidates: names of the models that fill cells.
        classifiers: names of the models that tell classes; those that do not fill cells read filled rows.
        filler: name of the model that fills these.
        objective: what the weights of numeric cells minimise.
        minutes: candidates that are not trained in that time are left out, the longest first; null: all are trained.
    """

    reads = "cells"
    blends = {"candidates": "impute", "classifiers": "classify"}  # noqa: RUF012 (read as a literal)
    smoke = ("model.candidates=[mean,matrix]", "model.classifiers=[logistic]", "model.filler=matrix")

    def __init__(
        self,
        *,
        models: dict[str, Any],
        candidates: list[str],
        classifiers: list[str],
        filler: str,
        objective: Literal["rmse", "rmse_row"],
        minutes: PositiveFloat | None,
    ) -> None:
        raise NotImplementedError("a declaration; `Blend` does what it says")


class Blend:
    """A method that declares `blends`: named models that answer together.

    Each candidate is fitted or trained once for every replica and once for each part of the replica's training rows,
    on all other parts: what it answers there, in cells and labels that it was not shown, is what weights are learned
    from. Test rows have no say in them. A candidate's answer is the mean of all these models', which are batched
    replicas of one training.

    In a state, `candidates` has the state of each, by name, whose replicas `members` numbers; `weights` {name: (R, d)},
    of cells; `label_weights` {name: (R,)} and `factors` (R, K), of classes, where there are any; `reads_filled` the
    classifiers whose rows `filler` fills.
    """

    def check(self, experiment: Experiment) -> None:
        """Refuse candidates that fit neither data nor protocol, or that nothing could be kept of."""
        stages = stages_of(experiment)
        for name in names_of(experiment):
            stage = stages[name]
            check_loss(stage.config)
            STAGE[stage.spec.fitter].check(stage)
            if stage.spec.fitter == "estimator" and "state" not in stage.spec.capabilities:
                raise UserError(f"model.models.{name} defines no `state`: nothing of it could be kept in a blend")
        groups = experiment.table.groups
        whole, what = (np.arange(experiment.table.n_rows), "rows") if groups is None else (groups, "groups of rows")
        fewest = min(len(np.unique(whole[split.rows])) for split in experiment.splits)
        if fewest < 2 * PARTS:
            raise UserError(
                f"model=best deals the training rows into {PARTS} parts, and needs {2 * PARTS} {what} at least; a fold "
                f"has {fewest}: take more folds (protocol.folds=10), or another model (model=copula)"
            )

    def fit(self, experiment: Experiment, folder: RunFolder, context: Context) -> State:
        """Fit the candidates, each in a folder of its own, and weigh them; go on from what an interrupted run left.

        Raises:
            RunError: no candidate is left, since training failed.
        """
        if folder.checkpoint.exists():
            return self.state(experiment, folder, context)
        fitted = Fitted(with_parts(experiment))
        model = experiment.config["model"]
        names = names_of(experiment)
        stages = {name: fitted.stages[name] for name in names}
        chosen = affordable(
            costs(stages, place_of(folder, "costs.json").path, context), model["filler"], model["minutes"]
        )
        for name in names:
            if name not in chosen:
                fitted.leave_out(name, f"it does not end in model.minutes={model['minutes']:g}", context)
        names = [name for name in names if name in chosen]
        for number, name in enumerate(names, 1):
            context.console.print(f"{number} of {len(names)}: {name}", highlight=False)
            fitted.fit(name, folder, context)
        state = fitted.weighed()
        write_checkpoint(folder.checkpoint, _storable(state))
        for name in names:
            shutil.rmtree(place_of(folder, name).checkpoints, ignore_errors=True)  # the blend's own has all of it
        return state

    def state(self, experiment: Experiment, folder: RunFolder, context: Context) -> State:
        """Return what a finished run has kept."""
        return read_kept(folder, "blend", experiment.replicas)

    def answers(self, experiment: Experiment, state: State, context: Context) -> list[Answers | None]:
        """Ask every replica's candidates about its test rows, and blend what they say."""
        stages = stages_of(with_parts(experiment))
        answers: list[Answers | None] = []
        for r, split in enumerate(experiment.splits):

            def ask(name: str, capability: str, x: Floats, m: Mask, r: int = r) -> Floats:
                told = [
                    answer_of(stages[name], state["candidates"][name], one, capability, x, m)
                    for one in members(r, len(experiment.splits))
                ]
                mean: Floats = np.mean(told, axis=0)
                return mean

            answer = respond(state, r, *given(experiment, split, split.test, split.seen[split.test]), ask)
            answers.append(answer | {"impute": answer["impute"] * split.span + split.low})
        return answers


def _storable(state: State) -> State:
    """Return a state as a checkpoint can hold it."""
    parts = state["candidates"].items()
    return {**state, "candidates": {name: packed(part) if "kept" in part else part for name, part in parts}}
