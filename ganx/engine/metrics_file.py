"""metrics.csv: one row per validation and replica, readable while the run goes on."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path

from ganx.errors import DamagedError
from ganx.files import write_text


class MetricsFile:
    """An append-only table of losses and validation figures. Columns: step, seed, fold, then one per figure."""

    def __init__(self, path: Path, replicas: Sequence[tuple[int, int]]) -> None:
        self.path, self.replicas = path, replicas

    def cut_back(self, step: int) -> None:
        """Drop rows after `step` and a last line that was cut short: they come from a process that was killed.

        Raises:
            DamagedError: another line is none of this file.
        """
        if not os.path.lexists(self.path):
            return
        if not self.path.is_file():
            raise DamagedError(f"{self.path} is not a regular file; remove it, and give the command again")
        lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        whole = [line for line in lines if line.endswith("\n")]
        for number, line in enumerate(whole, 1):
            if line.count(",") != whole[0].count(",") or not (line.partition(",")[0].isdecimal() or number == 1):
                raise DamagedError(
                    f"{self.path} is damaged in line {number}; remove it, and give the command again: the training "
                    "goes on, and logs what follows"
                )
        kept = [line for line in whole[1:] if int(line.partition(",")[0]) <= step]
        write_text(self.path, "".join(whole[:1] + kept) if kept else "")

    def append(self, step: int, figures: dict[str, list[float]]) -> None:
        """Add a row per replica. `figures` maps a column to one value per replica."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if not self.path.exists() or self.path.stat().st_size == 0:
            writer.writerow(["step", "seed", "fold", *figures])
        for r, (seed, fold) in enumerate(self.replicas):
            writer.writerow([step, seed, fold, *(f"{values[r]:.6g}" for values in figures.values())])
        with self.path.open("a") as file:
            file.write(text.getvalue())
