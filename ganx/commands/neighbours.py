"""`ganx neighbours`: made-up rows beside the training rows that are nearest to them."""

from __future__ import annotations

from typing import Any

from ganx.compose import run as run_hydra
from ganx.words import as_text


def run(argv: list[str]) -> int:
    """Compose, check and compare; return the exit code."""

    def task(config: dict[str, Any], command_line: list[str]) -> int:
        from ganx.serve.neighbours import neighbours  # torch: only once the configuration is right

        return neighbours(config, command_line)

    return run_hydra("neighbours", as_text(argv, "run"), task)
