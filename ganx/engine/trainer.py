"""Train one chunk: a Lightning fit over blocks, with exact resume, selection per replica, and logs."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import lightning.pytorch as pl
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor
from torch.utils.data import DataLoader

from ganx.engine.build import build_module
from ganx.engine.checkpoint import read_own, write_checkpoint
from ganx.engine.chunk import Chunk, Interrupted, Progress, Report, hear_stop_signals, signals_put_back
from ganx.engine.film import GENERATOR, Film
from ganx.engine.loader import BLOCK, BlockLoader, sizes_of
from ganx.engine.metrics_file import MetricsFile
from ganx.engine.probe import Probe
from ganx.engine.process import device_of, peak_memory_mb, prepare_process
from ganx.engine.selection import Best, Chosen
from ganx.engine.views import Examples
from ganx.errors import DamagedError, RunError
from ganx.files import make_folder, refusing

#: Seconds between two checkpoints. A test that kills runs wants many.
SECONDS_BETWEEN_CHECKPOINTS = float(os.environ.get("GANX_CHECKPOINT_SECONDS", "10"))
SHARE_OF_CHECKPOINTS = 0.05  # of the time, at most: those of large networks take seconds
SECONDS_BETWEEN_REPORTS = 0.2
SECONDS_OF_BLOCK = 0.2  # at most, but for a single step: at its end there is a look at wishes to stop


def train_chunk(chunk: Chunk, report: Report) -> None:
    """Train a chunk to its last step, going on from its checkpoint when there is one.

    Raises:
        Interrupted: one of `STOP_SIGNALS` came; a checkpoint was saved at the next block boundary, unless it was Ctrl-C
            and that would have taken more than `PATIENCE` seconds.
    """
    prepare_process(chunk.config["hardware"])
    run = ChunkRun(chunk, report)
    run.resume()
    if run.module.step < run.steps and not run.all_failed:
        run.fit()
    run.save()


class ChunkRun(pl.Callback):
    """The life of one chunk. Everything that training depends on is in `state()`; the rest is logs."""

    def __init__(self, chunk: Chunk, report: Report) -> None:
        config, table = chunk.config, chunk.table
        self.chunk, self.report = chunk, report
        self.model_config = config["model"]
        self.steps: int = self.model_config["steps"]
        device = device_of(config["hardware"])
        self.view = chunk.view_on(device)
        facts = self.view.facts(table, chunk.encoding)
        self.module = build_module(config, chunk.replicas, facts, device=device, extra_targets=chunk.extra_targets)
        selection = config["protocol"]["selection"]
        self.probe = Chosen(selection) if isinstance(selection, dict) else Probe.of(chunk.spec, self.view, selection)
        films = chunk.spec.capabilities.issuperset(GENERATOR)
        self.film = Film(self.view.units) if films and isinstance(self.view, Examples) else None
        scored = self.probe.score(self.module) if self.probe else ()
        self.best = {name: Best(name, self.module) for name in scored if self.probe and self.probe.selects(name)}
        self.failed: dict[str, str] = {}
        self.loss_sums: dict[str, Tensor] = {}
        self.loss_count = 0
        self.scores: dict[str, Tensor] = {}
        self.stop_signal: int | None = None
        self.gave_up = False
        self.metrics = MetricsFile(chunk.folder / "metrics.csv", chunk.replicas)
        self.logger: TensorBoardLogger | None = None
        self.loader: BlockLoader | None = None
        self._last_checkpoint = self._last_report = self._block_start = time.monotonic()
        self._seconds_to_save = 0.0
        self._parent = os.getppid()

    @property
    def all_failed(self) -> bool:
        """Whether there is nothing left to train."""
        return len(self.failed) == len(self.chunk.replicas)

    # --- exact resume ------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return all that the rest of the training depends on."""
        return {
            **self.module.training_state(),
            "run": self.chunk.identity,
            "replicas": [list(replica) for replica in self.chunk.replicas],
            "best": {name: best.state_dict() for name, best in self.best.items()},
            "failed": self.failed,
            "loss_sums": self.loss_sums,
            "loss_count": self.loss_count,
            "film": self.film and self.film.state_dict(),
        }

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one, and drop what was logged after it."""
        make_folder(self.chunk.folder)
        if self.chunk.checkpoint.exists():
            state = read_own(self.chunk.checkpoint, self.chunk.identity)
            try:
                self._load(state)
            except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
                raise DamagedError(
                    f"{self.chunk.checkpoint} does not fit the method as it is now ({type(error).__name__}: {error}); "
                    "force=true trains it from the start"
                ) from None
        else:
            self.module.data = self.view
            self.module.prepare()
        self.metrics.cut_back(self.module.step)

    def _load(self, state: dict[str, Any]) -> None:
        if state["replicas"] != [list(replica) for replica in self.chunk.replicas]:
            raise ValueError("its replicas are others")
        self.module.load_training_state(state)
        for name, best in self.best.items():
            best.load_state_dict(state["best"][name])
        self.failed = state["failed"]
        self.loss_sums = {name: total.to(self.view.device) for name, total in state["loss_sums"].items()}
        self.loss_count = state["loss_count"]
        if self.film is not None:
            self.film.load_state_dict(state["film"])

    def save(self) -> None:
        """Write the checkpoint.

        Raises:
            RunError: it cannot be written, or the folder is gone.
        """
        if not self.chunk.folder.is_dir():  # to make it again would leave half a run
            raise RunError(f"{self.chunk.folder} was removed while it was being trained; give the command again")
        start = time.monotonic()
        write_checkpoint(self.chunk.checkpoint, self.state())
        self._last_checkpoint = time.monotonic()
        self._seconds_to_save = self._last_checkpoint - start

    # --- the fit -----------------------------------------------------------------------------------------------

    def fit(self) -> None:
        """Train from the present step to the last one."""
        self.module.data = self.view
        self.loader = BlockLoader(
            self.view,
            sizes_of(self.model_config, self.chunk.spec.streams, self.module.minibatches),
            validate_every=self.model_config["validate_every"],
            start=self.module.step,
            stop=self.steps,
        )
        self.loader.longest = 1  # until it is known how long a step takes
        # Events after the checkpoint come from a process that was killed: they are dropped on reading.
        self.logger = TensorBoardLogger(
            self.chunk.folder, name="", version="tensorboard", purge_step=self.module.step + 1
        )
        trainer = pl.Trainer(
            accelerator=self.chunk.config["hardware"]["accelerator"],
            devices=1,
            max_epochs=1,
            logger=False,
            callbacks=[self],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            plugins=[LightningEnvironment()],  # one process, also inside a SLURM job: no hands on its signals
        )
        with signals_put_back(), refusing(self.chunk.folder):
            try:
                trainer.fit(self.module, DataLoader(self.loader, batch_size=None))
            except Exception:
                if self.gave_up:  # a library may have made another exception of it, as torch.save does
                    raise Interrupted(signal.SIGINT) from None
                raise
            self.logger.experiment.close()
        if self.stop_signal is not None:
            raise Interrupted(self.stop_signal)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Turn signals into a wish to stop at the next block boundary, after Lightning's own handlers."""

        def wish(number: int) -> None:
            self.stop_signal = number

        def give_up() -> None:
            self.gave_up = True
            raise Interrupted(signal.SIGINT)  # wherever training is: the last checkpoint stands

        hear_stop_signals(wish, give_up)

    def on_train_batch_start(self, trainer: pl.Trainer, *args: Any) -> None:
        """Note when a block starts."""
        self._block_start = time.monotonic()

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        """Look at a block that has just ended: failures, validation, reports, checkpoint, wish to stop."""
        losses = self.module.block_losses()
        self._add_losses(losses)
        self._find_failures(losses)
        validating = self.module.step % self.model_config["validate_every"] == 0 or self.module.step == self.steps
        if validating:
            self._validate()
        now = time.monotonic()
        self._pace((now - self._block_start) / len(next(iter(losses.values()))))
        if os.getppid() != self._parent:
            os._exit(1)  # the process that holds the run's lock is gone: another may own the folder by now
        if validating or now - self._last_report > SECONDS_BETWEEN_REPORTS:
            self._report(losses, now, validating)
        if self.stop_signal is not None or self.all_failed:
            self.save()
            trainer.should_stop = True
        elif now - self._last_checkpoint > self._seconds_between_checkpoints:
            self.save()

    @property
    def _seconds_between_checkpoints(self) -> float:
        return max(SECONDS_BETWEEN_CHECKPOINTS, self._seconds_to_save / SHARE_OF_CHECKPOINTS)

    def _pace(self, seconds: float) -> None:
        """Choose the length of blocks to come by what a step takes; that changes no number."""
        assert self.loader is not None
        self.loader.longest = max(1, min(BLOCK, int(SECONDS_OF_BLOCK / seconds)))

    def _add_losses(self, losses: dict[str, Tensor]) -> None:
        for name, values in losses.items():
            for value in values:  # one by one, so that rounding does not depend on the length of blocks
                self.loss_sums[name] = self.loss_sums[name] + value if name in self.loss_sums else value
        self.loss_count += len(next(iter(losses.values())))

    def _find_failures(self, losses: dict[str, Tensor]) -> None:
        """Mark replicas with a loss that is not finite. A stack's replicas do not touch: the others go on."""
        finite = {name: values.isfinite() for name, values in losses.items()}
        if all(bool(ok.all()) for ok in finite.values()):
            return
        for r, (seed, fold) in enumerate(self.chunk.replicas):
            bad = [(int((~ok[:, r]).nonzero()[0]), name) for name, ok in finite.items() if not bool(ok[:, r].all())]
            if bad and f"{seed},{fold}" not in self.failed:
                place, name = min(bad)
                step = self.module.step - len(losses[name]) + place + 1
                value = float(losses[name][place, r])
                self.failed[f"{seed},{fold}"] = f"loss {name} is {value} at step {step}"

    def _validate(self) -> None:
        if self.probe is not None:
            scores = self.probe.score(self.module)
            for name, best in self.best.items():
                best.update(self.module, scores[name])
            self.scores = {} if isinstance(self.probe, Chosen) else scores
        means = {f"loss_{name}": total / self.loss_count for name, total in self.loss_sums.items()}
        scores = {f"validation_{name}": value for name, value in self.scores.items()}
        row = {**means, **scores, **self.module.monitor()}
        if self.film is not None:
            self.film.record(self.module)
        self.metrics.append(self.module.step, {name: value.tolist() for name, value in row.items()})
        if self.logger is not None:
            for name, value in row.items():
                self.logger.experiment.add_scalar(name.replace("_", "/", 1), value.nanmean(), self.module.step)
        self.loss_sums, self.loss_count = {}, 0

    def _report(self, losses: dict[str, Tensor], now: float, validated: bool) -> None:
        self._last_report = now
        self.report(
            Progress(
                chunk=self.chunk.number,
                step=self.module.step,
                losses={name: float(values.nanmean()) for name, values in losses.items()},
                scores={name: float(values.nanmean()) for name, values in self.scores.items()},
                best={name: float(best.score.mean()) for name, best in self.best.items()} if validated else {},
                memory_mb=peak_memory_mb(),
            )
        )
