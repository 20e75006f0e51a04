"""A run as a figure sees it: before its training the data and the method, after it the networks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ganx.data.splits import Split
from ganx.data.table import Table
from ganx.engine.batch import TabularBatch
from ganx.engine.evaluate import load_replica
from ganx.engine.evaluate_samples import load_generator
from ganx.engine.generative import GenerativeModule
from ganx.engine.loader import DeviceTable
from ganx.errors import RunError
from ganx.run.experiment import Experiment
from ganx.run.fit import State, final_state
from ganx.targets import locate

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Trained:
    """A run by the name that it has in a figure."""

    name: str
    experiment: Experiment

    @property
    def config(self) -> dict[str, Any]:
        """The checked configuration of `ganx train`."""
        return self.experiment.config

    @property
    def table(self) -> Table:
        """The data."""
        return self.experiment.table

    @property
    def done(self) -> bool:
        """Whether the run has ended well."""
        result = self.experiment.folder.read_result()
        return result is not None and result["status"] == "done"

    def can(self, ability: str) -> bool:
        """Whether the method defines `ability`."""
        return hasattr(locate(self.config["model"]["_target_"], self.experiment.extra_targets), ability)

    # --- after training ----------------------------------------------------------------------------------------

    @property
    def metrics(self) -> dict[str, float]:
        """The means over replicas in result.json."""
        result = self.experiment.folder.read_result() or {"metrics": {}}
        return {name: metric["mean"] for name, metric in result["metrics"].items()}

    @property
    def split(self) -> Split:
        """What the first replica may look at; figures show this one."""
        return self.experiment.splits[0]

    @cached_property
    def state(self) -> State:
        """The final state.

        Raises:
            RunError: the checkpoint is damaged or gone.
        """
        if not self.experiment.folder.checkpoint.exists():
            raise RunError(f"{self.experiment.folder} has lost its checkpoint; remove the folder, and train again")
        return final_state(self.experiment.folder)

    def module(self, *, last: bool = False) -> Any:
        """Return the first replica as a stack of one: as it imputes best, or (`last`) as training has left it."""
        return load_replica(
            self.config,
            self.state | {"best": {}} if last else self.state,
            "impute",
            0,
            n_features=len(self.experiment.encoding.group),
            n_classes=self.table.n_classes,
            extra_targets=self.experiment.extra_targets,
        )

    def generator(self) -> GenerativeModule:
        """Return the first replica, of a method that generates whole rows, as a stack of one, at its last step."""
        rows = self.experiment.rows
        assert rows is not None
        return load_generator(self.config, self.state, 0, rows, self.table.n_classes, self.experiment.extra_targets)

    def shown(self, rows: NDArray[np.int64]) -> TabularBatch:
        """Return rows (n,) as the trained run is shown them, (1, n, ...)."""
        device = torch.device("cpu")
        data = DeviceTable(self.table, self.experiment.encoding, [self.split.after_selection()], device)
        return data.rows(torch.from_numpy(rows).unsqueeze(0))

    def in_units(self, features: torch.Tensor) -> Floats:
        """Return features (1, n, d) of the first replica as cells (n, D) in the units of the source."""
        scaled = features[0].double().numpy() * self.split.span + self.split.low
        return self.experiment.encoding.decode(scaled)
