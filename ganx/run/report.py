"""What a user reads before and after a run."""

from __future__ import annotations

import shlex
import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from ganx.metrics.paired import LEAST_GAIN
from ganx.metrics.registry import BY_FEATURE_NETWORK, find
from ganx.run.comparison import error_of
from ganx.run.experiment import Experiment
from ganx.targets import last_stage
from ganx.text import duration, plural

#: References that are shown, and the words above their figures.
_HEADINGS = {"mean": "column mean", "copula": "copula"}
_MOST_COLUMNS = 12  # that are shown, before the rest is only counted
LEAST_CELLS = 10  # of a column, hidden in all replicas together, that can tell whether it is better than the mean
_FEW_CELLS = "few cells"
LEAST_SHOWN = 0.005  # weight in a blend


def announce(console: Console, experiment: Experiment, layout: dict[str, Any]) -> None:
    """Say what will be trained, and in which portions."""
    config, table = experiment.config, experiment.table
    protocol = config["protocol"]
    classes = f", {table.n_classes} classes" if table.n_classes else ", no target"
    folds = {0: "all rows", "holdout": "holdout"}.get(protocol["folds"], f"{protocol['folds']} folds")
    how = "as its own missing ones lie" if protocol["mechanism"] == "own" else protocol["mechanism"].upper()
    hidden = f"{protocol['missing_rate']:.0%} of the cells ({how})"
    few, labels = protocol["labels_per_class"], ""
    if table.n_classes and (few is not None or protocol["label_rate"] < 1):
        labels = (
            f"{1 - protocol['label_rate']:.0%} of the labels" if few is None else f"all but {few} labels of a class"
        )
    hidden = " and ".join(part for part in (hidden if protocol["missing_rate"] else "", labels) if part) or "nothing"
    console.print(
        f"[bold]{escape(config['model']['name'])}[/] on [bold]{escape(table.name)}[/]: {table.n_rows} rows, "
        f"{table.n_columns} columns{classes}; protocol {escape(protocol['name'])}: {hidden} hidden",
        markup=True,
        highlight=False,
        soft_wrap=True,
    )
    console.print(
        f"{plural(len(experiment.splits), 'replica')} ({folds} x {plural(config['seeds'], 'seed')})"
        f"{_portions(experiment, layout)}",
        highlight=False,
        soft_wrap=True,
    )
    _show_notes(console, table_notes(experiment))


def table_notes(experiment: Experiment) -> list[str]:
    """Return what was guessed when the table was read, what looks odd in it, and what is left out."""
    empty = experiment.empty_columns
    left_out = f"left out where a training fold has no observed value of them: {', '.join(empty)}"
    return [*experiment.table.notes, *([left_out] if empty else [])]


def _show_notes(console: Console, notes: Iterable[str]) -> None:
    for note in notes:
        console.print(f"note    {note}", style="yellow", highlight=False, soft_wrap=True, markup=False)


def show_result(console: Console, result: dict[str, Any], folder: object) -> None:
    """Print a run's metrics, its folder, and the command that repeats it."""
    beside = {name: reached for name, reached in result.get("reference", {}).items() if name in _HEADINGS}
    grid = _grid(
        f"{result['model']} on {result['dataset']} ({result['protocol']})",
        ("metric", "mean", "sd", "replicas", *map(_HEADINGS.__getitem__, beside)),
    )
    for name, metric in result["metrics"].items():
        known = [value for value in metric["values"] if value is not None]
        others = [_number(reached.get(name)) for reached in beside.values()]
        grid.add_row(name, _number(metric["mean"]), _number(metric["sd"]), str(len(known)), *others)
    if result["metrics"]:
        console.print(grid)
    elif result["status"] == "done":
        console.print("the data hold no truth that this could be scored by: nothing was hidden, or nothing is known")
    for name, reached in beside.items():
        if "note" in reached:
            console.print(f"{_HEADINGS[name]}: {reached['note']}", highlight=False, soft_wrap=True)
    _show_columns(console, result.get("metrics_by_column", {}))
    if network := result.get("feature_network"):
        console.print(
            f"{', '.join(_by_network(result['metrics']))} by the {network['name']} ({network['sha256'][:10]}, accuracy "
            f"{network['accuracy']:.4f})",
            highlight=False,
            soft_wrap=True,
        )
    if blend := result.get("blend"):
        _show_blend(console, blend)
    of_all = [f"fit on all rows: {note}" for note in (result.get("refit") or {}).get("notes", ())]
    _show_notes(console, [*result.get("notes", ()), *of_all])
    for replica, why in result.get("failed", {}).items():
        console.print(
            f"failed: replica (seed, fold) = ({replica}): {why}", style="red", highlight=False, soft_wrap=True
        )
    console.print(f"took    {duration(result['seconds'])}, {result['peak_memory_mb']} MB", highlight=False)
    console.print(f"folder  {folder}", highlight=False, soft_wrap=True)
    console.print(f"again   {result['command']}", highlight=False, soft_wrap=True, markup=False)


def _show_columns(console: Console, columns: dict[str, dict[str, Any]]) -> None:
    """Print the error of each column, the worst beside the mean first; a single column is the whole."""
    if len(columns) < 2:
        return
    worst = sorted(columns.items(), key=lambda item: -_relative(item[1]))
    beside = [name for name in _HEADINGS if name in worst[0][1]]
    judged = ["than the mean"] if "mean" in beside else []
    grid = _grid("columns, worst first", ("column", "error", *map(_HEADINGS.__getitem__, beside), "cells", *judged))
    for name, one in worst[:_MOST_COLUMNS]:
        others = [_number(one[reference]) for reference in beside]
        grid.add_row(name, _number(error_of(one)), *others, str(one["cells"]), *[_than_mean(one) for _ in judged])
    console.print(grid)
    if rest := [one for _, one in worst[_MOST_COLUMNS:]]:
        failing = sum(_than_mean(one) not in ("", _FEW_CELLS) for one in rest)
        are = "is" if failing == 1 else "are"
        but = f", {failing} of these {are} not clearly better than the mean" if failing else ""
        more = f"and {plural(len(rest), 'more column')}{but}: metrics_by_column in result.json"
        console.print(more, highlight=False, soft_wrap=True)


def _relative(column: dict[str, Any]) -> float:
    """Return the error as a share of the column mean's; the error itself where nothing stands beside it."""
    error, mean = error_of(column), column.get("mean", 1.0)
    return error / mean if mean else float("inf") * error if error else 0.0


def _than_mean(column: dict[str, Any]) -> str:
    """Return how a column stands beside the mean; empty where it is clearly better."""
    if column["cells"] < LEAST_CELLS:
        return _FEW_CELLS
    if column.get("beats_mean", True):
        return ""
    return "not clearly better" if _relative(column) <= 1 - LEAST_GAIN else "no better"


def _grid(title: str, headings: Sequence[str]) -> Grid:
    """Return a table of numbers, each line with a name in front."""
    grid = Grid(title=title, title_justify="left")
    for i, heading in enumerate(headings):
        grid.add_column(heading, justify="right" if i else "left")
    return grid


def _show_blend(console: Console, blend: dict[str, dict[str, Any]]) -> None:
    for what in [key for key in blend if key != "columns"]:
        largest = sorted(blend[what].items(), key=lambda item: -item[1])
        shown = ", ".join(f"{name} {weight:.2f}" for name, weight in largest if weight >= LEAST_SHOWN)
        console.print(f"blend   of {what}: {shown}", highlight=False, soft_wrap=True)
    console.print("        of every column: blend.columns in result.json", highlight=False)


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
