from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict

import pytest

from ganx.errors import RunError
from ganx.run.lock import Heartbeat, RunLock, is_alive

HOLD = """
import sys, time
from pathlib import Path
from ganx.run.lock import RunLock
with RunLock(Path(sys.argv[1])) as lock:
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "heartbeat"


@pytest.fixture
def holder(path):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def elsewhere(path, age=0.0, **changes):
    """Write the heartbeat of another host."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(asdict(Heartbeat(host="elsewhere", pid=1, interval=10)) | changes))
    os.utime(path, (time.time() - age,) * 2)


def test_progress_and_orderly_end(path):
    with RunLock(path, interval=0.02) as lock:
        assert is_alive(path)
        lock.beat(3, 10)
        time.sleep(0.1)
        beat = Heartbeat.read(path)
        assert beat is not None
        assert (beat.step, beat.steps, beat.pid, beat.stopped) == (3, 10, os.getpid(), False)
    assert not is_alive(path)
    beat = Heartbeat.read(path)
    assert beat is not None
    assert beat.stopped
    with RunLock(path):
        pass


def test_a_second_process_is_refused_and_a_killed_one_frees(path, holder):
    assert is_alive(path)
    started = time.monotonic()
    with pytest.raises(RunError, match=f"locked: .* is being trained by process {holder.pid} on "), RunLock(path):
        pass
    assert 1.9 < time.monotonic() - started < 5
    os.kill(holder.pid, signal.SIGKILL)
    with RunLock(path):
        pass


def test_waits_for_a_process_that_is_ending(path, holder):
    subprocess.Popen(["sh", "-c", f"sleep 0.5; kill -9 {holder.pid}"])
    with RunLock(path):
        pass


def test_another_host(path, monkeypatch):
    elsewhere(path, age=25)
    assert is_alive(path)
    with pytest.raises(RunError, match="process 1 on elsewhere"), RunLock(path, patience=0):
        pass
    elsewhere(path, age=31)  # three intervals
    assert not is_alive(path)
    with RunLock(path, patience=0):
        pass


def test_another_host_that_stopped_or_was_requeued(path, monkeypatch):
    elsewhere(path, stopped=True)
    with RunLock(path, patience=0):
        pass
    elsewhere(path, slurm_job="7")
    monkeypatch.setenv("SLURM_JOB_ID", "8")
    with pytest.raises(RunError), RunLock(path, patience=0):
        pass
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    with RunLock(path, patience=0):
        pass


def test_a_damaged_heartbeat_does_not_block(path):
    path.parent.mkdir()
    path.write_text('{"host": "elsew')
    with RunLock(path, patience=0):
        pass


def test_an_error_inside_is_not_hidden(path):
    with pytest.raises(ZeroDivisionError), RunLock(path):
        _ = 1 / 0
    assert not is_alive(path)


def test_a_process_that_was_given_up_for_dead_stops_when_it_finds_out(path):
    script = HOLD.replace("RunLock(Path(sys.argv[1]))", "RunLock(Path(sys.argv[1]), interval=0.05)")
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "held\n"
        elsewhere(path)
        assert process.wait(20) == 1
        assert "belongs to another process by now" in process.stderr.read()
    beat = Heartbeat.read(path)
    assert beat is not None
    assert beat.host == "elsewhere"  # and leaves the other one's file alone
