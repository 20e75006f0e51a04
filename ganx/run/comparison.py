"""What the plainest methods reach on the cells that a method has filled in, and where it is no better than they."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import yaml
from numpy.typing import NDArray

from ganx.engine.capabilities import Answers, ask, of_estimator
from ganx.engine.share import part
from ganx.groups import own_dir
from ganx.metrics.paired import LEAST_GAIN, beats, moments, p_values, row_losses
from ganx.run.context import Context
from ganx.run.estimator import known_of, new_estimator, training_rows
from ganx.run.experiment import Experiment
from ganx.run.processes import in_processes
from ganx.targets import spec

Floats = NDArray[np.float64]

REFERENCES = ("zeros", "mean", "copula")
COSTLY = ("copula",)
MOST_ROWS, MOST_CELLS = 5000, 500_000  # that a costly one is fitted on
LARGEST = 20_000_000  # cells of a table that a costly one fills in reasonable time
WIDEST = 1000  # and columns, the cube of which it costs
BY_COLUMN = ("mean", "copula")  # those that stand beside each column, too

OWN = "own"  # the method itself, beside them
METRICS = ("rmse", "rmse_row", "error_rate_categorical")  # in the order of `row_losses`
TIE = 0.005  # of an error: as near as that, two methods are one


class Filled(NamedTuple):
    """How one method has filled the hidden test cells of one replica.

    Attributes:
        metrics: {metric: value}.
        errors: (D,) rmse of a numeric column, share of wrong categories of another; NaN without a scored cell.
        losses: (n, D + 3), see `row_losses`.
    """

    metrics: dict[str, float]
    errors: Floats
    losses: Floats


class Compared(NamedTuple):
    """A replica, reduced to what is said of it.

    Attributes:
        metrics: {method: {metric: value}}.
        errors: {method: (D,)}.
        cells: (D,) how many were scored.
        gain: (3, D + 3) `moments` of how much less each row loses than with `mean`; None beside `mean` itself.
        notes: {method: what was capped}.
    """

    metrics: dict[str, dict[str, float]]
    errors: dict[str, Floats]
    cells: Floats
    gain: Floats | None
    notes: dict[str, str]


def compare(
    experiment: Experiment, answers: Sequence[Answers | None], context: Context
) -> tuple[dict[str, Any], list[str]]:
    """Return what a result says of a method that imputes, beside its metrics; nothing where no cell was hidden.

    References are fitted, in each replica, on what the method itself may see. A method is not compared with itself.

    Args:
        answers: of each replica; None: it failed.

    Returns:
        `metrics_by_column`: {column: {`rmse` or `error_rate`; the same of `mean` and `copula`; `cells`: how many were
        scored, all replicas together; `beats_mean`: whether the gain over the mean is 2 % or more, and significant}};
        `reference`: {method: {metric: mean over replicas; `note`: what was capped}}.
        And, in words, that the whole is no better than the mean, or that it is zeros.
    """
    if "impute" not in experiment.spec.capabilities:
        return {}, []
    jobs = [(r, answer["impute"]) for r, answer in enumerate(answers) if answer and _hidden(experiment, r).any()]
    if not jobs:
        return {}, []
    compared: list[Compared] = in_processes(_replica, experiment, jobs, context, "comparing")
    seeds = [experiment.replicas[replica][0] for replica, _ in jobs]
    p = _p_values(seeds, [one.gain for one in compared])
    reached = {name: _means([one.metrics[name] for one in compared]) for name in compared[0].metrics}
    own = reached.pop(OWN)
    notes = {name: {"note": note} for one in compared for name, note in one.notes.items()}
    left_out = {name: {"note": "left out of so large a table"} for name in _others(experiment) if name not in reached}
    blocks = {
        "metrics_by_column": _by_column(experiment, compared, p),
        "reference": {name: metrics | notes.get(name, {}) for name, metrics in reached.items()} | left_out,
    }
    return blocks, _beside_mean(own, reached.get("mean"), p) + _beside_zeros(own, reached.get("zeros"))


# One replica.


def _replica(experiment: Experiment, job: tuple[int, Floats]) -> Compared:
    replica, imputed = job
    filled = {OWN: _filled(experiment, replica, imputed)}
    notes: dict[str, str] = {}
    large = experiment.table.x.size > LARGEST or experiment.table.n_columns > WIDEST
    for name in [name for name in _others(experiment) if not (large and name in COSTLY)]:
        imputed, note = _imputed_by(name, experiment, replica)
        filled[name] = _filled(experiment, replica, imputed)
        notes |= {name: note} if note else {}
    return Compared(
        metrics={name: one.metrics for name, one in filled.items()},
        errors={name: one.errors for name, one in filled.items()},
        cells=_hidden(experiment, replica).sum(0),
        gain=moments(filled["mean"].losses - filled[OWN].losses) if "mean" in filled else None,
        notes=notes,
    )


def _others(experiment: Experiment) -> list[str]:
    """Return the references that are not the method itself."""
    model = experiment.config["model"]
    if stages := spec(model).stages:
        model = model[stages[0]]  # the one that imputes
    return [name for name in REFERENCES if _shipped(name)["_target_"] != model["_target_"]]


def _shipped(name: str) -> dict[str, Any]:
    """Return a model as conf/ has it."""
    model: dict[str, Any] = yaml.safe_load((own_dir() / "model" / f"{name}.yaml").read_text(encoding="utf-8"))
    return {key: value for key, value in model.items() if key != "defaults"}


def _imputed_by(name: str, experiment: Experiment, replica: int) -> tuple[Floats, str]:
    """Return what a reference fills in the test rows (n, d), in metric units, and what was capped."""
    estimator = new_estimator(_shipped(name), experiment.replicas[replica], known_of(experiment), frozenset())
    x, m, _ = training_rows(experiment, replica)
    if name in COSTLY:
        x, m = estimator.capped(x, m, min(MOST_ROWS, MOST_CELLS // x.shape[1]))
    with part(0, 2):
        estimator.fit(x, m, np.full(len(x), -1))
    with part(1, 2):
        answers = ask(of_estimator(estimator), experiment.view(replica), ["impute"])
    return answers["impute"], "; ".join(estimator.notes)


def _filled(experiment: Experiment, replica: int, imputed: Floats) -> Filled:
    encoding, numeric = experiment.encoding, experiment.encoding.numeric
    x, hidden = experiment.table.x[experiment.splits[replica].test], _hidden(experiment, replica)
    first = np.searchsorted(encoding.group, np.arange(len(numeric)))  # feature of each column
    losses = (encoding.encode(x)[:, first].astype(np.float64) - imputed[:, first]) ** 2
    if not numeric.all():
        losses[:, ~numeric] = (encoding.decode(imputed) != x)[:, ~numeric]
    count = hidden.sum(0)
    errors = np.where(count > 0, np.where(hidden, losses, 0).sum(0) / np.maximum(count, 1), np.nan)
    return Filled(
        metrics=experiment.score(replica, {"impute": imputed}),
        errors=np.where(numeric, np.sqrt(errors), errors),
        losses=row_losses(np.where(hidden, losses, np.nan), numeric),
    )


def _hidden(experiment: Experiment, replica: int) -> NDArray[np.bool_]:
    """Return the cells (n, D) of the test rows that are scored."""
    split = experiment.splits[replica]
    hidden: NDArray[np.bool_] = ~np.isnan(experiment.table.x[split.test]) & ~split.seen[split.test] & ~split.empty
    return hidden


def error_of(column: dict[str, Any]) -> float:
    """Return the rmse of a numeric column of `metrics_by_column`, the share of wrong categories of another."""
    return float(column["rmse"] if "rmse" in column else column["error_rate"])


# All of them.


def _p_values(seeds: Sequence[int], gains: Sequence[Floats | None]) -> Floats | None:
    """Return p (D + 3,) of the gain over the mean; None beside the mean itself."""
    by_seed: dict[int, Floats] = {}
    for seed, gain in zip(seeds, gains, strict=True):
        if gain is not None:
            by_seed[seed] = by_seed.get(seed, np.zeros_like(gain)) + gain
    return p_values(list(by_seed.values())) if by_seed else None


def _means(metrics: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the mean over the replicas that have a metric."""
    known = {name: [one[name] for one in metrics if name in one] for name in METRICS}
    return {name: float(np.mean(values)) for name, values in known.items() if values}


