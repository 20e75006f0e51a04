"""The folders that runs leave behind, as tests look for them."""

from __future__ import annotations

from pathlib import Path

from ganx.run.folder import RunFolder


def the_run(outputs: str = "outputs") -> RunFolder:
    """Return the only run."""
    (path,) = Path(outputs).glob("runs/*/[!.]*")
    return RunFolder(path)
