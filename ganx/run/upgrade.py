"""Runs of earlier versions."""

from __future__ import annotations

from typing import Any


def upgrade(config: dict[str, Any]) -> dict[str, Any]:
    """Return an old configuration in today's keys."""
    return config


def upgrade_state(state: dict[str, Any]) -> dict[str, Any]:
    """Return an old checkpoint with today's names."""
    return state
