"""What `ganx status` says of runs: a line or a record for each. Whole files are read of those that are shown alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from ganx.errors import UserError
from ganx.lines import age, print_rows
from ganx.metrics.registry import by_telling
from ganx.run.finding import FoundRun
from ganx.run.lock import Heartbeat
from ganx.text import plural

WRONG = ("failed", "damaged")
_TOLD = 3  # metrics of a run in one line


def show_runs(runs: Sequence[FoundRun], limit: int, how: str) -> None:
    """Print a line for each of the latest runs, those that went wrong first, and how many are left out.

    Args:
        limit: lines at most; 0 prints all.
        how: to see the others.
    """
    shown = _latest(runs, limit or len(runs))
    print_rows(map(_row, map(record, shown)), coloured=1)
    if len(shown) < len(runs):
        left = Counter(run.state for run in runs)
        left.subtract(run.state for run in shown)
        counted = ", ".join(f"{n} {state}" for state, n in left.most_common() if n)
        print(f"and {plural(len(runs) - len(shown), 'earlier run')}: {counted} ({how})")


def _latest(runs: Sequence[FoundRun], limit: int) -> list[FoundRun]:
    """Return the latest runs; those that went wrong come first, and have half the places, or what others leave."""
    wrong = [run for run in runs if run.state in WRONG]
    others = [run for run in runs if run.state not in WRONG]
    n = min(len(wrong), max(limit - limit // 2, limit - len(others)))
    return [*wrong[len(wrong) - n :], *others[max(0, len(others) - (limit - n)) :]]


def record(run: FoundRun) -> dict[str, Any]:
    """Return what there is to say of a run, in plain containers that JSON can hold.

    `age` is in seconds, null without any sign of life. A finished run has `metrics`, {name: {mean, sd}}; a failed or
    damaged one `error`; any other one `step` and `steps`.
    """
    folder, state = run.folder, run.checked_state
    said: dict[str, Any] = {}
    try:
        result = folder.read_result() or {}
        if state == "done":
            said = {"metrics": {name: _mean_sd(metric) for name, metric in result.get("metrics", {}).items()}}
        elif state == "failed":
            said = {"error": " ".join(str(result.get("error", "")).split())}
        elif beat := Heartbeat.read(folder.heartbeat):
            said = {"step": beat.step, "steps": beat.steps}
    except (UserError, OSError) as error:
        state, said = "damaged", {"error": _why(error, run.path)}
    old = folder.age()
    about = {"folder": run.path, "dataset": run.dataset, "model": run.model, "signature": run.signature}
    return {**about, "state": state, "age": round(old, 1) if math.isfinite(old) else None, **said}


def _why(error: Exception, folder: str) -> str:
    """Return an error without the path of the run, which stands at the beginning of the line."""
    text = f"{error.filename} is damaged: {error.strerror}" if isinstance(error, OSError) else str(error)
    return " ".join(text.split()).removeprefix(f"{folder}/")


def _row(said: dict[str, Any]) -> list[str]:
    name = "/".join(said["folder"].split("/")[-2:])
    old = math.inf if said["age"] is None else said["age"]
    return [name, said["state"], age(old), _told(said)]


def _told(said: dict[str, Any]) -> str:
    if "metrics" in said:
        metrics = said["metrics"]
        known = [name for name, metric in metrics.items() if metric["mean"] is not None]
        return "  ".join(f"{name} {_number(**metrics[name])}" for name in by_telling(known or metrics)[:_TOLD])
    if said.get("steps"):
        return f"step {said['step']} of {said['steps']}"
    return str(said.get("error", ""))


def _mean_sd(metric: dict[str, Any]) -> dict[str, float | None]:
    return {key: metric.get(key) if _is_number(metric.get(key)) else None for key in ("mean", "sd")}


def _number(mean: float | None, sd: float | None) -> str:
    if mean is None:
        return "-"
    return f"{mean:.4f}" + ("" if sd is None else f" ± {sd:.4f}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
