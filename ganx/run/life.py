"""The life of a run: signature -> folder -> lock -> train (resume) -> evaluate -> result.json."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from ganx.engine.capabilities import Answers
from ganx.engine.chunk import Interrupted
from ganx.engine.feature_network import FeatureNetwork, feature_network
from ganx.engine.process import peak_memory_mb
from ganx.errors import UserError
from ganx.files import refuse_links, remove_leftovers, write_json
from ganx.run.comparison import compare
from ganx.run.context import Context, Layout, Watch, lay_out
from ganx.run.experiment import Experiment, State
from ganx.run.fitters import fitter_of
from ganx.run.folder import RunFolder
from ganx.run.identity import is_config_of
from ganx.run.kept import digest, digest_of
from ganx.run.lock import PATIENCE, RunLock
from ganx.run.opened import open_run
from ganx.run.provenance import collect
from ganx.run.refit import is_wanted, refit
from ganx.run.report import announce, repeat_command, show_result, summarise, table_notes
from ganx.run.signature import experiment_config
from ganx.targets import added_by
from ganx.terminal import Terminal


def train(
    config: dict[str, Any],
    argv: Sequence[str],
    *,
    targets: frozenset[str] | None = None,
    expected: RunFolder | None = None,
    patience: float = PATIENCE,
    watch: Watch | None = None,
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
    console = Terminal()
    experiment = Experiment.of(config, added_by(argv) if targets is None else targets)
    folder = experiment.folder
    if expected is not None and folder.path.resolve() != expected.path.resolve():
        raise UserError(f"{expected}: the data have changed since the sweep was planned; give its command again")
    target = folder.beside if config["force"] else folder
    again = is_wanted(experiment, sweep=expected is not None)
    code = _shown(console, folder, config, again)
    if code is not None:
        return code
    fitter_of(experiment).check(experiment)
    layout = _lay_out(experiment, target, argv)
    for place in (folder, target):
        refuse_links(place.path)
    with RunLock(target.heartbeat, patience=patience) as lock:
        code = _shown(console, folder, config, again)  # another process may have finished it while we waited
        if code is not None:
            return code
        remove_leftovers(target.path)
        result = target.read_result()
        if result is not None and (config["force"] or result.get("status") != "done"):
            target.clear()  # it failed, and retry=true; or it was killed just before the swap of force=true
        elif result is not None:
            open_run(target, experiment.extra_targets)  # which is fitted once more
        _describe(console, target, experiment, argv, layout)
        announce(console, experiment, layout)
        try:
            context = Context(console, layout, lock.beat, watch)
            result = _result(experiment, target, context, lock, argv, again=again)
        except Interrupted as interruption:
            saved = any(target.path.rglob("last.ckpt"))
            further = (
                f"goes on from the checkpoint in {target}" if saved else "starts again: there is no checkpoint yet"
            )
            console.print(f"stopped; the same command {further}", soft_wrap=True)
            return 128 + interruption.signal
        lock.check()
        _describe(console, target, experiment, argv, layout)  # somebody may have removed it
        target.write_result(result)
    if config["force"]:
        target.take_the_place_of(folder)
    return _show(console, folder, result)


def _describe(console: Console, folder: RunFolder, experiment: Experiment, argv: Sequence[str], layout: Layout) -> None:
    """Write config.yaml and provenance.json where they are not there; and the former where it was edited."""
    if not folder.provenance.exists():
        folder.create(experiment.config, collect(argv, **layout))
    elif not is_config_of(folder, experiment.signature, experiment.checksum):
        folder.write_config(experiment.config)
        told = f"{folder.config} was not that of this run, and is written again"
        console.print(told, soft_wrap=True, markup=False)


def _shown(console: Console, folder: RunFolder, config: dict[str, Any], again: bool) -> int | None:
    """Show a run that has ended and return its exit code; None where there is something to do."""
    result = folder.read_whole_result()
    if result is None or config["force"] or (result["status"] == "failed" and config["retry"]):
        return None
    if again and result["status"] == "done" and not result.get("refit"):
        return None
    if result["status"] == "failed":
        console.print("this run has failed before; retry=true starts it again", style="red")
    else:
        console.print("this run is finished; force=true trains it again")
    return _show(console, folder, result)


def _show(console: Console, folder: RunFolder, result: dict[str, Any]) -> int:
    show_result(console, result, folder)
    return 0 if result["status"] == "done" else 1


def _lay_out(experiment: Experiment, folder: RunFolder, argv: Sequence[str]) -> Layout:
    """Lay out the training. An unfinished run keeps what its bytes depend on.

    Raises:
        UserError: the command asks for something else.
    """
    layout = lay_out(experiment)
    if not folder.provenance.exists():
        return layout
    stored = folder.read_layout()
    if any(layout[key] != stored[key] for key in layout if key != "workers"):
        accelerator = "gpu" if stored["device"] == "cuda" else "cpu"
        kept = [word for word in argv if not word.startswith("hardware")]
        fits = [
            f"hardware={accelerator}",
            f"hardware.precision={stored['precision']}",
            f"hardware.threads={stored['threads']}",
        ]
        raise UserError(
            "this run was started with another device, precision or other threads, and would not give the same bytes; "
            f"go on with: ganx train {shlex.join([*kept, *fits])}"
        )
    return layout


def scores_of(
    experiment: Experiment, answers: Sequence[Answers | None], network: FeatureNetwork | None
) -> dict[str, list[float]]:
    """Return {metric: one value for each replica}, in the registry's order; NaN for a replica that failed."""
    scores: dict[str, list[float]] = {}
    for replica, answer in enumerate(answers):
        for name, value in (experiment.score(replica, answer, network) if answer else {}).items():
            scores.setdefault(name, [float("nan")] * len(answers))[replica] = value
    return scores


