"""What the cells of a table want: `ganx train` composed for each of them, once, and kept on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Console

import ganx
from ganx.compose import compose_each
from ganx.errors import RunError, UserError
from ganx.files import make_folder, read_json, write_text
from ganx.groups import own_dir
from ganx.tables.collect import identity
from ganx.targets import added_by, config_dirs

Config = dict[str, Any]


def wanted(lines: Sequence[Sequence[str]], outputs: str | Path, argv: Sequence[str]) -> list[Config | UserError]:
    """Return the experiment that each list of overrides composes to, or what is wrong with it.

    Composing costs about 0.1 s. What was composed is kept in `outputs`/tables/.cells.json for as long as no file
    changes that has a say in it; a cell on data of one's own, which may change by themselves, is composed anew.
    """
    file = _file(outputs)
    origin = _fingerprint(argv)
    cells = _read(file, origin)
    texts = [_text(line) for line in lines]
    extra = added_by(argv)
    unknown = {text: line for text, line in zip(texts, lines, strict=True) if text not in cells}
    if unknown:
        with Console(stderr=True).status(f"composing {len(unknown)} cells, once until conf/ or ganx changes"):
            for text, found in zip(unknown, compose_each("train", unknown.values(), argv), strict=True):
                cells[text] = str(found) if isinstance(found, UserError) else _identity(found, extra)
        lasting = {text: cell for text, cell in cells.items() if isinstance(cell, dict) and "data" not in cell}
        with suppress(RunError):  # it only costs time
            make_folder(file.parent)
            write_text(file, json.dumps({"origin": origin, "cells": lasting}))
    return [UserError(kept) if isinstance(kept := cells[text], str) else kept for text in texts]


def known(lines: Sequence[Sequence[str]], outputs: str | Path, argv: Sequence[str]) -> list[Config | None]:
    """Return the same as far as it is kept, without composing anything; None where it is not."""
    kept = _read(_file(outputs), _fingerprint(argv))
    found = (kept.get(_text(line)) for line in lines)
    return [cell if isinstance(cell, dict) else None for cell in found]


def _file(outputs: str | Path) -> Path:
    return Path(outputs) / "tables" / ".cells.json"


def _text(line: Sequence[str]) -> str:
    return "\n".join(line)


def _identity(config: Config, extra: frozenset[str]) -> Config | str:
    """Return what a composed cell computes, or why that cannot be told."""
    try:
        return identity(config, extra)
    except UserError as error:
        return str(error)


def _fingerprint(argv: Sequence[str]) -> str:
    """Return a hash of ganx, conf/ and the user's own folders: whatever a composition depends on."""
    digest = hashlib.sha256(ganx.__version__.encode())
    for folder in (Path(ganx.__file__).parent, own_dir(), *config_dirs(argv)):
        for file in sorted([*folder.rglob("*.yaml"), *folder.rglob("*.py")]):
            if file.is_file():
                digest.update(f"{file}\n".encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()


def _read(file: Path, origin: str) -> dict[str, Config | str]:
    try:
        stored = read_json(file)
        cells = stored["cells"].items() if stored["origin"] == origin else ()
        return {text: cell for text, cell in cells if isinstance(cell, dict)}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
