"""Hydra's `-m`: every combination of comma-separated values, each checked before the first one starts."""

from __future__ import annotations

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins

# Hydra's scan for plug-ins executes the module below once more. A class that was made before would inherit from a
# BasicSweeper that is no longer the one that its methods know.
Plugins.instance()
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper  # noqa: E402


class Grid(BasicSweeper):
    """Hydra's own sweeper, except that a wrong job stops all of them, and that no multirun.yaml is left."""

    def __init__(self, plan: bool) -> None:
        super().__init__(max_batch_size=None)
        self.plan = plan  # the launcher looks at it

    def sweep(self, arguments: list[str]) -> list[int]:
        """Launch every combination; return the exit code of each."""
        assert self.hydra_context is not None
        assert self.launcher is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        (jobs,) = self.split_arguments(parser.parse_overrides(arguments), max_batch_size=None)
        return [result.return_value for result in self.launcher.launch(jobs, initial_job_idx=0)]
