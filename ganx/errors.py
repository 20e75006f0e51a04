"""The two ways a command can end badly, and the hint that belongs to them. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """The request is wrong. The message is one line: what, where, and what to do."""

    exit_code = 2


class RunError(Exception):
    """The request was right, but the run failed or is locked."""

    exit_code = 1


class DamagedError(RunError):
    """What a run has left was damaged since, or is of another run."""

    exit_code = 2


class LockedError(RunError):
    """Another process has the run."""


def nearest(name: str, choices: Iterable[str]) -> str:
    """Return a hint that ends a message: the nearest valid name, or all of them when they are few."""
    known = sorted(choices)
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; choose from {', '.join(known)}" if 0 < len(known) <= 20 else ""


def close(name: str, choices: Iterable[str]) -> str:
    """Return a hint that ends a message: the nearest valid name; empty where none is near."""
    hint = nearest(name, choices)
    return hint if hint.startswith("; did") else ""
