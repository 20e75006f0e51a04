"""A sweep of two runs and two jobs, without anything that has been done."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganx.launch.folder import SweepFolder, SweepRun


@pytest.fixture
def sweep(tmp_path: Path) -> SweepFolder:
    folder = SweepFolder.create(tmp_path, "gain on wine!", ["ganx", "train", "a b"], "slurm")
    runs = [
        SweepRun(n, f"seed={n}", [f"seed={n}"], str(tmp_path / "runs" / "wine" / f"gain-{n}"), None) for n in (0, 1)
    ]
    folder.add(runs, [{"config": {}, "targets": [], "modules": []}] * 2, [[0], [1]])
    folder.name_jobs({0: "17_0", 1: "17_1"})
    return folder
