"""The life of a run: signature -> folder -> lock -> train (resume) -> evaluate -> result.json."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from ganx.drawing.run import draw, draw_losses
from ganx.engine.chunk import Interrupted
from ganx.engine.trainer import peak_memory_mb
from ganx.errors import UserError
from ganx.run import fit
from ganx.run.baseline import fit_baseline
from ganx.run.experiment import Experiment
from ganx.run.folder import RunFolder, find_run
from ganx.run.lock import PATIENCE, RunLock
from ganx.run.pipeline import Pipeline, score_again
from ganx.run.provenance import collect
from ganx.run.report import announce, repeat_command, show_result, summarise
from ganx.run.signature import experiment_config
from ganx.schema import check_config
from ganx.targets import added_by


def train(
    config: dict[str, Any],
    argv: Sequence[str],
    *,
    targets: frozenset[str] | None = None,
    expected: RunFolder | None = None,
    patience: float = PATIENCE,
    watch: fit.Watch | None = None,
) -> int:
    """Train what a checked `config` says, go on with it, or show what it gave. Returns the exit code.

    Args:
        argv: the command line that gives it.
        targets: class paths that the user's own folders add; None looks them up.
        expected: the folder that a sweep has planned for this run.
        patience: seconds to wait for another process that trains it.
        watch: may stop the training at a validation; it then ends as if by SIGTERM.

    Raises:
        UserError: the config does not fit the data, the method or an unfinished run in the folder.
        RunError: the run is locked, or its folder cannot be written.
    """
    console = Console()
    experiment = Experiment.of(config, added_by(argv) if targets is None else targets)
    folder = experiment.folder
    if expected is not None and folder.path.resolve() != expected.path.resolve():
        raise UserError(f"{expected}: the data have changed since the sweep was planned; give its command again")
    target = folder.beside if config["force"] else folder
    code = _shown(console, folder, config)
    if code is not None:
        return code
    if experiment.pipeline:
        Pipeline.of(experiment).check(experiment)
    else:
        fit.check_method(experiment)
    plan = _plan(experiment, target, argv)
    with RunLock(target.heartbeat, patience=patience) as lock:
        code = _shown(console, folder, config)  # another process may have finished it while we waited
        if code is not None:
            return code
        if target.read_result() is not None:
            target.clear()  # it failed, and retry=true; or it was killed just before the swap of force=true
        if not target.provenance.exists():
            target.create(config, collect(argv, **plan))
        announce(console, experiment, plan)
        try:
            result = _result(console, experiment, target, plan, lock, argv, watch)
        except Interrupted as interruption:
            console.print(f"stopped; the same command goes on from the checkpoint in {target}", soft_wrap=True)
            return 128 + interruption.signal
        target.write_result(result)
    if config["force"]:
        target.take_the_place_of(folder)
    return _show(console, folder, result)


def evaluate(config: dict[str, Any], argv: Sequence[str]) -> int:
    """Score a finished run once more, from its checkpoint. Returns 0 if the figures are those of result.json.

    Raises:
        UserError: no such run, an unfinished one, or one whose data have changed.
    """
    console = Console()
    folder = find_run(config["run"], config["outputs"])
    experiment = stored_experiment(folder, added_by(argv))
    stored = folder.read_result()
    if stored is None:
        raise UserError(f"{folder}: the run has not finished; the same ganx train command goes on with it")
    if experiment.pipeline:
        figures = score_again(console, experiment, folder)
    elif experiment.trained:
        figures = fit.score_replicas(experiment, fit.final_state(folder), fit.network_for(experiment, console))
    else:
        figures = fit_baseline(experiment, fit.plan(experiment)["workers"]).figures
    metrics = {name: summarise(values, experiment.replicas) for name, values in figures.items()}
    show_result(console, {**stored, "metrics": metrics}, folder)
    if metrics != stored["metrics"]:
        console.print("these are not the figures of result.json", style="red")
        return 1
    console.print("the same figures as in result.json")
    return 0


def stored_experiment(folder: RunFolder, extra_targets: frozenset[str]) -> Experiment:
    """Return the experiment of a run folder, checked as if it came from the command line.

    Raises:
        UserError: the config is damaged, names code it may not, or the data are no longer those of the run.
    """
    config = stored_config(folder, extra_targets)
    experiment = Experiment.of(config, extra_targets)
    if not folder.path.resolve().name.endswith(experiment.signature):
        raise UserError(
            f"{folder}: config and data give the signature {experiment.signature}, not this folder's; "
            "the data set, the config file or ganx has changed since the run"
        )
    return experiment


def stored_config(folder: RunFolder, extra_targets: frozenset[str]) -> dict[str, Any]:
    """Return the config of a run folder, checked.

    Raises:
        UserError: there is none, or it does not fit this version of ganx.
    """
    try:
        return check_config("train", folder.read_config(), extra_targets)
    except UserError as error:
        raise UserError(f"{folder}: {error} (config.yaml was edited, or written by another version of ganx)") from None


def _shown(console: Console, folder: RunFolder, config: dict[str, Any]) -> int | None:
    """Show a run that has ended and return its exit code; None where there is something to do."""
    result = folder.read_result()
    if result is None or config["force"] or (result["status"] == "failed" and config["retry"]):
        return None
    if result["status"] == "failed":
        console.print("this run has failed before; retry=true starts it again", style="red")
    else:
        console.print("this run is finished; force=true trains it again")
    return _show(console, folder, result)


def _show(console: Console, folder: RunFolder, result: dict[str, Any]) -> int:
    show_result(console, result, folder)
    return 0 if result["status"] == "done" else 1


def _plan(experiment: Experiment, folder: RunFolder, argv: Sequence[str]) -> fit.Layout:
    """Lay out the training. An unfinished run keeps the layout it was started with: bytes depend on it.

    Raises:
        UserError: the command asks for another layout.
    """
    if not folder.provenance.exists():
        return fit.plan(experiment)
    stored = json.loads(folder.provenance.read_text())
    plan = fit.plan(experiment, stored["workers"])
    if any(plan[key] != stored[key] for key in plan):
        accelerator = "gpu" if stored["device"] == "cuda" else "cpu"
        kept = [word for word in argv if not word.startswith(("hardware", "model.max_replicas"))]
        fits = [
            f"hardware={accelerator}",
            f"hardware.precision={stored['precision']}",
            f"hardware.threads={stored['threads']}",
            f"hardware.workers={stored['workers']}",
            f"model.max_replicas={max(stored['chunks'])}",
        ]
        raise UserError(
            "this run was started with another precision or other threads, workers or chunks, and would not give the "
            f"same bytes; go on with: ganx train {shlex.join([*kept, *fits])}"
        )
    return plan


def _result(
    console: Console,
    experiment: Experiment,
    folder: RunFolder,
    plan: fit.Layout,
    lock: RunLock,
    argv: Sequence[str],
    watch: fit.Watch | None,
) -> dict[str, Any]:
    """Train and score; return the content of result.json."""
    failed: dict[str, str] = {}
    notes: list[str] = []
    network = None
    if experiment.pipeline:
        state, figures, notes = Pipeline.of(experiment).train(console, experiment, folder, plan, lock.beat)
        failed = state["failed"]
        draw_losses(folder)
    elif experiment.trained:
        state = fit.train_replicas(console, experiment, folder, plan, lock.beat, watch)
        failed = state["failed"]
        network = fit.network_for(experiment, console)
        figures = fit.score_replicas(experiment, state, network)
        draw(experiment, state, folder)
    else:
        figures, notes = fit_baseline(experiment, plan["workers"])
    config = experiment.config
    return {
        "schema": 2,
        "signature": experiment.signature,
        "status": "failed" if failed else "done",
        "model": config["model"]["name"],
        "dataset": config["dataset"]["name"],
        "protocol": config["protocol"]["name"],
        "version": config["model"]["version"],
        "config": experiment_config(config),
        "data": experiment.table.checksum(),
        "replica_ids": [list(replica) for replica in experiment.replicas],
        "seconds": round(lock.seconds, 1),
        "peak_memory_mb": round(peak_memory_mb(plan["workers"])),
        "metrics": {name: summarise(values, experiment.replicas) for name, values in figures.items()},
        "feature_network": network and network.facts(),
        "notes": notes,
        "failed": failed,
        "error": "; ".join(f"replica ({replica}): {why}" for replica, why in failed.items()) or None,
        "command": repeat_command(argv),
    }
