"""`ganx interpolate`: walks through the latent space of a trained run."""

from __future__ import annotations

from typing import Any

from ganx.commands.sample import names_as_text
from ganx.compose import run as run_hydra


def run(argv: list[str]) -> int:
    """Compose, check and walk; return the exit code."""

    def task(config: dict[str, Any], command_line: list[str]) -> int:
        from ganx.serve.interpolate import interpolate  # torch: only once the configuration is right

        return interpolate(config, command_line)

    return run_hydra("interpolate", names_as_text(argv), task)
