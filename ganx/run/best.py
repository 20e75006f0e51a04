"""`model=best`: several models answer, and their answers are blended as held-out cells and labels say."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from ganx.data.splits import Split
from ganx.data.table import Table
from ganx.engine.capabilities import Answers, about
from ganx.engine.checkpoint import write_checkpoint
from ganx.engine.views import Completed, GivenCells
from ganx.errors import RunError, UserError
from ganx.files import make_folder
from ganx.metrics.classification import positive_class
from ganx.run.blending import Evidence, blended, class_factors, column_weights, label_weights
from ganx.run.chain import STAGE, fill, method_in, of_stage, stage_of
from ganx.run.context import Context
from ganx.run.cost import affordable, costs
from ganx.run.estimator import packed
from ganx.run.experiment import Experiment, State
from ganx.run.folder import RunFolder
from ganx.run.gradient import table_facts
from ganx.run.kept import read_kept
from ganx.schema import check_loss, splits_per_seed
from ganx.types import PositiveFloat

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]
Index = NDArray[np.int64]

#: (name of a candidate, capability, cells x (n, d), known ones m (n, d)) -> (n, d) or (n, K).
Ask = Callable[[str, str, Floats, Mask], Floats]

PARTS = 3  # into which a replica's training rows are dealt; models fitted on the others answer for each of them
HIDINGS = 5  # of each of these rows, a fifth of its cells at a time
MOST_EVIDENCE = 10_000  # rows that are asked about for a replica; more would take time and move no weight
DEALT, HIDDEN = 6, 7  # what random numbers are drawn for, beside the purposes of `ganx.data.splits`


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
        for name, stage in candidates(experiment).items():
            check_loss(stage.config)
            STAGE[stage.spec.fitter].check(stage)
            if stage.spec.fitter == "estimator" and "state" not in stage.spec.capabilities:
                raise UserError(f"model.models.{name} defines no `state`: nothing of it could be kept in a blend")
        groups = experiment.table.groups
        whole, what = (np.arange(experiment.table.n_rows), "rows") if groups is None else (groups, "groups of rows")
        if min(len(np.unique(whole[split.rows])) for split in experiment.splits) < 2 * PARTS:
            raise UserError(
                f"model=best learns its weights from {PARTS} parts of the rows: at least {2 * PARTS} {what}"
            )

    def fit(self, experiment: Experiment, folder: RunFolder, context: Context) -> State:
        """Fit the candidates, each in a folder of its own, and weigh them; go on from what an interrupted run left.

        Raises:
            RunError: no candidate is left, since training failed.
        """
        if folder.checkpoint.exists():
            return self.state(experiment, folder, context)
        fitted = _Fitted(_with_parts(experiment))
        model = experiment.config["model"]
        names = list(dict.fromkeys([*model["candidates"], model["filler"], *_classifiers(experiment)]))
        stages = {name: fitted.stages[name] for name in names}
        chosen = affordable(
            costs(stages, _place(folder, "costs.json").path, context), model["filler"], model["minutes"]
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
            shutil.rmtree(_place(folder, name).checkpoints, ignore_errors=True)  # the blend's own has all of it
        return state

    def state(self, experiment: Experiment, folder: RunFolder, context: Context) -> State:
        """Return what a finished run has kept."""
        return read_kept(folder, "blend", experiment.replicas)

    def answers(self, experiment: Experiment, state: State, context: Context) -> list[Answers | None]:
        """Ask every replica's candidates about its test rows, and blend what they say."""
        stages = candidates(_with_parts(experiment))
        answers: list[Answers | None] = []
        for r, split in enumerate(experiment.splits):

            def ask(name: str, capability: str, x: Floats, m: Mask, r: int = r) -> Floats:
                told = [
                    _told(stages[name], state["candidates"][name], one, capability, x, m)
                    for one in members(r, len(experiment.splits))
                ]
                mean: Floats = np.mean(told, axis=0)
                return mean

            answer = respond(state, r, *_given(experiment, split, split.test, split.seen[split.test]), ask)
            answers.append(answer | {"impute": answer["impute"] * split.span + split.low})
        return answers


