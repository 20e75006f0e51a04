"""Fixtures that several folders of tests use."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.processes import Ganx


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


@pytest.fixture
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work where nothing is yet, and write `outputs` there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANX_OUTPUTS", raising=False)


@pytest.fixture
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Ganx]]:
    """Return a function that starts `ganx` in a process of its own; keywords are its environment.

    What still runs when the test is over is killed.
    """
    started: list[Ganx] = []

    def start(*argv: str, **environment: str) -> Ganx:
        started.append(Ganx(*argv, logs=tmp_path_factory.mktemp("logs"), environment=environment))
        return started[-1]

    yield start
    for process in started:
        if process.code is None:
            process.send_to_all(signal.SIGKILL)
            process.wait()


@pytest.fixture(autouse=True)
def _denormal_numbers() -> Iterator[None]:
    """Undo what a training in this process did to its arithmetic; hypothesis insists on tiny numbers."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)
