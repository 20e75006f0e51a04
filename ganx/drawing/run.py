"""The figures that a run leaves behind, from its final state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter

from ganx.drawing import plots
from ganx.drawing.generated import draw_entropy, draw_regions, draw_samples
from ganx.engine.capabilities import Answers
from ganx.files import refusing
from ganx.run.experiment import Experiment, State
from ganx.run.folder import RunFolder

_MOST_HIDDEN = 5000  # rows of which hidden vectors are shown


def draw(experiment: Experiment, state: State, answers: Sequence[Answers | None], folder: RunFolder) -> None:
    """Draw loss curves, and of the first replica that did not fail whatever its method gives to see."""
    if folder.metrics.exists():
        plots.loss_curves(folder.metrics, folder.figures / "losses.png")
    alive = [replica for replica, answer in enumerate(answers) if answer is not None]
    if experiment.spec.fitter == "gradient" and alive:
        for needed, figure in FIGURES:
            if experiment.spec.capabilities.issuperset(needed):
                figure(experiment, state, alive[0], answers[alive[0]] or {}, folder)
    if folder.metrics.exists():
        with refusing(folder.tensorboard), SummaryWriter(str(folder.tensorboard)) as writer:
            for file in sorted(folder.figures.glob("*.png")):
                writer.add_image(file.stem, plots.pixels(file), state["step"], dataformats="HWC")


def draw_imputation(experiment: Experiment, state: State, replica: int, answers: Answers, folder: RunFolder) -> None:
    """Hidden cells of the test rows: truth against imputed."""
    split, encoding = experiment.splits[replica], experiment.encoding
    known = ~np.isnan(experiment.table.x[split.test])
    hidden = encoding.expand(known & ~split.seen[split.test] & ~split.empty & encoding.numeric)
    if hidden.any():
        truth = encoding.encode(experiment.table.x[split.test])
        plots.truth_against_imputed(truth[hidden], answers["impute"][hidden], folder.figures / "imputation.png")


@torch.no_grad()
def draw_hidden_space(experiment: Experiment, state: State, replica: int, answers: Answers, folder: RunFolder) -> None:
    """Hidden vectors of rows, and generated ones by class."""
    table, split = experiment.table, experiment.splits[replica]
    if table.y is None:
        return
    view = experiment.view(replica)
    module: Any = experiment.module(state, replica, "classify")
    rows = np.unique(np.concatenate([split.rows, split.test]))[:_MOST_HIDDEN]
    batch: Any = view.batch(view.tensor(rows).unsqueeze(0))
    wanted = np.arange(len(rows)) % table.n_classes
    with module.evaluation_noise():
        real = module.encode(batch.x, batch.m)[0].numpy()
        generated = module.generate_hidden(torch.eye(table.n_classes)[wanted].unsqueeze(0))[0].numpy()
    plots.hidden_space(real, table.y[rows], generated, wanted, table.classes, folder.figures / "hidden_space.png")


#: (capabilities that a figure needs, the function that draws it)
FIGURES = (
    (("impute",), draw_imputation),
    (("encode", "generate_hidden"), draw_hidden_space),
    (("sample", "generate"), draw_samples),
    (("cluster",), draw_regions),
    (("classify",), draw_regions),
    (("prior",), draw_entropy),
)
