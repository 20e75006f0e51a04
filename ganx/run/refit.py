"""A second fit, on all known cells and labels: what fills and labels files. The scored fit tells how good it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ganx.checks import is_own_data
from ganx.data.splits import make_splits
from ganx.engine.capabilities import Answers
from ganx.files import make_folder
from ganx.run.calibration import calibration_of
from ganx.run.context import Context, lay_out
from ganx.run.experiment import Experiment, State
from ganx.run.fitters import fitter_of
from ganx.run.folder import RunFolder
from ganx.run.kept import digest
from ganx.schema import Protocol
from ganx.text import plural

#: Keys of the protocol under which nothing is held back.
_NOTHING_HELD_BACK = {
    "missing_rate": 0.0,
    "label_rate": 1.0,
    "labels_per_class": None,
    "imbalance_ratio": None,
    "folds": 0,
    "validation": 0.0,
}


def is_wanted(experiment: Experiment, *, sweep: bool) -> bool:
    """Whether a run is to be fitted once more.

    Args:
        sweep: it is one of many, of which few will ever fill a file; `refit=auto` leaves them alone.
    """
    asked, spec = experiment.config["refit"], experiment.spec
    useful = spec.reads == "cells" and bool({"impute", "classify"} & spec.capabilities)
    return useful and (is_own_data(experiment.config["dataset"]) and not sweep if asked == "auto" else asked)


def refit(
    experiment: Experiment, state: State, answers: Sequence[Answers | None], folder: RunFolder, context: Context
) -> dict[str, Any]:
    """Fit one replica for each seed on all known cells and labels; go on from what an interrupted one has left.

    Args:
        state, answers: of the scored fit; they say at which steps states are kept, and how sure answers should be.

    Returns:
        what result.json tells of it.

    Raises:
        Interrupted, RunError: see `Fitter.fit`.
    """
    whole = _on_all_rows(experiment, state)
    context.console.print(f"once more on all {plural(whole.table.n_rows, 'row')}, to fill and label files")
    place = folder.refit
    make_folder(place.checkpoints)
    fitted = fitter_of(whole).fit(whole, place, replace(context, layout=lay_out(whole), watch=None))
    told = {
        "replica_ids": [list(replica) for replica in whole.replicas],
        "steps": state.get("steps", {}),
        "checkpoint": digest(place),
        "calibration": calibration_of(experiment, answers),
        "notes": fitted.get("notes", []),
        "failed": fitted["failed"],
    }
    return told | ({"blend": fitted["blend"]} if "blend" in fitted else {})


def _on_all_rows(experiment: Experiment, state: State) -> Experiment:
    """Return the experiment with nothing held back, for the method that was scored.

    A trained method keeps the states of the steps that were best there. A blend has the models that were blended there,
    whatever else would fit into `minutes` now, and goes on selecting, each part of it on rows of its own.
    """
    protocol = experiment.config["protocol"] | _NOTHING_HELD_BACK
    config, steps = experiment.config, state.get("steps", {})
    if experiment.spec.blends:
        protocol["validation"] = config["protocol"]["validation"]
        model = config["model"]
        blended = {key: [name for name in model[key] if name in state["candidates"]] for key in experiment.spec.blends}
        config = config | {"model": model | blended | {"minutes": None}}
    splits = make_splits(experiment.table, experiment.encoding, Protocol(**protocol), config["seed"], config["seeds"])
    selection = protocol["selection"] if experiment.spec.blends else steps or "last"
    config = config | {"protocol": protocol | {"selection": selection}}
    return replace(experiment, config=config, splits=splits, completed=None)
