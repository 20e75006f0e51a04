"""`ganx impute`: fill a user's table with the mean of a run's replicas, and say how far they differ."""

from __future__ import annotations

import csv
import gc
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress

from ganx.data.csv_like import Like
from ganx.engine.share import heard_by
from ganx.errors import UserError
from ganx.run.finding import find_run
from ganx.run.opened import open_run
from ganx.serve.ensemble import Ensemble, ensemble_of
from ganx.serve.table_file import check_places, check_separator, open_table
from ganx.targets import added_by
from ganx.terminal import Terminal
from ganx.text import plural

#: {column: {row: text}}; rows are counted from the first of a portion.
Texts = dict[str, dict[int, str]]


def impute(config: dict[str, Any], argv: Sequence[str]) -> int:
    """Fill `config["input"]` with a run, write `config["out"]` and, if wanted, `config["spread"]`. Returns 0.

    Cells that hold a value come back byte for byte. Where the
    target is missing it is predicted; a column that the file lacks, the target among them, is added.

    Raises:
        UserError: no such run, one that is not finished or holds rows back, a table of another form, a name for the
            output under which it cannot be written, or the spread of a single replica.
    """
    console = Terminal()
    places = {key: config[key] for key in ("out", "spread") if config[key] is not None}
    check_places(config["input"], places)
    opened = open_run(find_run(config["run"], config["outputs"]), added_by(argv))
    ensemble = ensemble_of(opened, "impute")
    if "spread" in places and ensemble.n_replicas == 1:
        raise UserError(
            f"spread={places['spread']}: a single replica answers, so that the spread is 0 everywhere, which is not "
            f"certainty; train more of them: {opened.result['command']} seeds=5"
        )
    gc.freeze()  # millions of cells come and go: what has been imported need not be looked through each time
    with console.status(f"reading {config['input']}"):
        like = ensemble.read(config["input"])
    for note in [*ensemble.notes, *like.notes]:
        console.print(f"note    {note}", style="yellow", highlight=False, soft_wrap=True, markup=False)
    check_separator(places, like.text.separator)
    n_cells, n_labels = _write(console, Filling(ensemble, like), places)
    console.print(
        f"{plural(n_cells, 'cell')} filled and {plural(n_labels, 'label')} predicted "
        f"by {plural(ensemble.n_replicas, 'replica')}; "
        f"written to {config['out']}",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )
    return 0


@dataclass(frozen=True)
class Filling:
    """What a run puts into the gaps of a file."""

    ensemble: Ensemble
    like: Like

    @property
    def labels(self) -> bool:
        """Whether the run predicts labels, too."""
        return self.ensemble.target is not None and "classify" in self.ensemble.can

    @property
    def names(self) -> list[str]:
        """Columns that may get cells."""
        names = [column.name for column in self.ensemble.encoding.columns]
        return [*names, self.ensemble.target] if self.labels and self.ensemble.target else names

    @property
    def added(self) -> list[str]:
        """Columns that the file lacks."""
        return [name for name in self.names if not self.like.text.has(name)]

    def texts(self, start: int, stop: int, *, with_spread: bool) -> tuple[Texts, Texts]:
        """Return the new cells of rows start to stop, column by column, and the spread of each, if wanted."""
        gaps, gaps_y = self.like.gaps[start:stop], self.like.gaps_y[start:stop] & self.labels
        rows = np.flatnonzero(gaps.any(1) | gaps_y)
        texts: Texts = {}
        spreads: Texts = {}
        if not rows.size:
            return texts, spreads
        mean, spread, probability = self.ensemble.answer(self.like.x[start + rows])
        assert mean is not None
        assert spread is not None
        for j, column in enumerate(self.ensemble.encoding.columns):
            i = np.flatnonzero(gaps[rows, j])
            at = rows[i].tolist()
            texts[column.name] = dict(zip(at, self.ensemble.texts(j, mean[i, j]), strict=True))
            if with_spread:
                spreads[column.name] = dict(zip(at, [f"{value:.6g}" for value in spread[i, j]], strict=True))
        if probability is not None and self.ensemble.target is not None:
            i = np.flatnonzero(gaps_y[rows])
            at, chosen = rows[i].tolist(), probability[i].argmax(1)
            texts[self.ensemble.target] = {a: self.ensemble.classes[k] for a, k in zip(at, chosen, strict=True)}
            if with_spread:
                unsure = 1 - probability[i].max(1)
                spreads[self.ensemble.target] = {a: f"{p:.6g}" for a, p in zip(at, unsure, strict=True)}
        return texts, spreads


def _write(console: Console, filling: Filling, places: dict[str, str]) -> tuple[int, int]:
    """Fill portion by portion; return how many cells were filled, and how many labels."""
    text, names, added = filling.like.text, filling.names, filling.added
    numeric = [column.name for column in filling.ensemble.encoding.columns if column.numeric]
    counts = dict.fromkeys(names, 0)
    with ExitStack() as stack:
        bar = stack.enter_context(Progress(console=console, transient=True, disable=not console.is_terminal))
        task = bar.add_task("filling", total=len(text))
        out = stack.enter_context(open_table(places["out"], text.encoding, text.separator, numeric))
        out.write(text.head(added))
        spread = None
        if "spread" in places:
            file = stack.enter_context(open_table(places["spread"], text.encoding, text.separator, names))
            spread = csv.DictWriter(file, names, "", delimiter=text.separator, lineterminator="\n")
            spread.writeheader()
        for start in range(0, len(text), filling.ensemble.portion):
            stop = min(start + filling.ensemble.portion, len(text))
            with heard_by(lambda share: bar.update(task, completed=start + share * (stop - start))):  # noqa: B023
                texts, spreads = filling.texts(start, stop, with_spread=spread is not None)
            out.write(text.filled(start, stop, texts, added))
            if spread is not None:
                columns = spreads.items()
                spread.writerows({n: by_row[i] for n, by_row in columns if i in by_row} for i in range(stop - start))
            for name, by_row in texts.items():
                counts[name] += len(by_row)
            bar.update(task, completed=stop)
    n_labels = counts.pop(names[-1]) if filling.labels else 0
    return sum(counts.values()), n_labels
