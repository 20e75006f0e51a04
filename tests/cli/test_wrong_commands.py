"""Wrong commands, of every kind: exit code 2, one line that names what is wrong and what to do, and nothing is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ganx import cli
from tests.cli.wrong import files, make_runs, words

LIST = Path(__file__).with_name("wrong_commands.txt")
CASES = [line.split("  =>  ") for line in LIST.read_text().splitlines() if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Work in a folder with small tables and runs; give the signatures of these."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("wrong"))
        patch.delenv("GANX_OUTPUTS", raising=False)
        yield make_runs()


def test_there_are_many() -> None:
    commands = {command.split()[0] for command, _ in CASES}
    assert len(CASES) >= 250
    assert commands >= {*cli.COMMANDS, "help"}


@pytest.mark.xdist_group("wrong commands")  # one process makes the runs
@pytest.mark.parametrize(("command", "told"), CASES, ids=[command for command, _ in CASES])
def test_wrong_command(runs: dict[str, str], capsys: pytest.CaptureFixture[str], command: str, told: str) -> None:
    before = files()
    code = cli.main(words(command, runs))
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.startswith("ganx: ")
    assert err.count("\n") == 1
    assert err.rstrip("\n").isprintable()
    rest = err
    for part in told.split(" ... "):
        assert part in rest
        rest = rest.partition(part)[2]
    assert files() == before
