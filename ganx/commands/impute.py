"""`ganx impute`: a user's table, filled by a trained run."""

from __future__ import annotations

from typing import Any

from ganx.compose import run as run_hydra
from ganx.errors import UserError
from ganx.words import as_text, override


def run(argv: list[str]) -> int:
    """Compose, check and impute; return the exit code."""

    def task(config: dict[str, Any], command_line: list[str]) -> int:
        from ganx.serve.impute import impute  # torch: only once the configuration is right

        return impute(config, command_line)

    return run_hydra("impute", as_text(_spread(argv), "run"), task)


def _spread(argv: list[str]) -> list[str]:
    """Turn `--spread FILE` into the override that it is."""
    words, rest = iter(argv), []
    for word in words:
        flag, equals, file = word.partition("=")
        if flag != "--spread":
            rest.append(word)
            continue
        file = file if equals else next(words, "")
        if not file:
            raise UserError("--spread needs a file")
        rest.append(override("spread", file))
    return rest
