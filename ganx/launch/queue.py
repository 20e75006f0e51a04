"""What SLURM says of jobs: squeue, which every cluster has (accounting, which not every one has, is not asked)."""

from __future__ import annotations

import getpass
import shutil
import subprocess
from collections.abc import Mapping

from ganx.errors import RunError

#: States of squeue in which a job will do something yet.
WAITING = frozenset({"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SUSPENDED", "RESIZING"})
ACTIVE = WAITING | {"RUNNING", "COMPLETING", "STOPPED", "SIGNALING", "STAGE_OUT"}


class NoAnswer(dict[str, str]):
    """What squeue says when it does not answer: nothing, so that every job has to be taken for one that goes on."""

    def get(self, key: str, default: object = None) -> str:
        """Return a state in which a job may be."""
        return "RUNNING"


def queue() -> dict[str, str] | None:
    """Return {id: "STATE REASON"} of the user's jobs, an array's one by one (`17_3`); None where there is no squeue."""
    if shutil.which("squeue") is None:
        return None
    command = ["squeue", "--noheader", "--array", f"--user={getpass.getuser()}", "--format=%i %T %r"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return NoAnswer()
    if asked.returncode:
        return NoAnswer()
    return dict(line.split(maxsplit=1) for line in asked.stdout.splitlines() if line.strip())


def is_active(known: Mapping[str, str], job: str) -> bool:
    """Whether a job does something, or will."""
    return known.get(job, "").partition(" ")[0] in ACTIVE


def is_waiting(known: Mapping[str, str], job: str) -> bool:
    """Whether a job has not been started (again)."""
    return known.get(job, "").partition(" ")[0] in WAITING


def reason(known: Mapping[str, str], job: str) -> str:
    """Return why a job waits, in SLURM's word; empty for others."""
    return known.get(job, "").partition(" ")[2].strip() if is_waiting(known, job) else ""


def cancel(*which: str) -> None:
    """Cancel jobs: ids, or options of scancel that choose them.

    Raises:
        RunError: scancel refuses.
    """
    try:
        done = subprocess.run(["scancel", *which], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunError(f"scancel: {error}") from error
    if done.returncode:
        raise RunError(f"scancel: {done.stderr or done.stdout}")
