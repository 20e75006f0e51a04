"""What a user reads before and after a run."""

from __future__ import annotations

import shlex
import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table as Grid

from ganx.metrics.registry import BY_FEATURE_NETWORK, find
from ganx.run.experiment import Experiment
from ganx.targets import last_stage
from ganx.text import duration, plural

LEAST_SHOWN = 0.005  # weight in a blend


def announce(console: Console, experiment: Experiment, layout: dict[str, Any]) -> None:
    """Say what will be trained, and in which portions."""
    config, table = experiment.config, experiment.table
    protocol = config["protocol"]
    classes = f", {table.n_classes} classes" if table.n_classes else ", no target"
    folds = {0: "all rows", "holdout": "holdout"}.get(protocol["folds"], f"{protocol['folds']} folds")
    hidden = f"{protocol['missing_rate']:.0%} of the cells ({protocol['mechanism'].upper()})"
    few, labels = protocol["labels_per_class"], ""
    if table.n_classes and (few is not None or protocol["label_rate"] < 1):
        labels = (
            f"{1 - protocol['label_rate']:.0%} of the labels" if few is None else f"all but {few} labels of a class"
        )
    hidden = " and ".join(part for part in (hidden if protocol["missing_rate"] else "", labels) if part) or "nothing"
    console.print(
        f"[bold]{config['model']['name']}[/] on [bold]{table.name}[/]: {table.n_rows} rows, {table.n_columns} columns"
        f"{classes}; protocol {protocol['name']}: {hidden} hidden",
        highlight=False,
        soft_wrap=True,
    )
    console.print(
        f"{plural(len(experiment.splits), 'replica')} ({folds} x {plural(config['seeds'], 'seed')})"
        f"{_portions(experiment, layout)}",
        highlight=False,
        soft_wrap=True,
    )
    if experiment.empty_columns:
        console.print(
            f"left out where a training fold has no observed value of them: {', '.join(experiment.empty_columns)}",
            style="yellow",
            highlight=False,
            soft_wrap=True,
        )


def show_result(console: Console, result: dict[str, Any], folder: object) -> None:
    """Print a run's metrics, its folder, and the command that repeats it."""
    grid = Grid(title=f"{result['model']} on {result['dataset']} ({result['protocol']})", title_justify="left")
    for heading in ("metric", "mean", "sd", "replicas"):
        grid.add_column(heading, justify="left" if heading == "metric" else "right")
    for name, metric in result["metrics"].items():
        known = [value for value in metric["values"] if value is not None]
        grid.add_row(name, _number(metric["mean"]), _number(metric["sd"]), str(len(known)))
    if result["metrics"]:
        console.print(grid)
    elif result["status"] == "done":
        console.print("the data hold no truth that this could be scored by: nothing was hidden, or nothing is known")
    if network := result.get("feature_network"):
        console.print(
            f"{', '.join(_by_network(result['metrics']))} by the {network['name']} ({network['sha256'][:10]}, accuracy "
            f"{network['accuracy']:.4f})",
            highlight=False,
            soft_wrap=True,
        )
    if blend := result.get("blend"):
        _show_blend(console, blend)
    for note in result.get("notes", ()):
        console.print(f"note    {note}", style="yellow", highlight=False, soft_wrap=True)
    for replica, why in result.get("failed", {}).items():
        console.print(
            f"failed: replica (seed, fold) = ({replica}): {why}", style="red", highlight=False, soft_wrap=True
        )
    console.print(f"took    {duration(result['seconds'])}, {result['peak_memory_mb']} MB", highlight=False)
    console.print(f"folder  {folder}", highlight=False, soft_wrap=True)
    console.print(f"again   {result['command']}", highlight=False, soft_wrap=True, markup=False)


def _show_blend(console: Console, blend: dict[str, dict[str, Any]]) -> None:
    for what in [key for key in blend if key != "columns"]:
        largest = sorted(blend[what].items(), key=lambda item: -item[1])
        shown = ", ".join(f"{name} {weight:.2f}" for name, weight in largest if weight >= LEAST_SHOWN)
        console.print(f"blend   of {what}: {shown}", highlight=False, soft_wrap=True)
    if columns := blend["columns"]:
        console.print(
            f"        weights of their own, in result.json: {', '.join(columns)}",
            highlight=False,
            soft_wrap=True,
            markup=False,
        )


def summarise(values: Sequence[float], replicas: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """Return mean, standard deviation and values of a metric. NaN (a failed replica) is null and does not count.

    The deviation is over seeds of the mean over folds (ddof 1) where there are several seeds, else over folds.
    """
    known = [(seed, value) for (seed, _), value in zip(replicas, values, strict=True) if value == value]
    by_seed: dict[int, list[float]] = {}
    for seed, value in known:
        by_seed.setdefault(seed, []).append(value)
    groups = [statistics.fmean(group) for group in by_seed.values()]
    spread = groups if len(groups) > 1 else [value for _, value in known]
    return {
        "mean": statistics.fmean(value for _, value in known) if known else None,
        "sd": statistics.stdev(spread) if len(spread) > 1 else None,
        "values": [value if value == value else None for value in values],
    }


def repeat_command(argv: Sequence[str]) -> str:
    """Return the command line that gives this run again."""
    return f"ganx train {shlex.join(argv)}".rstrip()


def _portions(experiment: Experiment, layout: dict[str, Any]) -> str:
    model = last_stage(experiment.config["model"])
    if "steps" not in model:
        return ""
    chunks, workers = layout["chunks"], layout["workers"]
    portions = f"in {plural(len(chunks), 'stack')} of {max(chunks)}, {plural(workers, 'process')} on {layout['device']}"
    return f", {model['steps']} steps, {portions}"


def _by_network(metrics: Iterable[str]) -> list[str]:
    return [name for name in metrics if (metric := find(name)) is not None and metric.truth in BY_FEATURE_NETWORK]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
