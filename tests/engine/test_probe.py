"""What best states are selected by: in the replica's own scale, and by each metric where that is what was published."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ganx import cli
from ganx.data.encoding import Encoding
from ganx.data.splits import make_splits
from ganx.engine.probe import Probe
from ganx.run.experiment import Experiment
from ganx.schema import Protocol
from tests.engine.conftest import build, make_experiment
from tests.runs import the_run


def selecting_scores(experiment: Experiment) -> dict[str, torch.Tensor]:
    module, _ = build(experiment)
    probe = Probe.of(experiment.spec, module.data, "validation")
    assert probe is not None
    return probe.score(module)


def test_what_no_replica_may_see_has_no_say_in_selection() -> None:
    """A cell of a test row a thousand times larger makes its column's range as large, in metric units."""
    experiment = make_experiment("seeds=1", "protocol.folds=holdout")
    (split,) = experiment.splits
    x = experiment.table.x.copy()
    x[split.test[0]] *= 1000
    table = replace(experiment.table, x=x)
    encoding = Encoding.of(table)
    splits = make_splits(table, encoding, Protocol(**experiment.config["protocol"]), 0, 1)
    poisoned = replace(experiment, table=table, encoding=encoding, splits=splits)
    expected, found = selecting_scores(experiment), selecting_scores(poisoned)
    assert expected.keys() == found.keys() == {"rmse_row", "rmse", "f1"}
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-3, atol=0)


@pytest.mark.usefixtures("in_an_empty_folder")
def test_each_published_metric_is_that_of_its_own_best_state() -> None:
    command = ["train", "model=autoencoder", "dataset=wine", "protocol=paper", "protocol.folds=2", "optimizer.lr=0.01"]
    assert cli.main([*command, "model.steps=60", "model.validate_every=1"]) == 0
    folder = the_run()
    result = folder.read_result()
    assert result is not None
    rows = np.genfromtxt(folder.metrics, delimiter=",", names=True)
    steps = {}
    for name in ("rmse_row", "rmse"):
        for fold in (0, 1):
            looks = rows[rows["fold"] == fold]
            at = np.argmin(looks[f"validation_{name}"])
            steps[name, fold] = looks["step"][at]
            assert result["metrics"][name]["values"][fold] == pytest.approx(looks[f"validation_{name}"][at], rel=1e-4)
    assert any(steps["rmse", fold] != steps["rmse_row", fold] for fold in (0, 1))  # or this tests nothing
