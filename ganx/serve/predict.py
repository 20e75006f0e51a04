"""`ganx predict`: the class of each row of a user's table, and how probable each class is."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress

from ganx.data.csv_table import Like
from ganx.engine.share import heard_by
from ganx.run.calibration import calibrated
from ganx.run.folder import find_run
from ganx.serve.ensemble import Ensemble, open_ensemble
from ganx.serve.table_file import check_places, check_separator, open_table
from ganx.targets import added_by
from ganx.text import plural

PORTION = 8192  # rows at a time


def predict(config: dict[str, Any], argv: Sequence[str]) -> int:
    """Write a class for each row of `config["input"]` to `config["out"]`. Returns 0.

    The columns that the run does not know (a name, a number) come first, as they are; then the class, named as the
    target, and the probability of each class. The class is the one that the method chooses, as it was scored; the
    probabilities are calibrated where the run could do that. `abstain`: where that of the chosen class is lower, none
    is named.

    Raises:
        UserError: no such run, one that cannot classify, a table of another form, or a name for the output under which
            it cannot be written.
    """
    console, places = Console(), {"out": config["out"]}
    check_places(config["input"], places)
    ensemble = open_ensemble(find_run(config["run"], config["outputs"]), added_by(argv), "classify")
    with console.status(f"reading {config['input']}"):
        like = ensemble.read(config["input"])
    for note in like.notes:
        console.print(f"note    {note}", style="yellow", highlight=False, soft_wrap=True, markup=False)
    check_separator(places, like.text.separator)
    probability, chosen, certain = _asked(console, ensemble, like, config["abstain"])
    _write(config["out"], ensemble, like, probability, np.where(certain, chosen, -1))
    told = [f"{plural(int(certain.sum()), 'class')} named by {plural(ensemble.n_replicas, 'replica')}"]
    if config["abstain"]:
        told.append(f"{int((~certain).sum())} left open, below {config['abstain']:g}")
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


def _asked(console: Console, ensemble: Ensemble, like: Like, abstain: float) -> tuple[Any, Any, Any]:
    """Return probabilities (N, K), the chosen class (N,) of each row, and whether it is probable enough (N,)."""
    probability = np.empty((len(like.x), len(ensemble.classes)))
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("asking", total=len(like.x))
        for start in range(0, len(like.x), PORTION):
            rows = like.x[start : start + PORTION]
            with heard_by(lambda share: bar.update(task, completed=start + share * len(rows))):  # noqa: B023
                probability[start : start + PORTION] = ensemble.answer(rows)[2]
            bar.update(task, completed=start + len(rows))
    chosen = probability.argmax(1)
    if ensemble.calibration is not None:
        probability = np.asarray(calibrated(probability, ensemble.calibration))
    return probability, chosen, probability[np.arange(len(chosen)), chosen] >= abstain


def _write(name: str, ensemble: Ensemble, like: Like, probability: Any, chosen: Any) -> None:
    """Write what the run does not know of a row, its class (-1: none), and the probability of each class."""
    known = {column.name for column in ensemble.encoding.columns} | {ensemble.target}
    further = [j for j, column in enumerate(like.text.header) if column not in known]
    added = [str(ensemble.target), *(f"p({one})" for one in ensemble.classes)]
    with open_table(name, like.text.encoding, like.text.separator, added[1:]) as file:
        out = csv.writer(file, delimiter=like.text.separator, lineterminator="\n")
        out.writerow([*(like.text.header[j] for j in further), *added])
        for start in range(0, len(like.text), PORTION):
            cells = like.text.columns(start, start + PORTION)
            for i in range(len(cells[0])):
                row, k = start + i, int(chosen[start + i])
                named = ensemble.classes[k] if k >= 0 else ""
                out.writerow([*(cells[j][i] for j in further), named, *(f"{p:.6f}" for p in probability[row])])
