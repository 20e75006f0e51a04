"""What Hydra is told of ganx's sweepers and launchers. Their keys stand in conf/hydra/."""

from __future__ import annotations

import sys
import types

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins

from ganx.launch.launcher import Joblib, Local
from ganx.launch.slurm import Slurm, SubmititLocal
from ganx.launch.sweeper import Grid

PACKAGE = "hydra_plugins"  # Hydra 1.3 insists that plug-ins live in it
PLUGINS = (Grid, Local, Joblib, SubmititLocal, Slurm)


def register() -> None:
    """Make the plug-ins known as `hydra_plugins.ganx.NAME`."""
    package = sys.modules.setdefault(PACKAGE, types.ModuleType(PACKAGE))
    module = types.ModuleType(f"{PACKAGE}.ganx")
    for plugin in PLUGINS:
        plugin.__module__ = module.__name__
        setattr(module, plugin.__name__, plugin)
        Plugins.instance().register(plugin)
    package.ganx = module  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    others = ConfigStore.instance().repo.get("hydra", {}).get("launcher", {})
    for name in ("joblib", "submitit_local"):  # of other plug-ins, whose keys Hydra would mix with those of conf/
        others.pop(f"{name}.yaml", None)
