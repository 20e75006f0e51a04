"""The commands: one thin module each, imported only when it is asked for. Each has `run(argv) -> exit code`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import NoReturn

from ganx.errors import UserError, nearest


class Parser(argparse.ArgumentParser):
    """argparse, complaining in one line as every other part of ganx does."""

    def error(self, message: str) -> NoReturn:
        """Raise UserError instead of printing the usage."""
        raise UserError(f"{message}; see {self.prog} --help")


def with_outputs(argv: Sequence[str]) -> list[str]:
    """Turn `outputs=DIR`, as the composed commands take it, into the option that it is here."""
    return [f"--{word}" if word.startswith("outputs=") else word for word in argv]


def refuse_other_meaning(group: str, argv: Sequence[str], own: AbstractSet[str], meaning: AbstractSet[str]) -> None:
    """Refuse overrides that would change a published table or figure: it is what its file says.

    Args:
        group: `table` or `figure`.
        own: keys of the command itself, which chooses what to do with it.
        meaning: keys that say what it is.

    Raises:
        UserError: an override of `meaning`, or a sweep.
    """
    for word in argv:
        key = word.lstrip("+~").partition("=")[0]
        root = key.partition(".")[0].partition("@")[0]
        if word in ("-m", "--multirun"):
            raise UserError(f"{word}: ganx {group}s takes one {group}, or all of them when no {group} is given")
        if word.startswith("-") or root in own or root.startswith("hydra") or key == group:
            continue
        if root in meaning or root == group:
            hint = nearest(root, own)
            raise UserError(
                f"{word} would change what a {group} means; put a copy of conf/{group}/NAME.yaml into a folder of your "
                f"own and name that with --config-dir{hint if hint.startswith('; did') else ''}"
            )
