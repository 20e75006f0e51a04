from __future__ import annotations

import json
import os

import pytest

from ganx.errors import RunError
from ganx.files import atomic, make_folder, write_json, write_text


def test_writes_whole_files(tmp_path):
    write_text(tmp_path / "a.txt", "α\n")
    write_json(tmp_path / "a.json", {"x": float("nan")})
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "α\n"
    assert json.loads((tmp_path / "a.json").read_text())["x"] != 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "a.txt"]
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError), atomic(path) as file:  # noqa: PT012
        file.write(b"new")
        _ = 1 / 0
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"cannot write .*a\.txt: No space left on device"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")  # noqa: PTH110
def test_a_really_full_device(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.mkstemp", lambda **_: (os.open("/dev/full", os.O_WRONLY), str(tmp_path / "gone")))
    with pytest.raises(RunError, match="No space left on device"):
        write_text(tmp_path / "a.txt", "new")


def test_an_unwritable_folder_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"cannot write .*file/x: .*; choose another folder"):
        make_folder(tmp_path / "file" / "x")
    with pytest.raises(RunError, match="No such file or directory"):
        write_text(tmp_path / "no" / "a.txt", "")
