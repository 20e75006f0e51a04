"""`ganx upgrade`: a run of an earlier version, sealed as it is now."""

from __future__ import annotations

from typing import Any

from ganx.compose import run as run_hydra
from ganx.words import as_text


def run(argv: list[str]) -> int:
    """Compose, check and seal; return the exit code."""

    def task(config: dict[str, Any], command_line: list[str]) -> int:
        from ganx.serve.upgrade import upgrade_run  # torch: only once the configuration is right

        return upgrade_run(config, command_line)

    return run_hydra("upgrade", as_text(argv, "run"), task)
