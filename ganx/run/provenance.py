"""Where a run's figures come from: code, versions, machine, command line."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("ganx", "torch", "lightning", "hydra-core", "omegaconf", "numpy", "pandas", "scikit-learn")


def collect(command_line: Sequence[str], **execution: Any) -> dict[str, Any]:
    """Return the provenance of a run as plain containers.

    Args:
        command_line: what followed `ganx COMMAND`.
        execution: device, threads, workers and chunks, as the engine chose them.
    """
    return {
        "command": f"ganx train {shlex.join(command_line)}",
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "code": code(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "memory_gb": _memory_gb(),
        "slurm_job": os.environ.get("SLURM_JOB_ID"),
        **execution,
    }


def code() -> dict[str, Any]:
    """Return the commit, and a hash of what differs from it (None: nothing differs); both None outside a checkout."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():  # an installed wheel, maybe inside somebody else's repository
        return {"commit": None, "dirty": None}
    commit = _git(root, "rev-parse", "HEAD")
    changes = _git(root, "status", "--porcelain") + _git(root, "diff", "HEAD")
    return {
        "commit": commit.strip() or None,
        "dirty": hashlib.sha256(changes.encode()).hexdigest()[:10] if changes else None,
    }


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=10).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _memory_gb() -> int | None:
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30)
    except (AttributeError, ValueError, OSError):  # not on every system
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
