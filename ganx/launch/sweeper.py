"""What `-m` means: every combination of values, or a search for the best ones. All is checked before a run starts."""

from __future__ import annotations

import math
from itertools import islice
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, RangeSweep
from hydra.core.plugins import Plugins

from ganx.errors import UserError

# Hydra's scan for plug-ins executes the module below once more. A class that was made before would inherit from a
# BasicSweeper that is no longer the one that its methods know.
Plugins.instance()
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper  # noqa: E402

MOST_RUNS = 10_000


def _count(word: Override) -> int:
    """Return how many values an override stands for; no more than tells that they are too many."""
    if not word.is_sweep_override():
        return 1
    value = word.value()
    values = value.range() if isinstance(value, RangeSweep) else word.sweep_iterator()
    return sum(1 for _ in islice(iter(values), MOST_RUNS + 1))


class Grid(BasicSweeper):
    """Hydra's own sweeper, except that a wrong job stops all of them, and that no multirun.yaml is left."""

    def __init__(self, plan: bool) -> None:
        super().__init__(max_batch_size=None)
        self.plan = plan  # the launcher looks at it

    def sweep(self, arguments: list[str]) -> list[int]:
        """Launch every combination; return the exit code of each.

        Raises:
            UserError: an override stands for no values, or for endlessly many.
        """
        assert self.hydra_context is not None
        assert self.launcher is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = parser.parse_overrides(arguments)
        for word in overrides:
            if word.is_interval_sweep():
                raise UserError(f"{word.input_line}: an interval is for a search: add hydra/sweeper=optuna")
        if (count := math.prod(map(_count, overrides))) > MOST_RUNS:
            raise UserError(f"{count:,} runs or more: a sweep has at most {MOST_RUNS:,}")
        (jobs,) = self.split_arguments(overrides, max_batch_size=None)
        if not jobs:
            raise UserError("no run: a range(...) or glob(...) here has no values")
        return [result.return_value for result in self.launcher.launch(jobs, initial_job_idx=0)]


class Optuna(BasicSweeper):
    """A search; see `ganx.launch.search`."""

    def __init__(self, **values: Any) -> None:
        """Hydra gives the keys here; they are checked in `sweep`, whose complaints it passes on as they are."""
        super().__init__(max_batch_size=None)
        self.values = values

    def sweep(self, arguments: list[str]) -> list[int]:
        """Search; return an exit code."""
        from ganx.launch.search import search  # Optuna

        launcher: Any = self.launcher  # one of ganx's, as `compose` has checked
        return [search(self.values, launcher, arguments)]