def respond(state: State, replica: int, x: Floats, m: Mask, ask: Ask) -> Answers:
    """Return what a replica of a blend says of rows.

    Args:
        state: of `Blend`.
        x, m: (n, d) cells, scaled for the replica, and which of them are known.
        ask: gives a candidate's answer.

    Returns:
        `impute`: (n, d), scaled; `classify`: (n, K) probabilities, where the blend tells classes.
    """
    weights = {name: w for name, one in state["weights"].items() if (w := np.asarray(one[replica])).any()}
    answers: Answers = {"impute": blended(weights, {name: ask(name, "impute", x, m) for name in weights})}
    if "label_weights" in state:
        of_labels = {name: w for name, one in state["label_weights"].items() if (w := np.asarray(one[replica])) > 0}
        told = {name: ask(name, "classify", *_read(state, name, x, m, ask)) for name in of_labels}
        answers["classify"] = _levelled(blended(of_labels, told), np.asarray(state["factors"][replica]))
    return answers


def candidates(experiment: Experiment) -> dict[str, Experiment]:
    """Return the models of a blend as experiments of their own, on its splits.

    What validation would keep back is shown to those that select nothing by it: the blend holds out parts itself.
    """
    models = experiment.config["model"]["models"]
    stages = {name: stage_of(experiment, model) for name, model in models.items()}
    return {name: replace(stage, spec=replace(stage.spec, selects_itself=True)) for name, stage in stages.items()}


def inner_splits(experiment: Experiment) -> list[Split]:
    """Return what the models may look at that answer for part 0 of every replica's training rows, part 1, ...

    Hidden cells and labels stay hidden, and each part's own are of no account: `test` is the part.
    """
    folds = splits_per_seed(experiment.config["protocol"])
    return [_without(split, part, folds, experiment.table) for part in range(PARTS) for split in experiment.splits]


def _with_parts(experiment: Experiment) -> Experiment:
    return replace(experiment, splits=[*experiment.splits, *inner_splits(experiment)])


def members(replica: int, n: int) -> range:
    """Return the numbers of a candidate's models that answer for one of n replicas: of all its rows, and of parts."""
    return range(replica, n * (PARTS + 1), n)


def _without(split: Split, part: int, folds: int, table: Table) -> Split:
    rows, parts = _dealt(split, table)
    held = np.sort(rows[parts == part])
    kept = ~np.isin(split.valid, held)
    labelled = split.labelled.copy()
    labelled[held] = False
    train, valid = np.setdiff1d(split.train, held), split.valid[kept]
    return replace(
        split,
        fold=split.fold + folds * (part + 1),
        train=train,
        valid=valid,
        test=held,
        seen_valid=split.seen_valid[kept],
        labelled=labelled,
        empty=~split.shown()[np.concatenate([train, valid])].any(0),
    )


def _dealt(split: Split, table: Table) -> tuple[Index, Index]:
    """Return a replica's training rows (n,) and the part (n,) of each; rows of one group are in the same."""
    rows = np.random.default_rng((split.seed, split.fold, DEALT)).permutation(split.rows)
    if table.y is not None:  # each part has its share of every class
        rows = rows[np.argsort(np.where(split.labelled, table.y, -1)[rows], kind="stable")]
    number = np.arange(len(rows))
    if table.groups is not None:
        _, first, group = np.unique(table.groups[rows], return_index=True, return_inverse=True)
        number = np.argsort(np.argsort(first))[group]  # groups in the order of their first rows
    return rows, number % PARTS


