"""Golden loss curves: the first steps of every trained model, as they have always been.

A change that alters them alters results: raise the model's `version`, and renew the curves with
`GANX_RENEW_GOLDEN=1 .venv/bin/pytest tests/golden`.
"""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from ganx.compose import compose
from ganx.run.experiment import Experiment
from tests.engine.conftest import build, smoke, trained_models, walk

STEPS = 20


@pytest.mark.parametrize("model", trained_models())
def test_first_losses(model: str) -> None:
    data = [word for word in smoke(model) if not word.startswith("model.")]
    overrides = [f"model={model}", "dataset=breast", "protocol.folds=2", *data]
    module, loader = build(Experiment.of(compose("train", overrides)))
    walk(module, loader, STEPS)
    losses = {name: values.tolist() for name, values in module.block_losses().items()}
    header = ["step", *(f"{name}[{r}]" for name in losses for r in range(2))]
    rows = [[step + 1, *(value for values in losses.values() for value in values[step])] for step in range(STEPS)]
    file = Path(__file__).with_name(f"{model}.csv")
    if os.environ.get("GANX_RENEW_GOLDEN"):
        with file.open("w", newline="") as out:
            csv.writer(out, lineterminator="\n").writerows([header, *([f"{v:.6g}" for v in row] for row in rows)])
    with file.open(newline="") as stored:
        expected_header, *expected = csv.reader(stored)
    assert expected_header == header
    np.testing.assert_allclose(np.array(rows), np.array(expected, dtype=float), rtol=2e-3, atol=1e-4)
