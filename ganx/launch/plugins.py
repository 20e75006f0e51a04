"""What Hydra is told of ganx's sweepers and launchers. Their keys stand in conf/hydra/."""

from __future__ import annotations

import sys
import types

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins

from ganx.launch.launcher import Joblib, Local
from ganx.launch.slurm import Slurm, SubmititLocal
from ganx.launch.sweeper import Grid, Optuna

PACKAGE = "hydra_plugins"  # Hydra 1.3 insists that plug-ins live in it
PLUGINS = (Grid, Optuna, Local, Joblib, SubmititLocal, Slurm)


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
    others = ConfigStore.instance().repo.get("hydra", {})
    for group, name in (("launcher", "joblib"), ("launcher", "submitit_local"), ("sweeper", "optuna")):
        others.get(group, {}).pop(f"{name}.yaml", None)  # of other plug-ins, whose keys Hydra would mix with those here
