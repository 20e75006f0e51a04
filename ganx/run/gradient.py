"""Train the replicas of a run by gradient, inside its folder: stacks, processes, logs, one checkpoint at the end."""

from __future__ import annotations

import shutil
import signal
from typing import Any

import numpy as np
from rich.console import Console

from ganx.data.written import style_of_values
from ganx.engine.capabilities import Answers
from ganx.engine.checkpoint import for_evaluation, merge, read_checkpoint, read_own, write_checkpoint
from ganx.engine.chunk import Chunk, Progress
from ganx.engine.process import prepare_process
from ganx.engine.progress import Display
from ganx.files import make_folder, write_text
from ganx.run.context import Beat, Context, Watch
from ganx.run.experiment import Experiment, State
from ganx.run.folder import RunFolder
from ganx.run.kept import read_kept


class Gradient:
    """A method that defines `outer_step`."""

    def check(self, experiment: Experiment) -> None:
        """See `Experiment.check`."""
        experiment.check()

    def fit(self, experiment: Experiment, folder: RunFolder, context: Context) -> State:
        """Train all replicas, going on from checkpoints, and return the final state, merged over stacks.

        Raises:
            Interrupted, RunError: see `train_chunks`.
        """
        if folder.checkpoint.exists() and read_own(folder.checkpoint, experiment.identity).get("finished"):
            state = read_kept(folder, "gradient", experiment.replicas)
        else:
            steps = experiment.config["model"]["steps"]
            chunks = _chunks(experiment, folder, context.layout["chunks"])
            _train(context.console, steps, chunks, context.layout["workers"], context.beat, context.watch)
            state = merge([for_evaluation(read_checkpoint(chunk.checkpoint)) for chunk in chunks])
            state |= {"finished": True, "run": experiment.identity, "table": table_facts(experiment)}
            _join_logs(chunks, folder)
            write_checkpoint(folder.checkpoint, state)
        shutil.rmtree(folder.path / "chunks", ignore_errors=True)
        return state | {"steps": _best_steps(state, experiment.config["model"]["validate_every"])}

    def state(self, experiment: Experiment, folder: RunFolder, context: Context) -> State:
        """Return what a finished run has kept."""
        return read_kept(folder, "gradient", experiment.replicas)

    def answers(self, experiment: Experiment, state: State, context: Context) -> list[Answers | None]:
        """Ask every replica, one at a time on the CPU, so that answers do not depend on the layout; None: it failed."""
        prepare_process(experiment.config["hardware"])
        return [
            None if experiment.failed(state, r) else experiment.ask(state, r) for r in range(len(experiment.splits))
        ]


def _train(console: Console, steps: int, chunks: list[Chunk], workers: int, beat: Beat, watch: Watch | None) -> None:
    from ganx.engine.workers import train_chunks  # Lightning: only where something is trained

    done = [read_own(chunk.checkpoint, chunk.identity)["step"] if chunk.checkpoint.exists() else 0 for chunk in chunks]
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


def _best_steps(state: State, every: int) -> dict[str, int]:
    """Return {metric: step of the best state, the mean over the replicas}, of those at which there was a look."""
    steps = {name: best["step"].double().mean().item() for name, best in state["best"].items()}
    return {name: max(every, every * round(step / every)) for name, step in steps.items()}


def _mean(bests: dict[int, dict[str, float]], chunks: list[Chunk]) -> dict[str, float]:
    """Return the mean over all replicas of metrics that are means over those of each chunk."""
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
        "styles": [
            column.style or ("" if column.categories else style_of_values(x))
            for column, x in zip(table.columns, table.x.T, strict=True)
        ],
        "classes": list(table.classes),
        "target": table.target,
    }


def _chunks(experiment: Experiment, folder: RunFolder, sizes: list[int]) -> list[Chunk]:
    chunks, first = [], 0
    for number, size in enumerate(sizes):
        chunks.append(
            Chunk(
                number=number,
                config=experiment.config,
                spec=experiment.spec,
                table=experiment.table,
                encoding=experiment.encoding,
                splits=experiment.splits[first : first + size],
                folder=folder.path if len(sizes) == 1 else folder.path / "chunks" / str(number),
                identity=experiment.identity,
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
    import pandas as pd

    tables = [pd.read_csv(chunk.folder / "metrics.csv") for chunk in chunks]
    joined = pd.concat(tables).sort_values(["step", "seed", "fold"], kind="stable")
    write_text(folder.metrics, joined.to_csv(index=False))
    make_folder(folder.tensorboard)  # a stage's folder has none yet
    for chunk in chunks:
        events = chunk.folder / "tensorboard"
        place = folder.tensorboard / f"chunk-{chunk.number}"
        if events.exists() and not place.exists():
            events.rename(place)
