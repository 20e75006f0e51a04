"""kill -9 at random moments, again and again: the finished table is, byte for byte, that of an undisturbed run.

GANX_SOAK_KILLS says how often (`make soak`: 100). Meanwhile a reader looks at every whole file there is.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.processes import Ganx

KILLS = int(os.environ.get("GANX_SOAK_KILLS", "3"))
COMMAND = ["tables", "--config-dir", str(Path(__file__).parent / "mine"), "table=soak", "run=true"]
LAUNCHERS = [[], ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]]


@pytest.fixture
def start_in(start: Callable[..., Ganx], monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, list[str]], Ganx]:
    def start_in(folder: Path, launcher: list[str]) -> Ganx:
        folder.mkdir(exist_ok=True)
        monkeypatch.chdir(folder)
        return start(*COMMAND, *launcher, GANX_CHECKPOINT_SECONDS="0.2", OMP_NUM_THREADS="1")

    return start_in


def rendered(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.glob("outputs/tables/soak-quick.*"))}


class Reader(threading.Thread):
    """Reads every whole file below a folder, over and over, and keeps what it could not read."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder, self.broken, self.files_read = folder, list[str](), 0
        self.end = threading.Event()

    def run(self) -> None:
        while not self.end.wait(0.05):
            for file in self.folder.rglob("*"):
                if file.suffix in READERS and not file.name.startswith((".", "metrics")) and file.is_file():
                    self.read(file)

    def read(self, file: Path) -> None:
        try:
            READERS[file.suffix](file)
            self.files_read += 1
        except FileNotFoundError:  # replaced or cleared a moment ago
            pass
        except Exception as error:
            self.broken.append(f"{file}: {type(error).__name__}: {error}")


def read_zip(file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None


def read_png(file: Path) -> None:
    content = file.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert content.endswith(b"IEND\xaeB`\x82")


def read_lines(file: Path) -> None:
    assert file.read_text().endswith("\n")


READERS = {
    ".json": lambda file: json.loads(file.read_text()),
    ".yaml": lambda file: yaml.safe_load(file.read_text()),
    ".ckpt": read_zip,
    ".npz": read_zip,
    ".png": read_png,
    ".md": read_lines,
    ".tex": read_lines,
    ".csv": read_lines,
}


@pytest.mark.timeout(120 * max(KILLS, 5))
def test_kills_at_random_moments_leave_no_trace(tmp_path, start_in):
    undisturbed = tmp_path / "undisturbed"
    begun = time.monotonic()
    assert start_in(undisturbed, LAUNCHERS[0]).wait() == 0
    seconds = time.monotonic() - begun
    expected = rendered(undisturbed)
    assert sorted(expected) == [f"soak-quick.{ending}" for ending in ("csv", "md", "png", "tex")]
    assert expected["soak-quick.csv"].count(b"done") == 5

    reader = Reader(tmp_path)
    reader.start()
    dice = random.Random(KILLS)
    kills, round_ = 0, 0
    while kills < KILLS:
        folder = tmp_path / f"round-{round_}"
        process = start_in(folder, dice.choice(LAUNCHERS))
        try:
            assert process.wait(dice.uniform(0.1, 0.8) * seconds) == 0
        except TimeoutError:
            process.send_to_all(signal.SIGKILL)
            process.wait()
            kills += 1
            continue
        assert rendered(folder) == expected  # it was through before the next kill
        round_ += 1
    assert start_in(tmp_path / f"round-{round_}", LAUNCHERS[0]).wait() == 0
    assert rendered(tmp_path / f"round-{round_}") == expected
    reader.end.set()
    reader.join()
    assert reader.broken == []
    assert reader.files_read > 100
    print(f"{kills} kills, {round_ + 1} tables, {reader.files_read} files read while they were written")
