"""`ganx train`: one run (or a sweep of runs, with `-m`)."""

from __future__ import annotations

from typing import Any

from ganx.compose import run as run_hydra
from ganx.errors import UserError
from ganx.words import is_search, is_sweep, sweep_words


def run(argv: list[str]) -> int:
    """Compose, check and train; return the exit code."""

    def task(config: dict[str, Any], command_line: list[str]) -> int:
        from ganx.run.life import train  # torch: only once the configuration is right

        return train(config, command_line)

    for word in argv:
        if word.startswith(("table=", "figure=")):
            raise UserError(f"{word}: ganx train takes a model; write ganx {word.partition('=')[0]}s {word}")
    argv = sweep_words(argv)
    if is_search(argv):
        argv.append("hydra/sweeper=optuna")
    if is_sweep(argv):
        argv.append("-m")
    return run_hydra("train", argv, task)
