"""A table filled from run folders: cells, their states, and which are best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from ganx.errors import UserError
from ganx.metrics.registry import metric_of
from ganx.schema import splits_per_seed
from ganx.tables import statistics
from ganx.tables.collect import RunRecord, RunRecords, key_of, method_of, versions_of
from ganx.tables.definition import Published, ScaleName, TableColumn, TableDefinition
from ganx.tables.statistics import Replica

CellState = Literal[
    "done", "partial", "missing", "running", "interrupted", "stale", "failed", "outdated", "damaged", "invalid"
]
Mark = Literal["best", "tied", ""]
Place = tuple[str, str, str]  # row, column, protocol

#: What else a cell is when it is not done, the most telling first.
_TELLING: tuple[Literal["running", "failed", "damaged", "interrupted", "stale", "outdated"], ...] = (
    "running",
    "failed",
    "damaged",
    "interrupted",
    "stale",
    "outdated",
)


@dataclass(frozen=True)
class Cell:
    """One row on one column under one protocol.

    Attributes:
        overrides: of `ganx train`, without seeds.
        metric: its name in result.json.
        config: the experiment that is wanted; None where the overrides do not compose.
        seeds: wanted, 0 ... seeds - 1.
        values: {replica: value} of the metric, pooled over runs.
        beside: the same of the metric that is shown beside it (`Metric.beside`); empty without one.
        pooled: the runs the values come from.
        pending: runs of the same experiment that gave no value (yet), and hold seeds that are wanted.
        problems: a line for whatever a user should know or do.
    """

    row: str
    column: str
    protocol: str
    state: CellState
    overrides: list[str]
    seeds: int
    metric: str
    config: dict[str, Any] | None = None
    values: dict[Replica, float] | None = None
    beside: dict[Replica, float] = field(default_factory=dict)
    pooled: tuple[RunRecord, ...] = ()
    pending: tuple[RunRecord, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What it is, in words."""
        return f"{self.row} on {self.column}"

    @property
    def done_seeds(self) -> frozenset[int]:
        """Seeds that have run on all folds."""
        return frozenset(seed for run in self.pooled for seed in run.seeds if seed < self.seeds)

    @property
    def n(self) -> int:
        """Seeds behind the mean."""
        return len({seed for seed, _ in self.values or ()})

    @property
    def mean(self) -> float | None:
        """The mean over replicas."""
        return statistics.mean(self.values) if self.values else None

    @property
    def sd(self) -> float | None:
        """Its standard deviation over seeds."""
        return statistics.sd(self.values) if self.values else None

    @property
    def notes(self) -> list[str]:
        """What the method had to cap."""
        return list(dict.fromkeys(note for run in self.pooled for note in run.notes))


@dataclass(frozen=True)
class Sheet:
    """A table at one scale, with what exists of it."""

    definition: TableDefinition
    scale: ScaleName
    protocols: tuple[str, ...]
    cells: dict[Place, Cell]

    @property
    def done(self) -> int:
        """How many cells are complete."""
        return sum(cell.state == "done" for cell in self.cells.values())

    @property
    def seeds(self) -> int:
        """How many seeds a cell wants."""
        return self.definition.scales[self.scale].seeds

    def published(self, cell: Cell) -> Published | None:
        """Return the paper's number for a cell."""
        return self.definition.published.get((cell.row, cell.column))

    @cached_property
    def marks(self) -> dict[Place, Mark]:
        """The best complete cell of each column, and those that are not significantly worse."""
        marks: dict[Place, Mark] = {}
        for column in self.definition.columns:
            for protocol in self.protocols:
                marks |= self._marks_of(column, protocol)
        return marks

    def _marks_of(self, column: TableColumn, protocol: str) -> dict[Place, Mark]:
        means = {
            place: cell.mean
            for place, cell in self.cells.items()
            if place[1:] == (column.name, protocol) and cell.state == "done" and cell.mean is not None
        }
        if column.better == "none" or len(means) < 2:
            return {}
        leading = statistics.best_of(means.values(), column.better)
        best = next(place for place, mean in means.items() if mean == leading)
        return {
            place: "best" if mean == leading else "tied"
            for place, mean in means.items()
            if mean == leading or self._is_tied(self.cells[place], self.cells[best])
        }

    def _is_tied(self, cell: Cell, best: Cell) -> bool:
        assert cell.config is not None
        assert cell.values is not None
        assert best.values is not None
        protocol = cell.config["protocol"]
        ratio = statistics.split_ratio(protocol["folds"], protocol["validation"])
        p = statistics.p_value(cell.values, best.values, ratio)
        return p is not None and p >= statistics.LEVEL


