"""`ganx status`: the runs that are there. It reads, and never writes."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from typing import Any

from ganx.commands import Parser
from ganx.run.folder import RunFolder, all_runs
from ganx.run.lock import Heartbeat

#: The figures worth a line, best first; two of them are shown.
KEY_FIGURES = ("rmse_row", "f1", "accuracy", "rmse", "roc_auc")

_COLOURS = {"done": "32", "running": "36", "failed": "31", "stale": "33", "interrupted": "33"}


def run(argv: list[str]) -> int:
    """Print a line for each run, the latest last."""
    parser = Parser(prog="ganx status", description="Show the runs: state, age, and progress or key figures.")
    default = os.environ.get("GANX_OUTPUTS", "outputs")
    parser.add_argument("--outputs", type=Path, default=default, help=f"where they are (default: {default})")
    args = parser.parse_args(argv)
    rows = [_row(folder) for folder in all_runs(args.outputs)]
    if not rows:
        print(f"no runs in {args.outputs / 'runs'}")
        return 0
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    for row in rows:
        cells = [f"{cell:{width}}" for cell, width in zip(row, widths, strict=False)]
        if sys.stdout.isatty():
            cells[1] = f"\033[{_COLOURS.get(row[1], '0')}m{cells[1]}\033[0m"
        print("  ".join([*cells, row[3]]).rstrip())
    return 0


def _row(folder: RunFolder) -> tuple[str, str, str, str]:
    state = folder.state()
    result = folder.read_result() or {}
    if state == "failed":
        told = " ".join(str(result.get("error", "")).split())
    elif state == "done":
        told = _figures(result.get("metrics", {}))
    else:
        beat = Heartbeat.read(folder.heartbeat)
        told = f"step {beat.step} of {beat.steps}" if beat and beat.steps else ""
    return f"{folder.path.parent.name}/{folder.path.name}", state, _age(folder.age()), told


def _figures(metrics: dict[str, Any]) -> str:
    names = [name for name in KEY_FIGURES if name in metrics and _is_number(metrics[name].get("mean"))]
    return "  ".join(f"{name} {_mean_sd(metrics[name])}" for name in (names or list(metrics))[:2])


def _mean_sd(figure: dict[str, Any]) -> str:
    mean, sd = figure.get("mean"), figure.get("sd")
    if not _is_number(mean):
        return "-"
    return f"{mean:.4f}" + (f" ± {sd:.4f}" if _is_number(sd) else "")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _age(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}" if math.isfinite(seconds) else "-"
    return f"{max(seconds, 0):.0f} s"
