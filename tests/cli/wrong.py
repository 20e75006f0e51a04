"""The folder in which wrong commands are typed: small tables, and a small run of each kind."""

from __future__ import annotations

import random
import shlex
from pathlib import Path

from ganx.cli import main

_FEW = ["protocol.folds=0", "model.steps=1"]
RUNS = {
    "mean": ["model=mean", "dataset=csv", "dataset.path=my.csv", "dataset.target=kind", "protocol.folds=0"],
    "logistic": ["model=logistic", "dataset=csv", "dataset.path=my.csv", "dataset.target=kind", "protocol.folds=0"],
    "gain": ["model=gain", "dataset=wine", "model.steps=1", "protocol.folds=2"],
    "cgan": ["model=cgan", "dataset=csv", "dataset.path=points.csv", "dataset.target=kind", *_FEW],
    "gan": ["model=gan", "dataset=csv", "dataset.path=rows.csv", *_FEW],
}


def make_runs() -> dict[str, str]:
    """Write tables and train `RUNS` in the working folder; return their signatures."""
    draw = random.Random(0)
    rows = [f"{draw.random():.3f},{draw.random():.3f}" for _ in range(40)]
    kinds = [draw.choice("xy") for _ in rows]
    colours = [draw.choice(["red", "blue"]) for _ in rows]
    tables = {
        "my.csv": ["a,b,colour,kind", *map(",".join, zip(rows, colours, kinds, strict=True))],
        "points.csv": ["a,b,kind", *map(",".join, zip(rows, kinds, strict=True))],
        "rows.csv": ["a,b,c", *(f"{row},{draw.random():.3f}" for row in rows)],
        "one.csv": ["a,b", "1,2"],
        "empty.csv": [],
    }
    for name, lines in tables.items():
        Path(name).write_text("".join(f"{line}\n" for line in lines))
    for folder in ("sub", "dir.png"):
        Path(folder).mkdir()
    signatures = {}
    for name, overrides in RUNS.items():
        assert main(["train", *overrides]) == 0
        (folder,) = Path("outputs/runs").glob(f"*/{overrides[0].removeprefix('model=')}-*")
        signatures[name] = folder.name.rpartition("-")[2]
    return signatures


def files() -> dict[Path, int]:
    """Return every file and folder, and when it was written."""
    return {path: path.stat().st_mtime_ns for path in Path().rglob("*") if not path.is_dir() or not any(path.iterdir())}


def words(line: str, runs: dict[str, str]) -> list[str]:
    r"""Return the words of a command line; `@mean` is the signature of that run, `\x1b` an escape code."""
    for name, signature in sorted(runs.items(), reverse=True):
        line = line.replace(f"@{name}", signature)
    return [word.replace(r"\x1b", "\x1b") for word in shlex.split(line)]
