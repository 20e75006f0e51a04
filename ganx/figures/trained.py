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
from ganx.run.experiment import Experiment, State
from ganx.run.kept import digest_of, read_kept
from ganx.run.opened import open_run

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

    # --- after training ----------------------------------------------------------------------------------------

    @property
    def metrics(self) -> dict[str, float]:
        """The means over replicas in result.json."""
        result = self.experiment.folder.read_result() or {"metrics": {}}
        return {name: metric["mean"] for name, metric in result["metrics"].items()}

    @property
    def log_is_whole(self) -> bool:
        """Whether metrics.csv is as training has left it; earlier versions did not note that."""
        folder = self.experiment.folder
        found = digest_of(folder.metrics)
        return found is not None and found == (folder.read_result() or {}).get("log", found)

    @property
    def split(self) -> Split:
        """What the first replica may look at; figures show this one."""
        return self.experiment.splits[0]

    @cached_property
    def state(self) -> State:
        """The final state.

        Raises:
            DamagedError: the run is not what it has left.
        """
        open_run(self.experiment.folder, self.experiment.extra_targets)
        return read_kept(self.experiment.folder, "gradient", self.experiment.replicas)

    @cached_property
    def view(self) -> Any:
        """The rows of the first replica."""
        return self.experiment.view(0)

    def module(self, capability: str | None = None) -> Any:
        """Return the first replica as a stack of one: as it does best what it is asked, or as training has left it."""
        return self.experiment.module(self.state, 0, capability)

    def shown(self, rows: NDArray[np.int64]) -> Any:
        """Return rows (n,) as the trained run is shown them, (1, n, ...)."""
        return self.view.batch(self.view.tensor(rows).unsqueeze(0))

    def in_units(self, features: torch.Tensor) -> Floats:
        """Return features (1, n, d) of the first replica as cells (n, D) in the units of the source."""
        scaled = features[0].double().numpy() * self.split.span + self.split.low
        return self.experiment.encoding.decode(scaled)