def places(definition: TableDefinition, scale: ScaleName, protocols: Sequence[str]) -> dict[Place, list[str]]:
    """Return the overrides of every cell; a row has none on a column where it has no cell."""
    return {
        (row.name, column.name, protocol): definition.overrides(row, column, protocol, scale)
        for row in definition.rows
        for column in definition.columns
        if column.name not in row.not_on
        for protocol in protocols
    }


def fill(
    definition: TableDefinition,
    scale: ScaleName,
    protocols: Sequence[str],
    configs: Sequence[dict[str, Any] | UserError],
    runs: RunRecords,
) -> Sheet:
    """Return a table filled with the runs that fit.

    Args:
        configs: what the cells want, in the order of `places`.
    """
    seeds = definition.scales[scale].seeds
    metrics = {column.name: column.metric for column in definition.columns}
    cells = {
        place: _cell(place, overrides, config, metrics[place[1]], seeds, runs)
        for (place, overrides), config in zip(places(definition, scale, protocols).items(), configs, strict=True)
    }
    return Sheet(definition, scale, tuple(protocols), cells)


def _cell(
    place: Place, overrides: list[str], config: dict[str, Any] | UserError, metric: str, seeds: int, runs: RunRecords
) -> Cell:
    row, column, protocol = place
    if isinstance(config, UserError):
        return Cell(row, column, protocol, "invalid", overrides, seeds, metric, problems=(str(config),))
    key = key_of(config)
    fitting = runs.by_key.get(key, [])
    pooled = tuple(run for run in fitting if run.state == "done" and any(seed < seeds for seed in run.seeds))
    done = {seed for run in pooled for seed in run.seeds if seed < seeds}
    open_seeds = frozenset(range(seeds)) - done
    pending = tuple(run for run in fitting if run.state != "done" and run.seeds & open_seeds)
    outdated = (
        [] if fitting else [run for run in runs.by_method.get(method_of(key), []) if run.state in ("done", "outdated")]
    )
    values, beside = _pooled(pooled, metric, seeds), _pooled(pooled, metric_of(metric).beside, seeds)
    problems = [run.problem for run in pending if run.problem]
    problems += [
        f"{run.folder}: of {versions_of(run.key)}; the table wants {versions_of(key)}: run=true trains it"
        for run in outdated
    ]
    state: CellState = "done"
    if pooled and not values:
        state = "invalid"
        problems.append(f"{row} on {column}: {pooled[0].folder} has no {metric}")
    elif open_seeds:
        state = next((name for name in _TELLING if any(run.state == name for run in pending)), "missing")
        if state == "missing":
            state = "partial" if pooled else "outdated" if outdated else "missing"
    elif lacking := seeds * splits_per_seed(config["protocol"]) - len(values):
        state = "partial"
        problems.append(f"{row} on {column}: {pooled[0].folder}: {lacking} of its replicas have no {metric}")
    return Cell(
        row, column, protocol, state, overrides, seeds, metric, config, values, beside, pooled, pending, tuple(problems)
    )


def _pooled(runs: Sequence[RunRecord], metric: str | None, seeds: int) -> dict[Replica, float]:
    """Return {replica: value} of a metric; the first run counts where two hold the same replica."""
    values: dict[Replica, float] = {}
    for run in runs:
        values = {r: v for r, v in run.values.get(str(metric), {}).items() if r[0] < seeds} | values
    return values
