"""`ganx sample`: rows or images that a trained run makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ganx.compose import run as run_hydra
from ganx.words import as_text


def run(argv: list[str]) -> int:
    """Compose, check and sample; return the exit code."""

    def task(config: dict[str, Any], command_line: list[str]) -> int:
        from ganx.serve.sample import sample  # torch: only once the configuration is right

        return sample(config, command_line)

    return run_hydra("sample", names_as_text(argv), task)


def names_as_text(argv: Sequence[str]) -> list[str]:
    """Return `argv` with the values of `run` and `label` quoted: a class may be called 1.0 or true."""
    return as_text(as_text([word for word in argv if word != "label=null"], "label"), "run")
