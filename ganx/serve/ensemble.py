"""The replicas of a finished run, as they answer for tables of the same form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganx.data.csv_like import Like, read_like
from ganx.data.encoding import Encoding
from ganx.data.written import write
from ganx.engine.share import part
from ganx.engine.views import GivenCells
from ganx.errors import DamagedError, UserError
from ganx.run.estimator import Known
from ganx.run.identity import RETRAIN
from ganx.run.opened import Opened
from ganx.serve.parts import Part, open_part
from ganx.targets import spec

Floats = NDArray[np.float64]

PORTION = 8192  # rows at a time
MOST_CELLS = 4_000_000  # whose answers, of all replicas, are in memory


@dataclass(frozen=True)
class Ensemble:
    """The replicas of a finished run, as far as other tables of the same form concern them.

    Attributes:
        can: which of `impute` and `classify` it is asked; to fill a file, both, as far as it can.
        missing: texts and numbers that mean "unknown", beside the usual ones.
        calibration: of the class probabilities (`ganx.run.calibration`); None: there is none.
    """

    part: Part
    can: tuple[str, ...]
    encoding: Encoding
    classes: tuple[str, ...]
    target: str | None
    missing: list[str | float]
    calibration: dict[str, Any] | None

    @property
    def n_replicas(self) -> int:
        """How many replicas answer."""
        return len(self.part.state["replicas"]) - len(self.part.state["failed"])

    @property
    def notes(self) -> list[str]:
        """What to say before it answers."""
        return [
            f"replica ({name}) has failed, and has no say: {why}" for name, why in self.part.state["failed"].items()
        ]

    @property
    def portion(self) -> int:
        """How many rows are asked about at a time."""
        return int(np.clip(MOST_CELLS // (self.n_replicas * self.encoding.group.size), 1, PORTION))

    def read(self, path: str) -> Like:
        """Read a file of the same form; see `read_like`. Its target matters only where gaps are filled."""
        filling = "impute" in self.can
        target = self.target if filling else None
        return read_like(path, self.encoding.columns, self.classes, target, self.missing, filling=filling)

    def answer(self, x: Floats) -> tuple[Floats | None, Floats | None, Floats | None]:
        """Answer for cells (N, D) in original units, NaN = missing.

        Returns:
            the mean of the replicas (N, D) in original units (a category is the likeliest one) and their spread (N, D):
            the standard deviation, for a category the share of replicas that chose another one; both None where it
            does not impute; mean class probabilities (N, K), None where it does not classify.
        """
        features, probabilities = [], []
        replicas, failed = self.part.state["replicas"], self.part.state["failed"]
        for r, replica in enumerate(replicas):
            if "{},{}".format(*replica) in failed:
                continue
            with part(r, len(replicas)):
                imputed, probability = self._answer_of(r, x)
            features.append(imputed)
            probabilities.append(probability)
        probability = np.mean(probabilities, axis=0) if "classify" in self.can else None
        if "impute" not in self.can:
            return None, None, probability
        mean = self.encoding.decode(np.mean(features, axis=0))
        each = np.stack([self.encoding.decode(imputed) for imputed in features])
        differs = np.where(self.encoding.numeric, each.std(0), (each != mean).mean(0))
        return mean, differs, probability

    def texts(self, column: int, values: Floats) -> list[str]:
        """Write cells (n,) as their column is written: names of categories, or numbers with as many decimals."""
        style = self.part.state["table"]["styles"][column]
        return write(values.tolist(), self.encoding.columns[column].categories, style)

    def _answer_of(self, replica: int, x: Floats) -> tuple[Any, Any]:
        low, span = (np.asarray(self.part.state["table"][key][replica], np.float32) for key in ("low", "span"))
        m = self.encoding.expand(~np.isnan(x))
        view = GivenCells(np.where(m, (self.encoding.encode(x) - low) / span, 0).astype(np.float32), m)
        known = Known(len(self.classes), None, self.encoding.group)
        given = self.part.answer(replica, view, known, self.can)
        return given["impute"] * span + low if "impute" in self.can else None, given.get("classify")


def ensemble_of(opened: Opened, need: str) -> Ensemble:
    """Return what a finished run has kept for tables of the same form: its fit on all that is known, if it has one.

    Args:
        need: `impute` or `classify`.

    Raises:
        UserError: its method cannot do that, or there is nothing but fits on parts of the rows.
        DamagedError: what it has kept is damaged.
    """
    folder, config, result = opened.folder, opened.config, opened.result
    name, method = config["model"]["name"], spec(config["model"])
    if method.reads != "cells" or need not in method.capabilities:
        raise UserError(f"{folder}: model={name} does not {need} rows of a table; train e.g. model=hexagan")
    refit, seeds = result.get("refit"), range(config["seed"], config["seed"] + config["seeds"])
    if refit is None and config["protocol"]["folds"] != 0:
        raise UserError(
            f"{folder}: its replicas were trained on parts of the rows, to be scored; fit it on all rows, too: "
            f"{result['command']} refit=true"
        )
    place = folder if refit is None else folder.refit
    if not place.checkpoint.exists():
        raise UserError(f"{folder}: nothing of model={name} was kept that could answer for other rows; train it again")
    part = open_part(config, place, [(seed, 0) for seed in seeds], opened.extra_targets)
    facts = part.state["table"]
    if len(part.state["failed"]) == len(part.state["replicas"]):
        raise UserError(f"{folder}: every replica of this run has failed")
    classes = tuple(facts["classes"])
    if need == "classify" and not classes:
        raise UserError(f"{folder}: it was trained without a target, so that it knows no classes")
    calibration = (refit or {}).get("calibration")
    if calibration is not None and len(calibration["shift"]) != len(classes):
        raise DamagedError(f"{folder.result}: refit.calibration is not that of {len(classes)} classes; {RETRAIN}")
    labels = need == "impute" and classes and "classify" in method.capabilities
    return Ensemble(
        part=part,
        can=(need, "classify") if labels else (need,),
        encoding=Encoding.from_dict(facts["encoding"]),
        classes=classes,
        target=facts["target"],
        missing=config["dataset"].get("missing", []),
        calibration=calibration,
    )
