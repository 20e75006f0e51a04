"""The wheel brings everything, conf/ included, and works outside the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Return an unpacked wheel, built from a copy, so that no build/ is left in the checkout."""
    copy, unpacked = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("wheel")
    for name in ("ganx", "conf"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, copy)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", copy, copy]
    subprocess.run(command, check=True, capture_output=True)
    (archive,) = copy.glob("*.whl")
    zipfile.ZipFile(archive).extractall(unpacked)
    return unpacked


def test_contents(wheel):
    for folder, name in (("ganx", "ganx"), ("conf", "ganx/conf")):
        for file in (ROOT / folder).rglob("*"):
            if file.suffix in (".py", ".yaml"):
                assert (wheel / name / file.relative_to(ROOT / folder)).is_file(), file
    assert not (wheel / "conf").exists()
    assert list(wheel.glob("ganx-*.dist-info/licenses/LICENSE"))


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["-c", "import ganx.conf; print(ganx.conf.__file__)"], "{wheel}/ganx/conf/"),
        (["-m", "ganx", "list", "dataset"], "breast"),
        (["-m", "ganx", "train", "model=hexagan", "--cfg", "job"], "name: breast"),
    ],
)
def test_it_works_elsewhere(wheel, tmp_path, command, told):
    environment = os.environ | {"PYTHONPATH": str(wheel)}
    done = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert told.format(wheel=wheel) in done.stdout
