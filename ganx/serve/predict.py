"""`ganx predict`: the class of each row of a user's table, and how probable each class is."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from ganx.data.csv_like import Like
from ganx.data.csv_text import show
from ganx.engine.share import heard_by
from ganx.errors import UserError
from ganx.run.calibration import calibrated
from ganx.run.finding import find_run
from ganx.run.opened import open_run
from ganx.serve.ensemble import Ensemble, ensemble_of
from ganx.serve.table_file import check_places, check_separator, open_table
from ganx.targets import added_by
from ganx.terminal import Terminal
from ganx.text import plural

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

PORTION = 8192  # rows that are written at a time
NONE = -1  # no class is named


def predict(config: dict[str, Any], argv: Sequence[str]) -> int:
    """Write a class for each row of `config["input"]` to `config["out"]`. Returns 0.

    The columns that the run does not know (a name, a number) come first, as they are; then the class, named as the
    target, and the probability of each class, calibrated where the run could do that. The class is the one that the
    method chooses, as it was scored; with `abstain` it is the likeliest one, and none where its probability is lower.

    Raises:
        UserError: no such run, one that cannot classify, a table of another form, one with a column that is called like
            one of the output, or a name for the output under which it cannot be written.
    """
    console, places = Terminal(), {"out": config["out"]}
    check_places(config["input"], places)
    ensemble = ensemble_of(open_run(find_run(config["run"], config["outputs"]), added_by(argv)), "classify")
    with console.status(f"reading {config['input']}"):
        like = ensemble.read(config["input"])
    for note in [*ensemble.notes, *like.notes]:
        console.print(f"note    {note}", style="yellow", highlight=False, soft_wrap=True, markup=False)
    check_separator(places, like.text.separator)
    further, added = _columns(config["input"], ensemble, like)
    chosen, probability = _asked(console, ensemble, like)
    likeliest = probability.argmax(1)
    abstain, differing = config["abstain"], int((chosen != likeliest).sum())
    if abstain:
        chosen = np.where(probability.max(1) >= abstain, likeliest, NONE)
    elif differing:
        console.print(
            f"note    the class named is not the likeliest one in {plural(differing, 'row')}, since the method chooses "
            "before calibration, as it was scored; with abstain=P the likeliest is named",
            style="yellow",
            highlight=False,
            soft_wrap=True,
        )
    _write(config["out"], ensemble, like, (further, added), chosen, probability)
    n_named = int((chosen != NONE).sum())
    told = [f"{plural(n_named, 'class')} named by {plural(ensemble.n_replicas, 'replica')}"]
    if abstain:
        told.append(f"{len(chosen) - n_named} left open, below {abstain:g}")
    told.append(_told(ensemble.calibration))
    console.print(f"{'; '.join(told)}; written to {config['out']}", highlight=False, soft_wrap=True, markup=False)
    return 0


def _told(calibration: dict[str, Any] | None) -> str:
    if calibration is None:
        return "probabilities as they are, not calibrated"
    corrected = calibration["slope"] != 1 or any(calibration["shift"])
    return (
        "probabilities calibrated" if corrected else "probabilities as they are: calibration found nothing to correct"
    )


def _columns(source: str, ensemble: Ensemble, like: Like) -> tuple[list[int], list[str]]:
    """Return which columns of the file the run does not know, and the names of those that are added to them.

    Raises:
        UserError: two of them have the same name, so that no table of them could be read again.
    """
    known = {column.name for column in ensemble.encoding.columns} | {ensemble.target}
    further = [j for j, column in enumerate(like.text.header) if column not in known]
    added = [str(ensemble.target), *(f"p({one})" for one in ensemble.classes)]
    names = [*(like.text.header[j] for j in further), *added]
    if twice := [name for name in added if names.count(name) > 1]:
        raise UserError(f"{source}: the output would have two columns {show(twice[0])}; rename that of the input")
    return further, added


def _asked(console: Console, ensemble: Ensemble, like: Like) -> tuple[Index, Floats]:
    """Return the class (N,) that the method chooses for each row, and calibrated probabilities (N, K)."""
    probability = np.empty((len(like.x), len(ensemble.classes)))
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("asking", total=len(like.x))
        for start in range(0, len(like.x), ensemble.portion):
            rows = like.x[start : start + ensemble.portion]
            with heard_by(lambda share: bar.update(task, completed=start + share * len(rows))):  # noqa: B023
                probability[start : start + len(rows)] = ensemble.answer(rows)[2]
            bar.update(task, completed=start + len(rows))
    chosen: Index = probability.argmax(1)
    if ensemble.calibration is not None:
        probability = np.asarray(calibrated(probability, ensemble.calibration))
    return chosen, probability


def _write(
    name: str, ensemble: Ensemble, like: Like, columns: tuple[list[int], list[str]], chosen: Index, probability: Floats
) -> None:
    """Write what the run does not know of a row, its class, and the probability of each class; see `_columns`."""
    further, added = columns
    with open_table(name, like.text.encoding, like.text.separator, added[1:]) as file:
        out = csv.writer(file, delimiter=like.text.separator, lineterminator="\n")
        out.writerow([*(like.text.header[j] for j in further), *added])
        for start in range(0, len(like.text), PORTION):
            cells = like.text.columns(start, start + PORTION)
            for i in range(len(cells[0])):
                row, k = start + i, int(chosen[start + i])
                named = "" if k == NONE else ensemble.classes[k]
                out.writerow([*(cells[j][i] for j in further), named, *(f"{p:.6f}" for p in probability[row])])
