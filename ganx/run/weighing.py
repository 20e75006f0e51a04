"""The models of a blend while its weights are learned: what they answer about parts that they have not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ganx.engine.views import Completed
from ganx.errors import RunError
from ganx.files import make_folder
from ganx.metrics.classification import positive_class
from ganx.run.blending import Evidence, class_factors, column_weights, label_weights
from ganx.run.chain import STAGE, fill, of_stage, stage_of
from ganx.run.context import Context
from ganx.run.experiment import Experiment, State
from ganx.run.folder import RunFolder
from ganx.run.gradient import table_facts
from ganx.run.parts import PARTS, members
from ganx.run.respond import answer_of, given, read

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]

HIDINGS = 5  # of each held-out row, a fifth of its cells at a time
MOST_EVIDENCE = 10_000  # rows that are asked about for a replica; more would take time and move no weight
HIDDEN = 7  # what random numbers are drawn for, beside the purposes of `ganx.data.splits`


class Fitted:
    """The candidates of a blend while their weights are learned.

    Args:
        experiment: its splits are those of the replicas, and after them those of `inner_splits`.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.stages = stages_of(experiment)
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
        place = place_of(folder, name)
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
        classifiers = [name for name in classifiers_of(experiment) if name in self.states]
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
        x, m = given(experiment, split, rows, split.seen[rows] & ~hidden)
        cells = experiment.encoding.expand(hidden & ~split.empty)
        truth, _ = given(experiment, split, rows, split.seen[rows])
        errors = [
            np.where(cells, (answer_of(self.stages[name], self.states[name], replica, "impute", x, m) - truth), 0)
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
            if not rows.size:
                continue

            def ask(name: str, capability: str, x: Floats, m: Mask, r: int = r) -> Floats:
                return answer_of(self.stages[name], self.states[name], r, capability, x, m)

            x, m = given(self.experiment, split, rows, split.seen[rows])
            told.append(np.stack([ask(name, "classify", *read(state, name, x, m, ask)) for name in names]))
            classes.append(table.y[rows])
        if not told:  # nothing to learn from: all count the same
            return np.full(len(names), 1 / len(names)), np.ones(table.n_classes)
        probabilities, y = np.concatenate(told, axis=1), np.concatenate(classes)
        weights = label_weights(probabilities, y)
        probability = np.tensordot(weights, probabilities, 1)
        return weights, class_factors(probability, y, positive_class(table.y, table.n_classes))


def stages_of(experiment: Experiment) -> dict[str, Experiment]:
    """Return the models of a blend as experiments of their own, on its splits.

    What validation would keep back is shown to those that select nothing by it: the blend holds out parts itself.
    """
    models = experiment.config["model"]["models"]
    stages = {name: stage_of(experiment, model) for name, model in models.items()}
    return {name: replace(stage, spec=replace(stage.spec, selects_itself=True)) for name, stage in stages.items()}


def classifiers_of(experiment: Experiment) -> list[str]:
    """Return the names of the models that tell classes, where there are any to tell."""
    names: list[str] = experiment.config["model"]["classifiers"] if experiment.table.n_classes else []
    return names


def names_of(experiment: Experiment) -> list[str]:
    """Return the names of all models that a blend fits, the one that fills rows before those that read them."""
    model = experiment.config["model"]
    return list(dict.fromkeys([*model["candidates"], model["filler"], *classifiers_of(experiment)]))


def place_of(folder: RunFolder, name: str) -> RunFolder:
    """Return the folder of a model while it is fitted."""
    return RunFolder(folder.path / "candidates" / name)