def network_for(experiment: Experiment, console: Console | None = None) -> FeatureNetwork | None:
    """Return the network in whose features samples are compared; None without samples, images or classes."""
    table = experiment.table
    if "sample" not in experiment.spec.capabilities or table.image_shape is None or table.y is None:
        return None
    return feature_network(table, console)


def _result(
    experiment: Experiment, folder: RunFolder, context: Context, lock: RunLock, argv: Sequence[str], *, again: bool
) -> dict[str, Any]:
    """Train and score, and fit once more where that is wanted (`again`); return the content of result.json."""
    fitter = fitter_of(experiment)
    state = fitter.fit(experiment, folder, context)
    answers = fitter.answers(experiment, state, context)
    network = network_for(experiment, context.console)
    scores = scores_of(experiment, answers, network)
    compared, findings = compare(experiment, answers, context)
    write_estimates(folder, experiment, answers)
    _draw(experiment, state, answers, folder)
    config, failed = experiment.config, state["failed"]
    second = refit(experiment, state, answers, folder, context) if again and not failed else None
    return {
        "signature": experiment.signature,
        "status": "failed" if failed else "done",
        "model": config["model"]["name"],
        "dataset": config["dataset"]["name"],
        "protocol": config["protocol"]["name"],
        "version": config["model"]["version"],
        "config": experiment_config(config),
        "data": experiment.checksum,
        "altered_data": experiment.table.altered,
        "replica_ids": [list(replica) for replica in experiment.replicas],
        "seconds": round(lock.seconds, 1),
        "peak_memory_mb": round(peak_memory_mb(context.layout["workers"])),
        "metrics": {name: summarise(values, experiment.replicas) for name, values in scores.items()},
        **compared,
        "feature_network": network and network.facts(),
        "blend": state.get("blend"),
        "checkpoint": digest(folder),
        "log": digest_of(folder.metrics),
        "refit": second,
        "notes": [*table_notes(experiment), *state.get("notes", []), *findings],
        "failed": failed,
        "error": "; ".join(f"replica ({replica}): {why}" for replica, why in failed.items()) or None,
        "command": repeat_command(argv),
    }


def _draw(experiment: Experiment, state: State, answers: Sequence[Answers | None], folder: RunFolder) -> None:
    """Draw the figures of a run; an estimator has none, and does without the libraries for them."""
    if experiment.spec.fitter == "estimator":
        return
    from ganx.drawing.run import draw

    draw(experiment, state, answers, folder)


def write_estimates(folder: RunFolder, experiment: Experiment, answers: Sequence[Answers | None]) -> None:
    """Keep what a method has estimated in estimate.json: {name: a value for each replica, null where it failed}."""
    if "estimate" not in experiment.spec.capabilities:
        return
    found = [answer and answer["estimate"] for answer in answers]
    names = sorted({name for estimate in found if estimate for name in estimate})
    content = {name: [estimate and estimate[name].tolist() for estimate in found] for name in names}
    write_json(folder.path / "estimate.json", {"replica_ids": experiment.replicas, **content})
