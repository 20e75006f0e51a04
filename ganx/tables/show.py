"""What `ganx tables` shows: the list of tables, one table, and the plan of what is to be trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable

from ganx.errors import UserError
from ganx.files import make_folder, write_bytes, write_text
from ganx.run.finding import all_runs
from ganx.tables import render
from ganx.tables.collect import RunRecords, collect
from ganx.tables.definition import ScaleName, TableDefinition
from ganx.tables.jobs import TableJob
from ganx.tables.sheet import Sheet, fill, places
from ganx.tables.wanted import known, wanted
from ganx.terminal import Terminal
from ganx.text import plural

SCALES: tuple[ScaleName, ...] = ("quick", "paper")


def fill_tables(
    definitions: Sequence[TableDefinition],
    scale: ScaleName,
    config: dict[str, Any],
    argv: Sequence[str],
    runs: RunRecords,
) -> list[Sheet]:
    """Return tables filled with what exists."""
    tables = [(definition, scale, definition.shown(config["protocols"])) for definition in definitions]
    cells = [list(places(*table).values()) for table in tables]
    configs = iter(wanted([line for lines in cells for line in lines], config["outputs"], argv))
    return [fill(*table, [next(configs) for _ in lines], runs) for table, lines in zip(tables, cells, strict=True)]


def list_tables(
    definitions: Sequence[TableDefinition | UserError], config: dict[str, Any], argv: Sequence[str]
) -> None:
    """Print name, title, and how many cells are complete at each scale, as far as that is known without composing."""
    console = _console()
    good = [definition for definition in definitions if isinstance(definition, TableDefinition)]
    grid = RichTable(box=None, header_style="bold", pad_edge=False)
    for heading in ("table", *SCALES, "title"):
        grid.add_column(heading, justify="right" if heading in SCALES else "left", no_wrap=True)
    done = _counted(good, config, argv)
    for definition, *scales in zip(good, *done, strict=True):
        grid.add_row(definition.name, *scales, definition.title)
    console.print(grid)
    if any(text.startswith("?") for scale in done for text in scale):
        console.print("?  not counted yet: ganx tables table=NAME scale=SCALE counts", highlight=False, soft_wrap=True)
    _tell(console, [str(item) for item in definitions if isinstance(item, UserError)])


def _counted(definitions: Sequence[TableDefinition], config: dict[str, Any], argv: Sequence[str]) -> list[list[str]]:
    """Return `12/56` for each scale and table; `?/56` where it takes minutes to compose what the cells are."""
    tables = [
        (definition, scale, definition.shown(config["protocols"])) for scale in SCALES for definition in definitions
    ]
    lines = [list(places(*table).values()) for table in tables]
    cells = iter(known([line for of_table in lines for line in of_table], config["outputs"], argv))
    some = bool(all_runs(config["outputs"]))
    runs: RunRecords | None = None
    texts = []
    for table, of_table in zip(tables, lines, strict=True):
        configs = [next(cells) for _ in of_table]
        wanted_here = [one for one in configs if one is not None]
        done = "0" if not some else "?"
        if some and len(wanted_here) == len(configs):
            runs = runs or collect(config["outputs"])
            done = str(fill(*table, wanted_here, runs).done)
        texts.append(f"{done}/{len(configs)}")
    n = len(definitions)
    return [texts[:n], texts[n:]]


def show(sheet: Sheet, config: dict[str, Any], problems: Sequence[str] = (), quiet: bool = False) -> None:
    """Print a table, and write it as NAME-SCALE.md, .tex, .csv and .png.

    Raises:
        RunError: the files cannot be written.
    """
    from ganx.tables.chart import png  # matplotlib: only where something is drawn

    console, page = _console(), render.Page(sheet)
    folder = Path(config["out"] or Path(config["outputs"]) / "tables").expanduser()
    make_folder(folder)
    files = [folder / f"{sheet.definition.name}-{sheet.scale}.{ending}" for ending in ("md", "tex", "csv", "png")]
    for file, write in zip(files, (render.markdown, render.latex, render.comma_separated), strict=False):
        write_text(file, write(page))
    write_bytes(files[-1], png(page))
    if not quiet:
        console.print(render.terminal(page))
        for line in (*page.facts, *(f"[{i}] {note}" for i, note in enumerate(page.notes, 1))):
            console.print(line, highlight=False, soft_wrap=True, markup=False)
    _tell(console, [*page.problems, *problems])
    written = f"{files[0].with_suffix('')}" + "{" + ",".join(file.suffix for file in files) + "}"
    console.print(f"written  {written}", highlight=False, soft_wrap=True, markup=False)


def announce(filled: Sequence[Sheet], jobs: Sequence[TableJob]) -> None:
    """Say what is there and what will be trained."""
    n, done = sum(len(sheet.cells) for sheet in filled), sum(sheet.done for sheet in filled)
    scale = filled[0].scale
    _console().print(
        f"{scale} scale: {plural(n, 'cell')}, {done} complete"
        + ("" if jobs else "; nothing to run")
        + ("" if done == n or jobs else " (retry=true starts what has failed)"),
        highlight=False,
        soft_wrap=True,
    )


def _console() -> Console:
    console = Terminal()
    return console if console.is_terminal else Terminal(width=240)


def _tell(console: Console, problems: Sequence[str]) -> None:
    for line in problems:
        console.print(line, style="yellow", highlight=False, soft_wrap=True, markup=False)
