"""Imputers on a table whose columns have nearly all of their mass at one end of their range.

With `model.inputs=range model.output_bias=zero`, as published, they stay at zero here, no better than the
mean.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from ganx.compose import compose
from ganx.run.experiment import Experiment
from tests.engine.conftest import build, walk


@pytest.fixture
def table(tmp_path: Path) -> str:
    """Columns that follow from five causes: zero in most rows, a little in some, and now and then large."""
    rng = np.random.default_rng(0)
    causes = rng.standard_normal((300, 5)).repeat(10, axis=1)
    x = np.expm1(3 * np.clip(causes + 0.3 * rng.standard_normal((300, 50)) - 0.5, 0, None))
    file = tmp_path / "skewed.csv"
    pd.DataFrame(x.round(3), columns=[f"c{j}" for j in range(50)]).to_csv(file, index=False)
    return f"dataset.path={file}"


@pytest.mark.parametrize("words", [["model=autoencoder", "model.hidden=[32]"], ["model=gain", "model.hidden.g=[32]"]])
def test_they_beat_the_mean(table: str, words: list[str]) -> None:
    experiment = Experiment.of(compose("train", ["dataset=csv", table, "protocol.folds=0", *words]))
    module, loader = build(experiment)
    walk(module, loader, 300)
    rows = torch.arange(300).expand(1, -1)
    batch = module.data.batch(rows)
    truth = (module.data.features[rows] - module.data.low) / module.data.span
    mean = (batch.x * batch.m).sum(1, keepdim=True) / batch.m.sum(1, keepdim=True)
    with torch.no_grad():
        filled = module.impute(batch.x, batch.m)
    hidden = batch.missing == 1
    assert float((filled - truth)[hidden].square().mean()) < 0.9 * float((mean - truth)[hidden].square().mean())
