"""Whether a process, or the job that it belonged to, is verifiably gone."""

from __future__ import annotations

import os
import shutil
import subprocess


def is_process(pid: int) -> bool:
    """Whether a process of this machine has this number; another one may have it by now."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # of another user
        return True
    return True


def has_ended(job: str) -> bool:
    """Whether SLURM says that a job of this user has ended; False where there is no SLURM, or no answer."""
    if shutil.which("squeue") is None:
        return False
    command = ["squeue", "--noheader", f"--jobs={job}", "--format=%T"]  # of those that wait, run or are about to end
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    if asked.returncode:
        return "Invalid job id" in asked.stderr  # it ended so long ago that SLURM has forgotten it
    return not asked.stdout.strip()
