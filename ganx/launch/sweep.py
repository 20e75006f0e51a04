"""Hydra's `-m`, with every job checked before the first one starts."""

from __future__ import annotations

import sys
import types

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins

# Hydra's scan for plug-ins executes the module below once more. A class that was made before would inherit from a
# BasicSweeper that is no longer the one that its methods know.
Plugins.instance()
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper  # noqa: E402


class Sweep(BasicSweeper):
    """Hydra's own sweeper, except that a wrong job stops all of them, and that no multirun.yaml is left."""

    __module__ = "hydra_plugins.ganx"  # Hydra 1.3 insists that plug-ins live in the package hydra_plugins

    def sweep(self, arguments: list[str]) -> list[int]:
        """Launch every combination; return the exit code of each."""
        assert self.hydra_context is not None
        assert self.launcher is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = parser.parse_overrides([*self._parse_config(), *arguments])
        (jobs,) = self.split_arguments(overrides, max_batch_size=None)
        self.validate_batch_is_legal(jobs)
        return [result.return_value for result in self.launcher.launch(jobs, initial_job_idx=0)]


def register() -> None:
    """Make `hydra/sweeper=ganx` known to Hydra."""
    package = sys.modules.setdefault("hydra_plugins", types.ModuleType("hydra_plugins"))
    module = types.ModuleType(Sweep.__module__)
    module.Sweep = Sweep  # type: ignore[attr-defined]
    package.ganx = module  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    Plugins.instance().register(Sweep)
    node = {"_target_": "hydra_plugins.ganx.Sweep", "max_batch_size": None, "params": None}
    ConfigStore.instance().store(group="hydra/sweeper", name="ganx", node=node, provider="ganx")