class _Fitted:
    """The candidates of a blend while their weights are learned.

    Args:
        experiment: its splits are those of the replicas, and after them those of `inner_splits`.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.stages = candidates(experiment)
        self.states: dict[str, State] = {}
        self.notes: list[str] = []
        self.filler = experiment.config["model"]["filler"]
        self.n_replicas = len(experiment.splits) // (PARTS + 1)

    def fit(self, name: str, folder: RunFolder, context: Context) -> None:
        """Fit a candidate; one that reads filled rows reads those of the filler, which is fitted before it."""
        stage = self.stages[name]
        if not self._fills(name):
            rows = fill(self.stages[self.filler], self.states[self.filler])
            stage = replace(stage, completed=[Completed(x, np.empty(0, dtype=np.int64)) for x in rows])
        place = _place(folder, name)
        make_folder(place.checkpoints)
        state = STAGE[stage.spec.fitter].fit(stage, place, of_stage(stage, context))
        if state["failed"]:
            replica, why = next(iter(state["failed"].items()))
            self.leave_out(name, f"replica ({replica}) failed: {why}", context)
            return
        self.states[name] = state
        self.notes += [f"{name}: {note}" for note in state.get("notes", ())]

    def leave_out(self, name: str, why: str, context: Context) -> None:
        """Note that a candidate has no part in the blend."""
        self.notes.append(f"{name} is left out: {why}")
        context.console.print(self.notes[-1], style="yellow", highlight=False, soft_wrap=True)

    def weighed(self) -> State:
        """Return the state of the blend."""
        model, experiment, n = self.experiment.config["model"], self.experiment, self.n_replicas
        fillers = [name for name in model["candidates"] if name in self.states]
        classifiers = [name for name in _classifiers(experiment) if name in self.states]
        if not fillers or self.filler not in self.states:
            raise RunError(f"nothing to blend: {'; '.join(self.notes)}")
        weights = np.stack([self._cell_weights(r, fillers) for r in range(n)])
        state: State = {
            "replicas": [list(replica) for replica in experiment.replicas[:n]],
            "candidates": self.states,
            "weights": {name: torch.from_numpy(weights[:, c]) for c, name in enumerate(fillers)},
            "filler": self.filler,
            "reads_filled": [name for name in classifiers if not self._fills(name)],
            "notes": self.notes,
            "failed": {},
            "table": table_facts(replace(experiment, splits=experiment.splits[:n])),
        }
        if classifiers:
            of_classes = [self._label_weights(r, classifiers, state) for r in range(n)]
            of_labels, factors = (np.stack(part) for part in zip(*of_classes, strict=True))
            state["label_weights"] = {name: torch.from_numpy(of_labels[:, c]) for c, name in enumerate(classifiers)}
            state["factors"] = torch.from_numpy(factors)
        return state | {"blend": self._summary(state)}

    def _summary(self, state: State) -> dict[str, dict[str, Any]]:
        """Return mean weights over replicas, of `numbers`, `categories` and `labels`, as far as there are any.

        Under `columns` stand those of every column.
        """
        encoding = self.experiment.encoding
        group, numeric = encoding.group, encoding.numeric[encoding.group]

        def means(features: Mask) -> dict[str, float]:
            return {name: round(float(one[:, features].mean()), 3) for name, one in state["weights"].items()}

        found: dict[str, dict[str, Any]] = {}
        for kind, features in (("numbers", numeric), ("categories", ~numeric)):
            if features.any():
                found[kind] = means(features)
        if "label_weights" in state:
            found["labels"] = {name: round(float(one.mean()), 3) for name, one in state["label_weights"].items()}
        return found | {"columns": {column.name: means(group == j) for j, column in enumerate(encoding.columns)}}

    def _fills(self, name: str) -> bool:
        """Whether a candidate fills cells, and so reads rows with gaps."""
        return "impute" in self.stages[name].spec.capabilities

    def _parts(self, replica: int) -> range:
        """Return the number of each split that holds a part of a replica's rows out."""
        return members(replica, self.n_replicas)[1:]

    def _cell_weights(self, replica: int, names: Sequence[str]) -> Floats:
        """Return the weights (C, d) of a replica."""
        parts = [self._evidence(r, names) for r in self._parts(replica)]
        evidence = Evidence(
            errors=np.concatenate([part.errors for part in parts], axis=1),
            hidden=np.concatenate([part.hidden for part in parts]),
        )
        encoding, objective = self.experiment.encoding, self.experiment.config["model"]["objective"]
        return column_weights(evidence, encoding.group, ~encoding.numeric[encoding.group], objective)

    def _evidence(self, replica: int, names: Sequence[str]) -> Evidence:
        """Return what candidates answer about the part that a split holds out, a share of its cells at a time."""
        experiment, split = self.experiment, self.experiment.splits[replica]
        rng = np.random.default_rng((split.seed, split.fold, HIDDEN))
        rows = np.tile(split.test, HIDINGS)
        hiding = rng.integers(0, HIDINGS, (len(split.test), experiment.table.n_columns))
        hidden = np.concatenate([hiding == number for number in range(HIDINGS)]) & split.seen[rows]
        if len(rows) > MOST_EVIDENCE // PARTS:
            some = rng.choice(len(rows), MOST_EVIDENCE // PARTS, replace=False)
            rows, hidden = rows[some], hidden[some]
        x, m = _given(experiment, split, rows, split.seen[rows] & ~hidden)
        cells = experiment.encoding.expand(hidden & ~split.empty)
        truth, _ = _given(experiment, split, rows, split.seen[rows])
        errors = [
            np.where(cells, (_told(self.stages[name], self.states[name], replica, "impute", x, m) - truth), 0)
            for name in names
        ]
        return Evidence(np.stack(errors) * split.span, cells)

    def _label_weights(self, replica: int, names: Sequence[str], state: State) -> tuple[Floats, Floats]:
        """Return the weights (C,) of a replica's classifiers, and the factors (K,) on the classes."""
        table, outer = self.experiment.table, self.experiment.splits[replica]
        assert table.y is not None
        told, classes = [], []
        for r in self._parts(replica):
            split = self.experiment.splits[r]
            rows = split.test[outer.labelled[split.test] & (table.y[split.test] >= 0)]

            def ask(name: str, capability: str, x: Floats, m: Mask, r: int = r) -> Floats:
                return _told(self.stages[name], self.states[name], r, capability, x, m)

            x, m = _given(self.experiment, split, rows, split.seen[rows])
            told.append(np.stack([ask(name, "classify", *_read(state, name, x, m, ask)) for name in names]))
            classes.append(table.y[rows])
        probabilities, y = np.concatenate(told, axis=1), np.concatenate(classes)
        weights = label_weights(probabilities, y)
        probability = np.tensordot(weights, probabilities, 1)
        return weights, class_factors(probability, y, positive_class(table.y, table.n_classes))


def _classifiers(experiment: Experiment) -> list[str]:
    """Return the names of the models that tell classes, where there are any to tell."""
    names: list[str] = experiment.config["model"]["classifiers"] if experiment.table.n_classes else []
    return names


def _place(folder: RunFolder, name: str) -> RunFolder:
    return RunFolder(folder.path / "candidates" / name)


def _given(experiment: Experiment, split: Split, rows: Index, seen: Mask) -> tuple[Floats, Mask]:
    """Return rows as a replica sees them: scaled cells (n, d), 0 where unknown, and which are known (n, d)."""
    m = experiment.encoding.expand(seen)
    scaled = (experiment.encoding.encode(experiment.table.x[rows]) - split.low) / split.span
    return np.where(m, scaled, np.float32(0)), m


def _read(state: State, name: str, x: Floats, m: Mask, ask: Ask) -> tuple[Floats, Mask]:
    """Return rows as a classifier reads them: as they are where it fills gaps itself, else filled."""
    if name not in state["reads_filled"]:
        return x, m
    return ask(state["filler"], "impute", x, m).astype(np.float32), np.ones_like(m)


def _told(stage: Experiment, state: State, replica: int, capability: str, x: Floats, m: Mask) -> Floats:
    """Return what a replica of a candidate answers about rows, (n, ...)."""
    view = GivenCells(x.astype(np.float32), m)
    method = method_in(stage, state, replica, view, capability)
    answer: Floats = about(method, view, np.arange(len(x)), [capability])[capability]
    return answer


def _levelled(probability: Floats, factors: Floats) -> Floats:
    levelled: Floats = probability * factors
    total: Floats = levelled.sum(1, keepdims=True)
    return levelled / total


def _storable(state: State) -> State:
    """Return a state as a checkpoint can hold it."""
    parts = state["candidates"].items()
    return {**state, "candidates": {name: packed(part) if "kept" in part else part for name, part in parts}}
