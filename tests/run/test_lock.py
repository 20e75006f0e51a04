from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict

import pytest

from ganx.errors import LockedError, RunError
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


@contextmanager
def beating(path):
    """Give a process that holds a lock and looks after it twenty times a second."""
    script = HOLD.replace("RunLock(Path(sys.argv[1]))", "RunLock(Path(sys.argv[1]), interval=0.05)")
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


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


def no_locks(*_):
    raise OSError(37, "No locks available")


def refused(path) -> str:
    with pytest.raises(LockedError) as caught, RunLock(path, patience=0):
        pass
    return str(caught.value)


def test_another_host_that_is_silent_is_never_taken_for_dead(path, monkeypatch):
    monkeypatch.setenv("PATH", "")  # no SLURM here
    elsewhere(path, age=25)
    assert is_alive(path)
    assert "is being trained by process 1 on elsewhere; ganx status" in refused(path)
    for job in (None, "7"):
        elsewhere(path, age=754, slurm_job=job)
        assert not is_alive(path)
        told = refused(path)
        assert "silent for 12 min 34 s, but may still run" in told or "silent for 12 min 35 s" in told
        assert told.endswith(f": rm {path}")
    path.unlink()
    with RunLock(path, patience=0):
        pass


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """Return a function that says what squeue answers, and how often it was asked."""
    script, asked = tmp_path / "bin" / "squeue", tmp_path / "asked"
    script.parent.mkdir()

    def answer(line, code=0, to=1):
        asked.write_text("")
        script.write_text(f"#!/bin/sh\necho \"$@\" >> {asked}\nprintf '{line}' >&{to}\nexit {code}\n")
        script.chmod(0o755)
        return lambda: asked.read_text().splitlines()

    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    return answer


@pytest.mark.parametrize(
    ("answer", "gone"),
    [
        (("",), True),
        (("slurm_load_jobs error: Invalid job id specified\n", 1, 2), True),
        (("RUNNING\n",), False),
        (("PENDING\n",), False),
        (("slurm_load_jobs error: Unable to contact slurm controller\n", 1, 2), False),
    ],
)
def test_a_job_on_another_host_is_asked_for_once_it_is_silent(path, squeue, answer, gone):
    asked = squeue(*answer)
    elsewhere(path, slurm_job="7")
    refused(path)
    assert asked() == []
    elsewhere(path, slurm_job="7", age=31)
    if gone:
        with RunLock(path, patience=0):
            pass
    else:
        assert "SLURM job 7" in refused(path)
    assert asked() == ["--noheader --jobs=7 --format=%T"]


def test_another_host_that_stopped_or_was_requeued(path, monkeypatch):
    elsewhere(path, stopped=True)
    with RunLock(path, patience=0):
        pass
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    for job, earlier in (("8", 0), ("7", 1)):  # another job; another node of the same job
        elsewhere(path, slurm_job=job, slurm_restarts=earlier)
        monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
        assert is_alive(path)
        refused(path)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "2")
    assert not is_alive(path)
    with RunLock(path, patience=0):
        pass


TRAIN_ELSEWHERE = HOLD.replace("from ganx", "import socket; socket.gethostname = lambda: 'there'\nfrom ganx")


@pytest.mark.parametrize("ahead", [600, -600])
def test_clocks_ten_minutes_apart_train_no_run_twice(path, monkeypatch, ahead):
    """A file system without locks, on two hosts: there is nothing but the heartbeat."""
    honest, trained = time.time, []

    def train():
        with RunLock(path, patience=0):
            trained.append("here")

    with subprocess.Popen([sys.executable, "-c", TRAIN_ELSEWHERE, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        monkeypatch.setattr(time, "time", lambda: honest() + ahead)
        monkeypatch.setattr(fcntl, "flock", no_locks)
        with pytest.raises(LockedError, match=f"is being trained by process {process.pid} on there"):
            train()
        process.kill()
    os.utime(path, (honest() - 31,) * 2)
    with pytest.raises(LockedError, match="has been silent for 31 s"):
        train()
    assert trained == []
    path.unlink()
    train()
    assert trained == ["here"]


def test_a_file_system_without_locks_goes_by_the_process(path, holder, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", no_locks)
    assert is_alive(path)
    assert f"by process {holder.pid} on" in refused(path)
    holder.kill()
    holder.wait()
    assert not is_alive(path)
    with RunLock(path, patience=0):
        pass


@pytest.mark.parametrize(
    "content",
    ['{"host": "elsew', "", "[]", '{"pid": "1"}', '{"pid": -1}', '{"interval": NaN}', '{"host": 1}', "[" * 3000, "\0"],
)
def test_a_damaged_heartbeat_does_not_block(path, content):
    path.parent.mkdir()
    path.write_text(content)
    assert Heartbeat.read(path) is None
    assert not is_alive(path)
    with RunLock(path, patience=0):
        pass


def test_an_error_inside_is_not_hidden(path):
    with pytest.raises(ZeroDivisionError), RunLock(path):
        _ = 1 / 0
    assert not is_alive(path)


def test_a_process_that_was_given_up_for_dead_stops_when_it_finds_out(path):
    with beating(path) as process:
        assert process.stderr is not None
        elsewhere(path)
        assert process.wait(20) == 1
        assert "belongs to another process by now" in process.stderr.read()
    beat = Heartbeat.read(path)
    assert beat is not None
    assert beat.host == "elsewhere"  # and leaves the other one's file alone


@pytest.mark.parametrize("lost", ["file", "folder"])
def test_a_process_whose_heartbeat_is_removed_stops_when_it_finds_out(path, lost):
    """Nothing would keep a second one away."""
    with beating(path) as process:
        assert process.stderr is not None
        path.unlink()
        if lost == "folder":
            path.parent.rmdir()
        assert process.wait(20) == 1
        told = process.stderr.read()
    assert told.startswith(f"ganx: {path} was removed while ")
    assert told.count("\n") == 1
    assert not path.exists()


def test_no_link_is_followed(path, tmp_path):
    other = tmp_path / "precious"
    other.write_text("precious")
    path.parent.mkdir()
    path.symlink_to(other)
    assert not is_alive(path)
    with pytest.raises(RunError, match="heartbeat is a link"), RunLock(path):
        pass
    assert other.read_text() == "precious"


def test_a_pipe_is_not_waited_for(path):
    path.parent.mkdir()
    os.mkfifo(path)
    assert not is_alive(path)
    with pytest.raises(RunError, match=r"cannot write .*heartbeat"), RunLock(path, patience=0):
        pass


def test_a_heartbeat_replaces_a_longer_one_as_a_whole(path):
    with RunLock(path) as lock:
        lock.beat(10**9, 10**9)
        before = path.stat().st_size
        lock.state.step = 1
        lock._write()
        assert path.stat().st_size == before
