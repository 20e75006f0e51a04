"""`ganx eval`: the metrics of a run, computed again from its checkpoint."""

from __future__ import annotations

from typing import Any

from ganx.compose import run as run_hydra
from ganx.words import as_text


def run(argv: list[str]) -> int:
    """Compose, check and evaluate; return the exit code."""

    def task(config: dict[str, Any], command_line: list[str]) -> int:
        from ganx.serve.evaluate import evaluate  # torch: only once the configuration is right

        return evaluate(config, command_line)

    return run_hydra("eval", as_text(argv, "run"), task)
