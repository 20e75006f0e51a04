"""`model=pipeline`: impute, level the classes, classify, one after another, on the same splits and masks as ever."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from imblearn.over_sampling import SMOTE
from joblib import Parallel, delayed
from numpy.typing import NDArray
from rich.console import Console

from ganx.data.splits import Split
from ganx.engine.build import build_module
from ganx.engine.completed import Completed, CompletedTable
from ganx.engine.evaluate import Figures, load_replica, score
from ganx.engine.loader import DeviceTable
from ganx.engine.predict import predict
from ganx.engine.trainer import prepare_process
from ganx.errors import UserError
from ganx.files import make_folder, write_bytes
from ganx.run import fit
from ganx.run.baseline import fit_replica, visible_rows
from ganx.run.experiment import Experiment
from ganx.run.folder import RunFolder
from ganx.targets import constructor, locate

Filled = NDArray[np.float32]
_NO_LOSS = {"name": "none", "penalty": None}


class Pipeline:
    """An imputer, a balancer and a classifier (the comparisons of HexaGAN's classification table).

    The imputer may be any model that imputes, the classifier any that is trained by gradient. Replicas are stacked in
    both stages. The classifier is shown the imputer's rows with every cell filled, and is selected on its own.

    Args:
        imputer: a whole model configuration.
        balancer: against rare classes. `cs`: class-weighted cross-entropy; `crl`: class rectification loss (both are
            the classifier's `balance`); `smote`: synthetic rows between neighbours of a class (Chawla et al., 2002).
        classifier: a whole model configuration.
    """

    def __init__(
        self,
        *,
        imputer: dict[str, Any],
        balancer: Literal["none", "cs", "smote", "crl"],
        classifier: dict[str, Any],
    ) -> None:
        self.imputer, self.balancer, self.classifier = imputer, balancer, classifier

    @classmethod
    def of(cls, experiment: Experiment) -> Pipeline:
        """Return the pipeline that an experiment is about."""
        model = experiment.config["model"]
        return cls(**{key: model[key] for key in ("imputer", "balancer", "classifier")})

    def imputing(self, experiment: Experiment) -> Experiment:
        """Return the first stage as an experiment of its own."""
        return _stage(experiment, self.imputer)

    def classifying(self, experiment: Experiment, filled: list[Filled] | None = None) -> Experiment:
        """Return the second stage as an experiment of its own, on the rows that the first stage has filled."""
        model = self.classifier
        if self.balancer in ("cs", "crl"):
            if "balance" not in model:
                raise UserError(
                    f"model.balancer={self.balancer}: the classifier '{model['name']}' has no such loss; "
                    "use mlp or triplegan, or model.balancer=smote"
                )
            model = {**model, "balance": self.balancer}
        stage = _stage(experiment, model)
        if filled is None:
            return stage
        completed = [self.level(experiment, split, x) for split, x in zip(experiment.splits, filled, strict=True)]
        splits = [part.extend(split) for part, split in zip(completed, experiment.splits, strict=True)]
        return replace(stage, splits=splits, completed=completed)

    def level(self, experiment: Experiment, split: Split, x: Filled) -> Completed:
        """Return filled rows, with those that SMOTE adds to the training rows of rare classes."""
        y = experiment.table.y
        known = np.intersect1d(split.train, np.flatnonzero(split.shown_labels()))
        if self.balancer != "smote" or y is None:
            return Completed(x, np.empty(0, dtype=np.int64))
        known = known[y[known] >= 0]
        counts = np.bincount(y[known])
        neighbours = min(5, int(counts[counts > 0].min()) - 1)  # 5: the default of the paper
        if neighbours < 1 or (counts > 0).sum() < 2:
            return Completed(x, np.empty(0, dtype=np.int64))  # a class of one row has no neighbour
        smote = SMOTE(k_neighbors=neighbours, random_state=1000 * split.seed + split.fold)
        more_x, more_y = smote.fit_resample(x[known], y[known])
        new = slice(len(known), None)
        return Completed(np.concatenate([x, more_x[new].astype(np.float32)]), more_y[new].astype(np.int64))

    # --- the life of a pipeline --------------------------------------------------------------------------------

    def check(self, experiment: Experiment) -> None:
        """Refuse stages that do not fit, before anything is written.

        Raises:
            UserError: the imputer cannot impute, the classifier cannot classify or is not trained by gradient.
        """
        if not hasattr(locate(self.imputer["_target_"], experiment.extra_targets), "impute"):
            raise UserError(f"model.imputer: model={self.imputer['name']} does not impute")
        if not hasattr(locate(self.classifier["_target_"], experiment.extra_targets), "classify"):
            raise UserError(f"model.classifier: model={self.classifier['name']} does not classify")
        if not constructor(self.classifier["_target_"]).trained:
            raise UserError(
                f"model.classifier: {self.classifier['name']} is not trained by gradient; use e.g. triplegan"
            )
        for stage in (self.imputing(experiment), self.classifying(experiment)):
            if stage.trained:
                _build(stage)

    def train(
        self, console: Console, experiment: Experiment, folder: RunFolder, plan: fit.Layout, beat: fit.Beat
    ) -> tuple[fit.State, Figures, list[str]]:
        """Train both stages, going on from what an interrupted run has left; return state, figures and notes."""
        console.print(f"1 of 2: {self.imputer['name']} imputes", highlight=False)
        filled, failed, notes = self.fill(console, experiment, folder, plan["workers"], beat)
        console.print(f"2 of 2: {self.classifier['name']} classifies, balancer {self.balancer}", highlight=False)
        stage = self.classifying(experiment, filled)
        state = fit.train_replicas(console, stage, folder, plan, beat)
        state["failed"] |= failed  # a replica without an imputer failed there, whatever became of its classifier
        return state, self.score(stage, state, filled), notes

    def fill(
        self, console: Console, experiment: Experiment, folder: RunFolder, workers: int, beat: fit.Beat
    ) -> tuple[list[Filled], dict[str, str], list[str]]:
        """Return the table as the imputer of each replica fills it, replicas that failed, and notes."""
        stage = self.imputing(experiment)
        place = RunFolder(folder.path / "imputer")
        if stage.trained:
            make_folder(place.checkpoints)
            state = fit.train_replicas(console, stage, place, fit.plan(stage, workers), beat)
            filled = [_fill_by_module(stage, state, r, split) for r, split in enumerate(stage.splits)]
            return filled, state["failed"], []
        make_folder(place.path)
        fits = [delayed(_fill_by_baseline)(stage, split, place) for split in stage.splits]
        done = Parallel(n_jobs=min(workers, len(stage.splits)))(fits)
        return [x for x, _ in done], {}, sorted({note for _, notes in done for note in notes})

    def score(self, stage: Experiment, state: fit.State, filled: list[Filled]) -> Figures:
        """Score both stages on the test rows of each replica: the imputer's cells, the classifier's labels."""
        prepare_process(stage.config["hardware"])
        assert stage.completed is not None
        figures: Figures = {}
        for r, split in enumerate(stage.splits):
            if f"{split.seed},{split.fold}" in state["failed"]:
                continue
            module = load_replica(
                stage.config,
                state,
                "classify",
                r,
                n_features=len(stage.encoding.group),
                n_classes=stage.table.n_classes,
                extra_targets=stage.extra_targets,
            )
            rows = CompletedTable(stage.table, stage.encoding, [split], torch.device("cpu"), [stage.completed[r]])
            probability = predict(module, rows.rows(torch.from_numpy(split.test).unsqueeze(0))).probability
            imputed = filled[r][split.test].astype(np.float64) * split.span + split.low
            answer = None if probability is None else probability[0].double().numpy()
            for name, value in score(stage.table, stage.encoding, split, imputed, answer).items():
                figures.setdefault(name, [float("nan")] * len(stage.splits))[r] = value
        return figures


def score_again(console: Console, experiment: Experiment, folder: RunFolder) -> Figures:
    """Score a finished pipeline from what it has left in its folder."""
    pipeline = Pipeline.of(experiment)
    filled, _, _ = pipeline.fill(console, experiment, folder, 1, lambda step, steps: None)
    return pipeline.score(pipeline.classifying(experiment, filled), fit.final_state(folder), filled)


def _stage(experiment: Experiment, model: dict[str, Any]) -> Experiment:
    """Return the same experiment with one of the pipeline's models; one without adversaries has no adversarial loss."""
    config = {**experiment.config, "model": model}
    trained = constructor(model["_target_"]).trained
    cls: Any = locate(model["_target_"], experiment.extra_targets)
    if trained and config["loss"]["name"] not in cls.losses:
        config["loss"] = _NO_LOSS
    return replace(experiment, config=config, trained=trained)


def _build(stage: Experiment) -> None:
    build_module(
        stage.config,
        stage.replicas[:1],
        n_features=len(stage.encoding.group),
        n_classes=stage.table.n_classes,
        extra_targets=stage.extra_targets,
    )


def _fill_by_module(stage: Experiment, state: fit.State, replica: int, split: Split) -> Filled:
    module = load_replica(
        stage.config,
        state,
        "impute",
        replica,
        n_features=len(stage.encoding.group),
        n_classes=stage.table.n_classes,
        extra_targets=stage.extra_targets,
    )
    data = DeviceTable(stage.table, stage.encoding, [split.after_selection()], torch.device("cpu"))
    imputed = predict(module, data.rows(torch.arange(stage.table.n_rows).unsqueeze(0))).imputed
    assert imputed is not None
    return imputed[0].numpy()


def _fill_by_baseline(stage: Experiment, split: Split, folder: RunFolder) -> tuple[Filled, list[str]]:
    """Fill all rows, or read what an interrupted run has filled already."""
    file = folder.path / f"filled-{split.seed}-{split.fold}.npz"
    if file.exists():
        with np.load(file, allow_pickle=False) as stored:
            return stored["x"], list(stored["notes"])
    split = split.after_selection()
    rows = visible_rows(stage, split)
    baseline = fit_replica(stage, stage.config["model"], rows, split)
    x, notes = baseline.impute(rows.x, rows.m), list(getattr(baseline, "notes", ()))
    content = io.BytesIO()
    np.savez(content, x=x, notes=np.array(notes, dtype=str))
    write_bytes(file, content.getvalue())
    return x, notes
