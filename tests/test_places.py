"""Names of output files that are refused, by every command, before anything is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ganx import cli
from ganx.errors import UserError
from ganx.places import check_files, check_folder


@pytest.fixture(autouse=True)
def _in_a_folder_with_all_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("folder", "run/refit", "failed", "sweep/logs"):
        Path(folder).mkdir(parents=True)
    for name in ("file", "in.csv", "run/config.yaml", "run/provenance.json", "sweep/sweep.json"):
        Path(name).write_text("precious\n")
    for name in ("failed/config.yaml", "failed/result.json"):
        Path(name).write_text("precious\n")
    Path("link.csv").symlink_to("in.csv")
    Path("hard.csv").hardlink_to("in.csv")
    Path("loop.csv").symlink_to("loop.csv")
    Path("into-run").symlink_to("run")
    os.mkfifo("pipe.csv")


IN_A_RUN = "this is in the folder of a run"
REFUSED = {
    "in.csv": "is the input itself",
    "link.csv": "is the input itself",
    "hard.csv": "is the input itself",
    "folder/../in.csv": "is the input itself",
    "folder": "this is a folder",
    "new.csv/": "this is a folder",
    "pipe.csv": "this is no regular file",
    "/dev/null": "this is no regular file",
    "/dev/f.csv": "a folder of the system",
    "/dev/fd/../../proc/f.csv": "a folder of the system",
    "/proc/f.csv": "a folder of the system",
    "/sys/f.csv": "a folder of the system",
    "run/f.csv": IN_A_RUN,
    "run/config.yaml": IN_A_RUN,
    "run/refit/f.csv": IN_A_RUN,
    "into-run/f.csv": IN_A_RUN,
    "failed/result.json": IN_A_RUN,
    "sweep/logs/0.csv": "this is in the folder of a sweep",
    "file/f.csv": "cannot write there: Not a directory",
    "loop.csv/f.csv": "cannot write there",
    f"{'x' * 300}.csv": "cannot write there: File name too long",
    "a\0.csv": "cannot write there: embedded null byte",
    "~nobody-of-that-name/f.csv": "cannot write there",
}


@pytest.mark.parametrize(("name", "why"), REFUSED.items())
def test_files_that_are_refused(name: str, why: str) -> None:
    before = sorted(Path().rglob("*"))
    with pytest.raises(UserError) as caught:
        check_files({"out": name}, "in.csv")
    assert str(caught.value).startswith(f"out={name}")
    assert why in str(caught.value)
    assert sorted(Path().rglob("*")) == before


def test_one_output_is_not_another() -> None:
    with pytest.raises(UserError, match=r"spread=folder/\.\./a\.csv is out=a\.csv, too"):
        check_files({"out": "a.csv", "spread": "folder/../a.csv"})


@pytest.mark.parametrize("name", ["new.csv", "file", "folder/deep/er/f.csv", "/dev/shm/ganx-never-written.csv"])
def test_files_that_are_not(name: str) -> None:
    assert check_files({"out": name}, "in.csv") == {"out": Path(name)}
    assert not Path("folder/deep").exists()


def test_a_home_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert check_files({"out": "~/../tmp/f.csv"}) == {"out": Path("/somewhere/../tmp/f.csv")}


@pytest.mark.parametrize(
    ("name", "why"),
    [("file", "this is a file; name a folder"), ("run", IN_A_RUN), ("run/tables", IN_A_RUN), ("/proc/x", "system")],
)
def test_folders_that_are_refused(name: str, why: str) -> None:
    with pytest.raises(UserError, match=f"^out={name}: .*{why}"):
        check_folder("out", name)
    assert check_folder("out", "folder") == Path("folder")
    assert check_folder("out", "new/one") == Path("new/one")


COMMANDS = {
    "impute": ["run=x", "input=in.csv"],
    "predict": ["run=x", "input=in.csv"],
    "sample": ["run=x"],
    "interpolate": ["run=x"],
    "neighbours": ["run=x"],
    "tables": ["table=hexagan_alpha"],
    "figures": ["figure=hexagan_digits"],
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("out", ["/proc/f.png", "run/f.png", "file/f.png"])
def test_every_command_refuses_them_first(command: str, out: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(Path().rglob("*"))
    assert cli.main([command, *COMMANDS[command], f"out={out}"]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"ganx: out={out}: ")
    assert told.count("\n") == 1
    assert sorted(Path().rglob("*")) == before
