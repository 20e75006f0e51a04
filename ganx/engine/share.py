"""How far a piece of work has come: told by whoever does it, heard by whoever shows it; neither knows of the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[float], None]


def _nobody(share: float) -> None:
    """Nobody listens."""


_listener: Listener = _nobody


def tell(share: float) -> None:
    """Say which share of the work at hand is done, 0 to 1."""
    _listener(share)


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """Let `listener` hear what is told meanwhile, in this process."""
    global _listener
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before


@contextmanager
def part(k: int, n: int) -> Iterator[None]:
    """What is told meanwhile is about the k-th (from 0) of n parts of the work that the listener hears of."""
    outer = _listener
    with heard_by(lambda share: outer((k + share) / n)):
        yield
