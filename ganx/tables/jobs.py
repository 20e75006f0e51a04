"""What is left to train for a table, in as few jobs as can be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ganx.tables.collect import key_of
from ganx.tables.sheet import Cell, Sheet


@dataclass(frozen=True)
class TableJob:
    """One `ganx train`: its overrides, the cell that wants it, and the metric to tell."""

    name: str
    metric: str
    overrides: tuple[str, ...]


def jobs_of(sheets: Sequence[Sheet], retry: bool) -> list[TableJob]:
    """Return the jobs that complete the tables; equal experiments, in whatever cells, are trained once."""
    cells: dict[str, Cell] = {}
    for sheet in sheets:
        for cell in sheet.cells.values():
            if cell.config is None or cell.state in ("done", "invalid"):
                continue
            key = key_of(cell.config)
            if key not in cells or cells[key].seeds < cell.seeds:
                cells[key] = cell
    return [job for cell in cells.values() for job in _jobs(cell, retry)]


def _jobs(cell: Cell, retry: bool) -> Iterator[TableJob]:
    """Yield the jobs of a cell: unfinished runs go on, failed ones are left unless `retry`, the rest starts."""
    needed = set(range(cell.seeds)) - cell.done_seeds
    for run in cell.pending:
        if not run.seeds & needed:
            continue
        needed -= run.seeds  # of running and damaged ones, too: their folders are in the way
        if run.state in ("interrupted", "stale"):
            yield _job(cell, run.seeds)
        elif run.state == "failed" and retry:
            yield _job(cell, run.seeds, ["retry=true"])
    for seeds in _stretches(needed):
        yield _job(cell, seeds)


def _job(cell: Cell, seeds: Iterable[int], further: Sequence[str] = ()) -> TableJob:
    which = sorted(seeds)
    words = (*cell.overrides, f"seed={which[0]}", f"seeds={len(which)}", *further)
    return TableJob(f"{cell.name} ({cell.protocol})", cell.metric, words)


def _stretches(seeds: Iterable[int]) -> list[list[int]]:
    """Return runs of consecutive numbers: {0, 1, 4} -> [[0, 1], [4]]."""
    stretches: list[list[int]] = []
    for seed in sorted(seeds):
        if stretches and stretches[-1][-1] == seed - 1:
            stretches[-1].append(seed)
        else:
            stretches.append([seed])
    return stretches
