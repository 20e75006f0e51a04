"""`ganx predict`: the class of each row of a user's table, and how probable each class is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from ganx.data.csv_table import read_like
from ganx.errors import UserError
from ganx.run.calibration import calibrated
from ganx.run.folder import find_run
from ganx.serve.ensemble import open_ensemble
from ganx.serve.impute import write_table
from ganx.targets import added_by
from ganx.text import plural


def predict(config: dict[str, Any], argv: Sequence[str]) -> int:
    """Write a class for each row of `config["input"]` to `config["out"]`. Returns 0.

    The columns that the run does not know (a name, a number) come first, as they are; then the class, named as the
    target, and the probability of each class. The class is the one that the method chooses, as it was scored; the
    probabilities are calibrated where the run could do that. `abstain`: where that of the chosen class is lower, none
    is named.

    Raises:
        UserError: no such run, one that cannot classify, or a table of another form.
    """
    console = Console()
    if Path(config["out"]).resolve() == Path(config["input"]).resolve():
        raise UserError(f"out={config['out']} is the input itself; write to another file")
    ensemble = open_ensemble(find_run(config["run"], config["outputs"]), added_by(argv), "classify")
    raw, x, _ = read_like(config["input"], ensemble.encoding.columns, ensemble.classes, ensemble.target)
    probability: Any = ensemble.answer(x)[2]
    assert probability is not None
    chosen = probability.argmax(1)
    if ensemble.calibration is not None:
        probability = calibrated(probability, ensemble.calibration)
    certain = probability[np.arange(len(chosen)), chosen] >= config["abstain"]

    known = {column.name for column in ensemble.encoding.columns} | {ensemble.target}
    table = raw[[name for name in raw.columns if name not in known]].copy()
    table[str(ensemble.target)] = np.where(certain, np.asarray(ensemble.classes, dtype=object)[chosen], "")
    for k, name in enumerate(ensemble.classes):
        table[f"p({name})"] = pd.Series(probability[:, k]).map("{:.6f}".format)
    write_table(Path(config["out"]), table, raw.attrs["separator"])
    told = [f"{plural(int(certain.sum()), 'class')} named by {plural(ensemble.n_replicas, 'replica')}"]
    if config["abstain"]:
        told.append(f"{int((~certain).sum())} left open, below {config['abstain']:g}")
    told.append("probabilities calibrated" if ensemble.calibration else "probabilities as they are, not calibrated")
    console.print(f"{'; '.join(told)}; written to {config['out']}", highlight=False, soft_wrap=True, markup=False)
    return 0
