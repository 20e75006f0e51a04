"""The figures of a run, from its final state."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter

from ganx.drawing import plots
from ganx.drawing.generated import draw_samples
from ganx.engine.evaluate import answers, load_replica
from ganx.engine.loader import DeviceTable
from ganx.files import refusing
from ganx.run.experiment import Experiment
from ganx.run.fit import State
from ganx.run.folder import RunFolder


def draw(experiment: Experiment, state: State, folder: RunFolder) -> None:
    """Draw loss curves, and of the first replica that did not fail truth against imputed, hidden space or samples."""
    draw_losses(folder)
    alive = [r for r, (seed, fold) in enumerate(experiment.replicas) if f"{seed},{fold}" not in state["failed"]]
    if alive and experiment.rows is not None:
        draw_samples(experiment, state, alive[0], folder)
    elif alive:
        _draw_imputation(experiment, state, alive[0], folder)
        _draw_hidden_space(experiment, state, alive[0], folder)
    with refusing(folder.tensorboard), SummaryWriter(str(folder.tensorboard)) as writer:
        for figure in sorted(folder.figures.glob("*.png")):
            writer.add_image(figure.stem, plots.pixels(figure), state["step"], dataformats="HWC")


def draw_losses(folder: RunFolder) -> None:
    """Draw losses and validation figures against steps."""
    if folder.metrics.exists():
        plots.loss_curves(folder.metrics, folder.figures / "losses.png")


def _draw_imputation(experiment: Experiment, state: State, replica: int, folder: RunFolder) -> None:
    split = experiment.splits[replica]
    imputed, _ = answers(
        experiment.config, state, experiment.table, experiment.encoding, split, replica, experiment.extra_targets
    )
    known = ~np.isnan(experiment.table.x[split.test])
    hidden = experiment.encoding.expand(known & ~split.seen[split.test] & ~split.empty & experiment.encoding.numeric)
    if imputed is not None and hidden.any():
        truth = experiment.encoding.encode(experiment.table.x[split.test])
        plots.truth_against_imputed(truth[hidden], imputed[hidden], folder.figures / "imputation.png")


def _draw_hidden_space(experiment: Experiment, state: State, replica: int, folder: RunFolder) -> None:
    """For methods that `encode` rows and generate hidden vectors by class."""
    table, split = experiment.table, experiment.splits[replica]
    module: Any = load_replica(
        experiment.config,
        state,
        "classify",
        replica,
        n_features=len(experiment.encoding.group),
        n_classes=table.n_classes,
        extra_targets=experiment.extra_targets,
    )
    if table.y is None or not hasattr(module, "encode") or not hasattr(module, "generate_hidden"):
        return
    data = DeviceTable(table, experiment.encoding, [split.after_selection()], torch.device("cpu"))
    rows = np.unique(np.concatenate([split.rows, split.test]))[:5000]
    batch = data.rows(torch.from_numpy(rows).unsqueeze(0))
    wanted = np.arange(len(rows)) % table.n_classes
    with torch.no_grad(), module.evaluation_noise():
        real = module.encode(batch.x, batch.m)[0].numpy()
        generated = module.generate_hidden(torch.eye(table.n_classes)[wanted].unsqueeze(0))[0].numpy()
    plots.hidden_space(real, table.y[rows], generated, wanted, table.classes, folder.figures / "hidden_space.png")
