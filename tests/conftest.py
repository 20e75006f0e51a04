"""Fixtures that several folders of tests use."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def ganx_data() -> Callable[[str], Path]:
    """Return a function from a folder's name to its path below GANX_DATA; it skips the test where there is none."""

    def folder(name: str) -> Path:
        root = os.environ.get("GANX_DATA")
        if not root:
            pytest.skip(f"GANX_DATA is not set: no {name}/")
        path = Path(root).expanduser() / name
        if not path.is_dir():
            pytest.skip(f"GANX_DATA has no folder {name}/")
        return path

    return folder
