"""What an estimator is fitted on: all cells that are shown, and the labels that a trained method sees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ganx.compose import compose
from ganx.run.chain import classifying, stages
from ganx.run.estimator import training_rows
from ganx.run.experiment import Experiment
from ganx.targets import spec


def experiment_of(*overrides: str) -> Experiment:
    return Experiment.of(compose("train", ["dataset=wine", "protocol.folds=3", *overrides]))


@pytest.mark.parametrize("itself", [False, True])
def test_what_validation_keeps_back_is_seen_by_who_selects_itself(itself: bool) -> None:
    experiment = experiment_of("model=knn")
    experiment = replace(experiment, spec=replace(experiment.spec, selects_itself=itself))
    for replica, split in enumerate(experiment.splits):
        x, m, y = training_rows(experiment, replica)
        labels = split.labelled if itself else split.shown_labels()
        np.testing.assert_array_equal(m, split.seen[split.rows])
        np.testing.assert_array_equal(y >= 0, labels[split.rows])
        assert not x[~m].any()


def test_without_validation_nothing_is_kept_back() -> None:
    experiment = experiment_of("model=logistic", "protocol=paper", "protocol.folds=3")
    split = experiment.splits[0]
    _, m, y = training_rows(experiment, 0)
    np.testing.assert_array_equal(m, split.seen[split.train])
    np.testing.assert_array_equal(y >= 0, split.labelled[split.train])


def test_rows_that_smote_makes_are_learned_from() -> None:
    pipeline = ["model=pipeline", "model@model.imputer=zeros", "model@model.classifier=logistic"]
    experiment = experiment_of(*pipeline, "model.balancer=smote", "protocol.imbalance_ratio=4")
    filled = [np.zeros(experiment.table.x.shape, dtype=np.float32) for _ in experiment.splits]
    stage = classifying(experiment, filled)
    assert stages(experiment)[1].spec.fitter == "estimator"
    assert stage.completed is not None
    _, _, y = training_rows(stage, 0)
    counts = np.bincount(y[y >= 0])
    assert len(stage.completed[0].added) > 0
    assert counts.tolist() == [counts.max()] * 3


def test_a_class_says_so_by_an_attribute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "blend_of_mine.py").write_text(
        "class Blend:\n    selects_itself = True\n\n    def fit(self, x, m, y):\n        pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert spec({"_target_": "blend_of_mine.Blend"}).selects_itself
    assert not spec({"_target_": "ganx.baselines.knn.KNN"}).selects_itself
