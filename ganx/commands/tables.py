"""`ganx tables`: published tables beside fresh figures."""

from __future__ import annotations

import io
import sys
import time
import warnings
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, fields
from typing import Any

from ganx.commands import refuse_other_meaning
from ganx.compose import compose_each, launch, override
from ganx.compose import run as run_hydra
from ganx.errors import RunError, UserError
from ganx.groups import options
from ganx.schema import Tables, Train
from ganx.tables import show
from ganx.tables.collect import collect, find
from ganx.tables.definition import TABLE_KEYS, Definition
from ganx.tables.jobs import Job, plan
from ganx.tables.statistics import mean
from ganx.targets import config_dirs

_OWN = frozenset(field.name for field in fields(Tables))
_MEANING = frozenset(field.name for field in fields(Train)) | TABLE_KEYS | {"experiment"}


def run(argv: list[str]) -> int:
    """Compose, check, train what is missing if asked to, and render; return the exit code."""
    refuse_other_meaning("table", argv, _OWN, _MEANING)
    return run_hydra("tables", argv, _tables)


def _tables(config: dict[str, Any], argv: list[str]) -> int:
    """Train if asked to, and show; the code is 1 when cells are still not complete after a training."""
    if config["retry"] and not config["run"]:
        raise UserError("retry=true trains again what has failed: it needs run=true")
    if not config["protocols"] or len(set(config["protocols"])) < len(config["protocols"]):
        raise UserError("protocols: one or more, each once, e.g. protocols=[clean,paper]")
    listing = "table" not in config
    definitions = _every_table(argv) if listing else [Definition.of(config["table"])]
    good = [definition for definition in definitions if isinstance(definition, Definition)]
    if config["run"]:
        _train(good, config, argv)
    code = 0
    if config["run"] or not listing:
        runs = collect(config["outputs"])
        for sheet in show.fill_tables(good, config["scale"], config, argv, runs):
            show.show(sheet, config, [] if listing else runs.problems, quiet=listing)
            code = max(code, int(config["run"] and sheet.done < len(sheet.cells)))
    if listing:
        show.list_tables(definitions, config, argv)
    return code


def _every_table(argv: list[str]) -> list[Definition | UserError]:
    """Return the tables of conf/ and of the user's own folders; for a faulty one, what is wrong with it."""
    folders = config_dirs(argv)
    names = list(options("table", folders))
    composed = compose_each("tables", [[f"table={name}"] for name in names], argv)
    return [_definition(name, config) for name, config in zip(names, composed, strict=True)]


def _definition(name: str, config: dict[str, Any] | UserError) -> Definition | UserError:
    try:
        if isinstance(config, UserError):
            raise config
        return Definition.of(config["table"])
    except UserError as error:
        return UserError(f"table={name}: {error}")


def _train(definitions: Sequence[Definition], config: dict[str, Any], argv: list[str]) -> None:
    """Train what is missing, through Hydra's launcher; each job prints its line."""
    sheets = show.fill_tables(definitions, config["scale"], config, argv, collect(config["outputs"]))
    jobs = plan(sheets, config["retry"])
    show.announce(sheets, jobs)
    execution = [word for word in argv if word.startswith("hardware")]
    if any(word.startswith("hydra/launcher=") for word in argv):  # it brings its own processes
        execution.insert(0, "hardware.workers=1")
    execution.append(override("outputs", config["outputs"]))
    if jobs:
        launch("train", [[*execution, *job.overrides] for job in jobs], Trainer(tuple(jobs)), argv)


@dataclass(frozen=True)
class Trainer:
    """Trains one of `jobs` and tells how it went in one line; the other jobs go on whatever happens.

    Raises:
        SystemExit: a signal stopped the training.
    """

    jobs: tuple[Job, ...]

    def __call__(self, number: int, config: dict[str, Any], argv: list[str]) -> None:
        """Train job `number`."""
        job, start = self.jobs[number], time.monotonic()
        code, told = _outcome(job, config, argv)
        if code > 128:
            raise SystemExit(code)
        seconds = time.monotonic() - start
        # One write, newline and all: jobs in other processes write between the two that print may make.
        sys.stdout.write(f"[{number + 1}/{len(self.jobs)}] {job.name}: {told} ({seconds:.0f} s)\n")
        sys.stdout.flush()


def _outcome(job: Job, config: dict[str, Any], argv: list[str]) -> tuple[int, str]:
    """Train, and return the exit code and what there is to tell."""
    from ganx.run.life import train  # torch

    output = io.StringIO()
    try:
        with redirect_stdout(output), redirect_stderr(output), warnings.catch_warnings(action="ignore"):
            code = train(config, argv)
    except (UserError, RunError) as error:
        return 1, f"failed: {error}"
    except Exception as error:  # a bug in one method must not cost the other cells
        return 1, f"failed: {type(error).__name__}: {' '.join(str(error).split())}"
    run = find(config)
    if run is None or run.problem:
        return code, run.problem if run else "stopped"
    values = run.values.get(job.metric)
    return code, f"{job.metric} {mean(values):.4f}" if values else f"no {job.metric}"
