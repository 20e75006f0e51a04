"""`ganx impute`: fill a user's table with the mean of a run's replicas, and say how far they differ."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from ganx.data.csv_table import read_like
from ganx.errors import UserError
from ganx.files import make_folder, write_text
from ganx.run.folder import find_run
from ganx.serve.ensemble import open_ensemble
from ganx.targets import added_by
from ganx.text import plural


def impute(config: dict[str, Any], argv: Sequence[str]) -> int:
    """Fill `config["input"]` with a run, write `config["out"]` and, if wanted, `config["spread"]`. Returns 0.

    The run must have been trained with `protocol.folds=0`. Cells that hold a value come back as they were written.
    Where the target is missing it is predicted, and the column is added if the file lacks it.

    Raises:
        UserError: no such run, one that is not finished or holds rows back, or a table of another form.
    """
    console = Console()
    for key in ("out", "spread"):
        if config[key] is not None and Path(config[key]).resolve() == Path(config["input"]).resolve():
            raise UserError(f"{key}={config[key]} is the input itself; write to another file")
    folder = find_run(config["run"], config["outputs"])
    ensemble = open_ensemble(folder, added_by(argv), "impute")
    columns = ensemble.encoding.columns
    raw, x, y = read_like(config["input"], columns, ensemble.classes, ensemble.target)
    if not len(raw):
        raise UserError(f"{config['input']} has no rows")
    filled, spread, probability = ensemble.answer(x)
    assert filled is not None
    assert spread is not None

    missing = np.isnan(x)
    spreads = pd.DataFrame("", index=raw.index, columns=[column.name for column in columns], dtype=object)
    for j, column in enumerate(columns):
        for i in np.flatnonzero(missing[:, j]):
            raw.loc[i, column.name] = ensemble.text(j, filled[i, j])
            spreads.loc[i, column.name] = f"{spread[i, j]:.6g}"
    n_labels = 0
    if probability is not None and ensemble.target is not None:
        unknown = np.ones(len(raw), dtype=np.bool_) if y is None else y < 0
        n_labels = int(unknown.sum())
        if ensemble.target not in raw:
            raw[ensemble.target] = ""
        guesses = np.asarray(ensemble.classes, dtype=object)[probability.argmax(1)]
        raw.loc[unknown, ensemble.target] = guesses[unknown]
        spreads[ensemble.target] = np.where(unknown, [f"{1 - p:.6g}" for p in probability.max(1)], "")
    write_table(Path(config["out"]), raw, raw.attrs["separator"])
    if config["spread"] is not None:
        write_table(Path(config["spread"]), spreads, raw.attrs["separator"])
    console.print(
        f"{plural(int(missing.sum()), 'cell')} filled and {plural(n_labels, 'label')} predicted "
        f"by {plural(ensemble.n_replicas, 'replica')}; "
        f"written to {config['out']}",
        highlight=False,
        soft_wrap=True,
    )
    return 0


def write_table(path: Path, table: pd.DataFrame, separator: str) -> None:
    """Write a table as text, whole or not at all."""
    make_folder(path.parent)
    write_text(path, table.to_csv(index=False, sep=separator, lineterminator="\n"))
