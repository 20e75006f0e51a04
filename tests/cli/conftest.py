"""A command line in a folder of its own, run inside the test's process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from ganx import cli

#: A model, a data set and an experiment that live outside ganx.
MINE = Path(__file__).parent / "mine"


class Answer(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def mine() -> list[str]:
    return ["--config-dir", str(MINE)]


@pytest.fixture
def ganx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANX_OUTPUTS", raising=False)

    def run(*argv: str) -> Answer:
        code = cli.main(list(argv))
        return Answer(code, *capsys.readouterr())

    return run