def _by_column(experiment: Experiment, compared: Sequence[Compared], p: Floats | None) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    cells = np.sum([one.cells for one in compared], axis=0)
    for j in np.flatnonzero(cells):
        column = experiment.table.columns[j]
        errors = {name: float(np.nanmean([one.errors[name][j] for one in compared])) for name in compared[0].errors}
        one: dict[str, Any] = {"rmse" if column.numeric else "error_rate": errors[OWN]}
        one |= {name: errors[name] for name in BY_COLUMN if name in errors}
        one |= {"cells": int(cells[j])}
        found[column.name] = one if p is None else one | {"beats_mean": beats(errors[OWN], errors["mean"], p[j])}
    return found


def _beside_mean(own: dict[str, float], mean: dict[str, float] | None, p: Floats | None) -> list[str]:
    if mean is None or p is None:
        return []
    words: dict[str, list[str]] = {}
    for name, value in zip(METRICS, p[-len(METRICS) :], strict=True):
        if name in own and not beats(own[name], mean[name], value):
            how = "not clearly better" if own[name] <= (1 - LEAST_GAIN) * mean[name] else "no better"
            words.setdefault(how, []).append(f"{name} {own[name]:.4f} against {mean[name]:.4f}")
    return [f"{how} than the column mean: {', '.join(told)}" for how, told in words.items()]


def _beside_zeros(own: dict[str, float], zeros: dict[str, float] | None) -> list[str]:
    if zeros is None or any(abs(own[name] - zeros[name]) > TIE * zeros[name] for name in own):
        return []
    told = ", ".join(f"{name} {value:.4f}" for name, value in own.items())
    return [f"reaches what model=zeros does, which fills in the smallest value of each column: {told}"]
