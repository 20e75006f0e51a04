"""What is seen of a long fit, and what Ctrl-C leaves of it."""

from __future__ import annotations

import io
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from ganx import cli
from ganx.engine.share import heard_by, part, tell
from ganx.run.processes import Watched


@pytest.mark.parametrize(
    ("model", "verb"), [("knn", "asking"), ("missforest", "fitting"), ("mice", "fitting"), ("copula", "fitting")]
)
def test_a_long_fit_tells_how_far_it_is(
    model: str, verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["model.n_trees=10", "model.rounds=2"] if model == "missforest" else []
    monkeypatch.setattr("ganx.run.processes.SECONDS_BETWEEN_LINES", 0.001)
    monkeypatch.setattr("ganx.run.processes.SECONDS_BETWEEN_LOOKS", 0.001)  # before that no rate is known
    monkeypatch.setattr("ganx.baselines.knn.WORKING_MEMORY", 0.01)  # some rows at a time

    def slowly(share: float) -> None:
        tell(share)
        time.sleep(0.05)

    for module in ("knn", "iterative", "copula"):
        monkeypatch.setattr(f"ganx.baselines.{module}.tell", slowly)
    common = ["dataset=wine", "protocol.folds=holdout", f"outputs={tmp_path}"]
    assert cli.main(["train", f"model={model}", *options, *common]) == 0
    told = re.findall(rf"^{verb} 0/1 \((\d+)%\), .+ left$", capsys.readouterr().out, re.MULTILINE)
    assert any(int(percent) for percent in told)


def test_a_terminal_has_a_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganx.run.processes.SECONDS_BETWEEN_LOOKS", 0.01)
    (tmp_path / "shares").write_bytes(bytes(16))
    shares, out = np.memmap(tmp_path / "shares", np.float64, "r+"), io.StringIO()
    with Watched(Console(file=out, force_terminal=True, width=120), "fitting", tmp_path / "shares"):
        shares[:] = 1, 0.5
        time.sleep(0.5)
    assert "1/2" in out.getvalue()
    assert "75%" in out.getvalue()
    assert re.search(r"\d s left", out.getvalue())


def test_parts_of_parts() -> None:
    heard: list[float] = []
    tell(0.5)  # to nobody
    with heard_by(heard.append):
        tell(0.5)
        with part(1, 2):
            tell(0.5)
            with part(1, 2):
                tell(0.5)
    tell(0.5)
    assert heard == [0.5, 0.75, 0.875]


def stopped(place: Path, *argv: str, sign: str) -> tuple[int, str, float]:
    """Type a command and Ctrl-C once it has printed a sign; return exit code, stderr, and the seconds that it took."""
    command = [sys.executable, "-m", "ganx", *argv]
    with subprocess.Popen(
        command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        while sign not in (line := process.stdout.readline()):
            assert line
        time.sleep(1)
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    return process.returncode, error, time.monotonic() - start


@pytest.mark.parametrize("seeds", [1, 10])
def test_ctrl_c_ends_a_long_fit_at_once(seeds: int, tmp_path: Path) -> None:
    argv = ["train", "model=missforest", "model.n_trees=3000", "dataset=wine", "protocol.folds=0", f"seeds={seeds}"]
    code, error, seconds = stopped(tmp_path, *argv, "hardware.workers=2", sign="replica")
    assert (code, error) == (130, "ganx: interrupted\n")
    assert seconds < 20
    (run,) = tmp_path.glob("outputs/runs/wine/*")
    assert not (run / "result.json").exists()
    assert not list(run.glob("checkpoints/*"))
