"""`ganx figures`: figures of papers, each from runs of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from ganx.commands import refuse_other_meaning
from ganx.compose import compose_each, read_each
from ganx.compose import run as run_hydra
from ganx.errors import UserError
from ganx.figures.definition import FIGURE_KEYS, Definition
from ganx.files import make_folder
from ganx.groups import options
from ganx.places import check_files
from ganx.schema import Figures, Train
from ganx.targets import config_dirs
from ganx.text import printable

_OWN = frozenset(field.name for field in fields(Figures))
_MEANING = frozenset(field.name for field in fields(Train)) | FIGURE_KEYS | {"experiment"}


def run(argv: list[str]) -> int:
    """Compose, check, train what a figure needs, and draw it; return the exit code."""
    refuse_other_meaning("figure", argv, _OWN, _MEANING)
    return run_hydra("figures", argv, _figures)


def _figures(config: dict[str, Any], argv: list[str]) -> int:
    if "figure" not in config:
        return _list(argv)
    definition = Definition.of(config["figure"])
    usual = str(Path(config["outputs"]) / "figures" / f"{definition.name}.png")
    out = check_files({"out": config["out"] or usual})["out"]
    if out.suffix.lower() != ".png":
        raise UserError(f"out={out} is no name of a PNG file; write e.g. out={definition.name}.png")
    return _make(definition, out, _compose(definition, argv), argv)


def _list(argv: Sequence[str]) -> int:
    """Print name and title of the figures in conf/ and in the user's own folders; for a faulty one, what is wrong."""
    width = max(map(len, options("figure", config_dirs(argv))))
    for name, content in read_each("figures", "figure", argv):
        try:
            if isinstance(content, UserError):
                raise content
            print(f"{name:{width}}  {printable(Definition.of(content).title)}")
        except UserError as error:
            print(printable(f"figure={name}: {' '.join(str(error).split())}"))
    return 0


def _compose(definition: Definition, argv: Sequence[str]) -> list[tuple[dict[str, Any], list[str]]]:
    """Return the configuration of each run, and the command line that gives it."""
    folders = [word for folder in config_dirs(argv) for word in ("--config-dir", str(folder))]
    execution = [word for word in argv if word.startswith(("hardware", "outputs=", "retry="))]
    lines = [[*execution, *wanted.overrides] for wanted in definition.runs]
    composed = list(compose_each("train", lines, argv))
    for wanted, found in zip(definition.runs, composed, strict=True):
        if isinstance(found, UserError):
            raise UserError(f"run '{wanted.name}': {found}")
    return [(found, [*line, *folders]) for found, line in zip(composed, lines, strict=True) if isinstance(found, dict)]


def _make(definition: Definition, out: Path, runs: Sequence[tuple[dict[str, Any], list[str]]], argv: list[str]) -> int:
    """Train the runs that are not finished, and draw; the code is that of a training that does not end well."""
    from ganx.figures.drawings import DRAWINGS, check  # torch
    from ganx.figures.trained import Trained
    from ganx.run.experiment import Experiment
    from ganx.run.life import train
    from ganx.targets import added_by

    extra = added_by(argv)
    trained = [
        Trained(wanted.name, Experiment.of(found, extra))
        for wanted, (found, _) in zip(definition.runs, runs, strict=True)
    ]
    check(definition, trained)
    make_folder(out.parent)
    for number, (one, (found, line)) in enumerate(zip(trained, runs, strict=True), 1):
        print(f"[{number}/{len(runs)}] {one.name}" + (": finished" if one.done else ""), flush=True)
        if not one.done and (code := train(found, line)):
            return code
    DRAWINGS[definition.draw].draw(definition, trained, out)
    print(out)
    return 0
