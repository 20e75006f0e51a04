"""Train or fit the replicas of a run inside its folder, and score them."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console

from ganx.engine.build import build_module
from ganx.engine.checkpoint import merge, read_checkpoint, write_checkpoint
from ganx.engine.chunk import Chunk, Progress, layout, resolve_workers
from ganx.engine.evaluate import Figures, evaluate
from ganx.engine.evaluate_samples import evaluate_samples
from ganx.engine.feature_network import FeatureNetwork, feature_network
from ganx.engine.progress import Display
from ganx.engine.trainer import device_of, prepare_process
from ganx.engine.workers import train_chunks
from ganx.errors import UserError
from ganx.files import write_text
from ganx.run.experiment import Experiment
from ganx.run.folder import RunFolder
from ganx.targets import locate

Layout = dict[str, Any]
State = dict[str, Any]
Beat = Callable[[int, int], None]

#: Is told the step and the best validation figures so far, {metric: mean over the replicas}; true: the run may stop.
Watch = Callable[[int, dict[str, float]], bool]


def plan(experiment: Experiment, workers: int | None = None) -> Layout:
    """Say where and in which portions the replicas of a run train: device, threads, workers, replicas per chunk.

    Args:
        workers: what `hardware.workers=auto` means for this run, if it has been decided before.

    Raises:
        UserError: a GPU is asked for and there is none.
    """
    hardware, n_replicas = experiment.config["hardware"], len(experiment.splits)
    model = experiment.config["model"]
    model = model.get("classifier", model)  # of a pipeline, it is the stage with the checkpoint that ends the run
    trained = experiment.trained or experiment.pipeline
    accelerator = hardware["accelerator"] if trained else "cpu"
    if hardware["workers"] != "auto" or workers is None:
        workers = resolve_workers(hardware["workers"], n_replicas, accelerator)
    device = str(device_of(hardware)) if trained else "cpu"
    chunks = layout(n_replicas, model["max_replicas"], workers) if trained else [1] * n_replicas
    kept = {key: hardware[key] for key in ("precision", "threads")}
    return {"device": device, **kept, "workers": workers, "chunks": chunks}


def train_replicas(
    console: Console,
    experiment: Experiment,
    folder: RunFolder,
    plan: Layout,
    beat: Beat,
    watch: Watch | None = None,
) -> State:
    """Train all replicas, going on from checkpoints, and return the final state, merged over chunks.

    Args:
        watch: asked at each validation that all chunks have reached.

    Raises:
        Interrupted, RunError: see `train_chunks`.
    """
    state = read_checkpoint(folder.checkpoint) if folder.checkpoint.exists() else {}
    if not state.get("finished"):
        chunks = _chunks(experiment, folder, plan["chunks"])
        _train(console, experiment.config["model"]["steps"], chunks, plan["workers"], beat, watch)
        state = merge([read_checkpoint(chunk.checkpoint) for chunk in chunks])
        state |= {"finished": True, "table": table_facts(experiment)}
        _join_logs(chunks, folder)
        write_checkpoint(folder.checkpoint, state)
    shutil.rmtree(folder.path / "chunks", ignore_errors=True)
    return state


def _train(console: Console, steps: int, chunks: list[Chunk], workers: int, beat: Beat, watch: Watch | None) -> None:
    done = [read_checkpoint(chunk.checkpoint)["step"] if chunk.checkpoint.exists() else 0 for chunk in chunks]
    if any(done):
        console.print(f"going on from step {min(done)} of {steps}")
    bests: dict[int, dict[int, dict[str, float]]] = {}
    with Display(console, steps, done, workers) as display:

        def report(progress: Progress) -> None:
            display.update(progress)
            beat(sum(display.reached) // len(chunks), steps)
            if watch is None or not progress.best or progress.step == steps:
                return
            here = bests.setdefault(progress.step, {})
            here[progress.chunk] = progress.best
            if len(here) == len(chunks) and watch(progress.step, _mean(here, chunks)):
                signal.raise_signal(signal.SIGTERM)  # to save checkpoints and stop, in every process

        train_chunks(chunks, workers, report)


def _mean(bests: dict[int, dict[str, float]], chunks: list[Chunk]) -> dict[str, float]:
    """Return the mean over all replicas of figures that are means over those of each chunk."""
    sizes = [len(chunk.replicas) for chunk in chunks]
    return {
        name: float(np.average([bests[chunk.number][name] for chunk in chunks], weights=sizes)) for name in bests[0]
    }


def table_facts(experiment: Experiment) -> dict[str, Any]:
    """Return what `ganx impute` must know of the table, in plain containers."""
    table = experiment.table
    return {
        "encoding": experiment.encoding.to_dict(),
        "low": [split.low.tolist() for split in experiment.splits],
        "span": [split.span.tolist() for split in experiment.splits],
        "decimals": [_decimals(column) for column in table.x.T],
        "classes": list(table.classes),
        "target": table.target,
    }


def _decimals(column: NDArray[np.floating]) -> int | None:
    """Return how many decimals the known values of a column have; None for more than four."""
    known = column[~np.isnan(column)]
    return next((n for n in range(5) if np.array_equal(known, np.round(known, n))), None)


def final_state(folder: RunFolder) -> State:
    """Return the state of a finished run.

    Raises:
        RunError: it has none, or a damaged one.
    """
    return read_checkpoint(folder.checkpoint)


def check_method(experiment: Experiment) -> None:
    """Refuse a method that does not fit the run before anything is written.

    Raises:
        UserError: the method cannot be trained with this loss, has no such player, or can do nothing to be scored by.
    """
    model = experiment.config["model"]
    cls: Any = locate(model["_target_"], experiment.extra_targets)
    if experiment.rows is not None:
        _check_rows(experiment, cls.uses_labels)
    elif experiment.config["hardware"]["precision"] != "float32":
        raise UserError(f"hardware.precision is for networks of rows and images; model={model['name']} needs float32")
    elif not hasattr(cls, "impute") and not hasattr(cls, "classify"):
        raise UserError(
            f"model={model['name']} defines neither `impute` nor `classify`: there is nothing to score it by"
        )
    if experiment.trained:
        build_module(
            experiment.config,
            experiment.replicas[:1],
            n_features=len(experiment.encoding.group),
            n_classes=experiment.table.n_classes,
            rows=experiment.rows,
            extra_targets=experiment.extra_targets,
        )


def _check_rows(experiment: Experiment, uses_labels: bool) -> None:
    """Refuse a protocol that hides from a generative method what it has to read."""
    name, protocol = experiment.config["model"]["name"], experiment.config["protocol"]
    if protocol["missing_rate"]:
        raise UserError(f"model={name} reads whole rows: choose protocol=generation, or protocol.missing_rate=0")
    if protocol["selection"] != "last":
        raise UserError(f"model={name}: nothing to select a state by; protocol.selection=last, or protocol=generation")
    y = experiment.table.y
    if uses_labels and y is not None and (protocol["label_rate"] < 1 or bool((y < 0).any())):
        raise UserError(f"model={name} reads the label of every row: protocol.label_rate=1, and no unknown labels")


def score_replicas(experiment: Experiment, state: State, network: FeatureNetwork | None = None) -> Figures:
    """Score a trained run on its test rows; see `evaluate`, and `evaluate_samples` for what `network` is."""
    prepare_process(experiment.config["hardware"])
    if experiment.rows is not None:
        return evaluate_samples(
            experiment.config,
            state,
            experiment.table,
            experiment.rows,
            experiment.splits,
            network,
            experiment.extra_targets,
        )
    return evaluate(
        experiment.config,
        state,
        experiment.table,
        experiment.encoding,
        experiment.splits,
        experiment.extra_targets,
    )


def network_for(experiment: Experiment, console: Console | None = None) -> FeatureNetwork | None:
    """Return the network in whose features images are compared; None for rows, and for images without classes."""
    table = experiment.table
    if experiment.rows is None or not experiment.rows.image or table.y is None:
        return None
    return feature_network(table, console)


def _chunks(experiment: Experiment, folder: RunFolder, sizes: list[int]) -> list[Chunk]:
    chunks, first = [], 0
    for number, size in enumerate(sizes):
        chunks.append(
            Chunk(
                number=number,
                config=experiment.config,
                table=experiment.table,
                encoding=experiment.encoding,
                splits=experiment.splits[first : first + size],
                folder=folder.path if len(sizes) == 1 else folder.path / "chunks" / str(number),
                rows=experiment.rows,
                extra_targets=experiment.extra_targets,
                completed=experiment.completed and experiment.completed[first : first + size],
            )
        )
        first += size
    return chunks


def _join_logs(chunks: list[Chunk], folder: RunFolder) -> None:
    """Bring the logs of several chunks together at the top of the run folder."""
    if len(chunks) == 1:
        return
    tables = [pd.read_csv(chunk.folder / "metrics.csv") for chunk in chunks]
    joined = pd.concat(tables).sort_values(["step", "seed", "fold"], kind="stable")
    write_text(folder.metrics, joined.to_csv(index=False))
    for chunk in chunks:
        events = chunk.folder / "tensorboard"
        place = folder.tensorboard / f"chunk-{chunk.number}"
        if events.exists() and not place.exists():
            events.rename(place)
