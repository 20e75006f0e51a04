"""The commands: one thin module each, imported only when it is asked for. Each has `run(argv) -> exit code`."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

from ganx.errors import UserError, close, nearest


class Parser(argparse.ArgumentParser):
    """argparse, complaining in one line as every other part of ganx does."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Raise UserError instead of printing the usage."""
        if message.startswith("unrecognized arguments: -"):
            option = message.split()[2].partition("=")[0]
            if near := get_close_matches(option, self._option_string_actions, n=1, cutoff=0.75):
                raise UserError(f"{message}; did you mean '{near[0]}'?")
        raise UserError(f"{message}; see {self.prog} --help")


def as_options(argv: Sequence[str], keys: Sequence[str], prog: str) -> list[str]:
    """Turn KEY=VALUE, as the composed commands take it, into the option --KEY=VALUE that it is here.

    Raises:
        UserError: there is no such key, or it stands there twice.
    """
    given = [word.lstrip("-").partition("=")[0] for word in argv if "=" in word or word.startswith("--")]
    for key in keys:
        if given.count(key) > 1:
            raise UserError(f"{key} is given twice; {prog} takes one")
    for word in argv:
        key, equals, _ = word.partition("=")
        if equals and re.fullmatch(r"[\w./@+~]+", key) and key not in keys:
            raise UserError(f"unknown key '{key}'{nearest(key, keys)}")
    return [f"--{word}" if word.startswith(tuple(f"{key}=" for key in keys)) else word for word in argv]


def check_outputs(given: str | None, default: str) -> Path:
    """Return the folder of outputs; one that is given has to be there, the default need not.

    Raises:
        UserError: it is not there, or no folder.
    """
    outputs = default if given is None else given
    path = Path(outputs)
    if not outputs:
        raise UserError("outputs is empty: give the name of a folder, or leave it out")
    if os.path.lexists(path) and not path.is_dir():
        raise UserError(f"outputs={outputs} is not a folder; give the one that holds runs/ and sweeps/")
    if given is not None and not path.is_dir():
        near = [one.name for one in path.parent.iterdir() if one.is_dir()] if path.parent.is_dir() else []
        raise UserError(f"outputs={outputs}: there is no such folder{close(path.name, near)}")
    return path


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
        if key in ("table", "figure") and key != group:
            raise UserError(f"{word}: ganx {group}s takes a {group}; write ganx {key}s {word}")
        if word in ("-m", "--multirun"):
            raise UserError(f"{word}: ganx {group}s takes one {group}, or all of them when no {group} is given")
        if word.startswith("-") or root in own or root.startswith("hydra") or key == group:
            continue
        if root in meaning or root == group:
            raise UserError(
                f"{word} would change what a {group} means; put a copy of conf/{group}/NAME.yaml into a folder of your "
                f"own and name that with --config-dir{'' if root == group else close(root, own)}"
            )
