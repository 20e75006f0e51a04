"""`ganx status`: the sweeps and runs that are there, what went wrong first. It reads, and never writes."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable
from typing import get_args

from ganx.commands import Parser, as_options, check_outputs
from ganx.errors import UserError, nearest
from ganx.groups import options
from ganx.launch.folder import find_sweep
from ganx.launch.overview import show_sweep, show_sweeps
from ganx.run.finding import FoundRun, all_runs
from ganx.run.folder import RunState
from ganx.run.listing import record, show_runs
from ganx.text import printable

_STATES = ("damaged", *(state for state in get_args(RunState) if state != "new"))
_LIMIT = 20  # runs that are shown

#: Keys that choose runs.
_FILTERS = {
    "state": f"only runs that are in one of these states: {', '.join(_STATES)}",
    "model": "only runs of these models",
    "dataset": "only runs on these data sets",
    "sweep": "only runs of this sweep",
}
KEYS = (*_FILTERS, "limit", "outputs")


def run(argv: list[str]) -> int:
    """Print what went wrong, the sweeps, and a line for each run, the latest last."""
    args = _parse(argv)
    if args.sweep_name is not None:
        show_sweep(find_sweep(args.sweep_name, args.outputs))
        return 0
    runs, chosen = _chosen_runs(args), [key for key in _FILTERS if getattr(args, key) is not None]
    if args.json:
        print(json.dumps([record(run) for run in runs[-args.limit if args.limit else 0 :]], indent=2))
        return 0
    if not chosen:
        show_sweeps(args.outputs, everything=args.limit == 0)
    if not runs:
        print(f"no {'such ' if chosen else ''}runs in {printable(str(args.outputs / 'runs'))}")
        return 0
    left = ", ".join(f"{key}=" for key in _FILTERS if key not in chosen)
    how = f"limit=0 shows all{'; choose with ' if left else ''}{left}"
    show_runs(runs, _LIMIT if args.limit is None else args.limit, how)
    return 0


def completions(typed: str) -> list[str]:
    """Return what a word may become: a key, or a key with one of its values."""
    key = typed.partition("=")[0]
    values = {"state": _STATES, "model": options("model"), "dataset": options("dataset")}
    if key in values and key != typed:
        return [f"{key}={value}" for value in values[key]]
    return [*(f"{key}=" for key in KEYS), "--json"]


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = Parser(
        prog="ganx status",
        description="Show what went wrong, then the sweeps, then the latest runs: state, age, and progress or key "
        "metrics. With the name of a sweep (or its beginning), show each of its runs, with the job and the log. "
        "Options may be typed as KEY=VALUE, too: ganx status state=failed,damaged model=hexagan",
    )
    parser.add_argument("sweep_name", nargs="?", metavar="SWEEP", help="the name of a sweep")
    for name, told in _FILTERS.items():
        parser.add_argument(f"--{name}", help=told)
    parser.add_argument(
        "--limit", type=_count, metavar="N", help=f"runs to show, the latest ones; 0 shows all (default: {_LIMIT})"
    )
    parser.add_argument("--json", action="store_true", help="print the runs, all of them, as a JSON list")
    default = os.environ.get("GANX_OUTPUTS", "outputs")
    parser.add_argument("--outputs", metavar="DIR", help=f"where they are (default: {default})")
    args = parser.parse_args(as_options(argv, KEYS, "ganx status"))
    args.outputs = check_outputs(args.outputs, default)
    if args.sweep_name is not None and (args.json or any(getattr(args, name) is not None for name in KEYS[:-1])):
        raise UserError(f"to choose among the runs of a sweep, write ganx status sweep={args.sweep_name} and no SWEEP")
    return args


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of runs")
    return int(text)


def _chosen_runs(args: argparse.Namespace) -> list[FoundRun]:
    """Return the runs that are asked for, the one seen last at the end.

    Raises:
        UserError: there is no such state, model, data set or sweep.
    """
    states, models, datasets = (_words(args, name) for name in ("state", "model", "dataset"))
    _check_known("state", states, _STATES)
    runs = all_runs(args.outputs)
    _check_known("model", models, {run.model for run in runs}.union(options("model")))
    _check_known("dataset", datasets, {run.dataset for run in runs}.union(options("dataset")))
    if models is not None:
        runs = [run for run in runs if run.model in models]
    if datasets is not None:
        runs = [run for run in runs if run.dataset in datasets]
    if args.sweep is not None:
        folders = {os.path.realpath(run.folder) for run in find_sweep(args.sweep, args.outputs).read().runs}
        runs = [run for run in runs if os.path.realpath(run.path) in folders]
    if states is not None:
        thorough = "damaged" in states  # which the first bytes do not always tell
        runs = [run for run in runs if (run.checked_state if thorough else run.state) in states]
    return runs


def _words(args: argparse.Namespace, name: str) -> list[str] | None:
    """Return the values of a filter, which commas part."""
    text: str | None = getattr(args, name)
    return None if text is None else text.split(",")


def _check_known(key: str, words: Iterable[str] | None, known: Iterable[str]) -> None:
    known = set(known)
    for word in words or ():
        if word not in known:
            raise UserError(f"{key}={word}: no such {key}{nearest(word, known) or '; ganx status lists them'}")
