"""`ganx predict`: the classes of a user's rows, by a trained run."""

from __future__ import annotations

from typing import Any

from ganx.compose import run as run_hydra
from ganx.words import as_text


def run(argv: list[str]) -> int:
    """Compose, check and predict; return the exit code."""

    def task(config: dict[str, Any], command_line: list[str]) -> int:
        from ganx.serve.predict import predict  # torch: only once the configuration is right

        return predict(config, command_line)

    return run_hydra("predict", as_text(argv, "run"), task)
