"""`ganx tables`: published tables beside fresh runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from ganx.commands import refuse_other_meaning
from ganx.compose import launcher_of, read_each
from ganx.compose import run as run_hydra
from ganx.errors import UserError
from ganx.launch.plan import Request
from ganx.places import check_folder
from ganx.schema import Tables, Train
from ganx.tables import show
from ganx.tables.collect import collect
from ganx.tables.definition import TABLE_KEYS, TableDefinition, check_names
from ganx.tables.jobs import jobs_of
from ganx.words import is_sweep, override, sweep_words

_OWN = frozenset(field.name for field in fields(Tables))
_MEANING = frozenset(field.name for field in fields(Train)) | TABLE_KEYS | {"experiment"}


def run(argv: list[str]) -> int:
    """Compose, check, train what is missing if asked to, and render; return the exit code."""
    argv = sweep_words(argv)
    refuse_other_meaning("table", argv, _OWN, _MEANING)
    return run_hydra("tables", argv, _tables)


def _tables(config: dict[str, Any], argv: list[str]) -> int:
    """Train if asked to, and show; the code is 1 when cells are still not complete after a training."""
    if config["retry"] and not config["run"]:
        raise UserError("retry=true trains again what has failed: it needs run=true")
    if is_sweep(argv) and not config["run"]:
        raise UserError("launchers, plan and detach are for what run=true trains: add run=true")
    asked = config["protocols"]
    if asked is not None and (not asked or len(set(asked)) < len(asked)):
        raise UserError("protocols: one or more, each once, e.g. protocols=[clean,paper]")
    if config["out"] is not None:
        check_folder("out", config["out"])
    listing = "table" not in config
    definitions = _every_table(argv) if listing else [TableDefinition.of(config["table"])]
    good = [definition for definition in definitions if isinstance(definition, TableDefinition)]
    check_names("protocols", "protocol", asked or (), {name for definition in good for name in definition.protocols})
    if config["run"] and not _train(good, config, argv):
        return 0  # nothing has come of it yet
    code = 0
    if config["run"] or not listing:
        runs = collect(config["outputs"])
        for sheet in show.fill_tables(good, config["scale"], config, argv, runs):
            show.show(sheet, config, [] if listing else runs.problems, quiet=listing)
            code = max(code, int(config["run"] and sheet.done < len(sheet.cells)))
    if listing:
        show.list_tables(definitions, config, argv)
    return code


def _every_table(argv: list[str]) -> list[TableDefinition | UserError]:
    """Return the tables of conf/ and of the user's own folders; for a faulty one, what is wrong with it."""
    return [_definition(name, content) for name, content in read_each("tables", "table", argv)]


def _definition(name: str, content: dict[str, Any] | UserError) -> TableDefinition | UserError:
    try:
        if isinstance(content, UserError):
            raise content
        return TableDefinition.of(content)
    except UserError as error:
        return UserError(f"table={name}: {error}")


def _train(definitions: Sequence[TableDefinition], config: dict[str, Any], argv: list[str]) -> bool:
    """Have what is missing trained by Hydra's launcher; tell whether it has been."""
    with launcher_of("train", argv) as launcher:
        sheets = show.fill_tables(definitions, config["scale"], config, argv, collect(config["outputs"]))
        jobs = jobs_of(sheets, config["retry"])
        show.announce(sheets, jobs)
        execution = [word for word in argv if word.startswith("hardware")]
        execution.append(override("outputs", config["outputs"]))
        requests = [Request(job.name, [*execution, *job.overrides], job.metric) for job in jobs]
        title = definitions[0].name if len(definitions) == 1 else "tables"
        return not jobs or bool(launcher.do(requests, title=title, command="tables"))
