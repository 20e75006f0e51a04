"""conf/table/NAME.yaml: rows, columns, their metrics, and the numbers that the paper prints."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from ganx.checks import check_file_name, check_keys, check_overrides
from ganx.errors import UserError, nearest
from ganx.metrics.registry import Better, metric_of
from ganx.types import Seeds, check

ScaleName = Literal["quick", "paper"]


@dataclass(frozen=True)
class Line:
    """A row or a column: its name, and the overrides of `ganx train` that make it.

    Attributes:
        quick: further overrides at the quick scale.
    """

    name: str
    overrides: tuple[str, ...]
    quick: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row(Line):
    """A row.

    Attributes:
        quick_on: still further overrides at the quick scale on single columns, by their names.
        not_on: columns on which it has no cell, by their names.
    """

    quick_on: dict[str, tuple[str, ...]] = field(default_factory=dict)
    not_on: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TableColumn(Line):
    """A column: its metric, by its name in result.json, and which way is better; `none`: no cell is marked."""

    metric: str
    better: Better


@dataclass(frozen=True)
class Scale:
    """How much is computed: the number of seeds, and overrides of every cell."""

    seeds: int
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class Published:
    """A number as the paper prints it; `sd` where it prints one."""

    mean: float
    sd: float | None = None


@dataclass(frozen=True)
class TableDefinition:
    """A table before any run.

    Attributes:
        source: the paper, and where the numbers are printed.
        published: the paper's numbers by (row, column).
        protocols: that a cell may be computed under; the first one is shown unless others are asked for.
    """

    name: str
    title: str
    source: str
    rows: tuple[Row, ...]
    columns: tuple[TableColumn, ...]
    published: dict[tuple[str, str], Published]
    scales: dict[str, Scale]
    protocols: tuple[str, ...]

    @classmethod
    def of(cls, config: dict[str, Any]) -> TableDefinition:
        """Return the definition that a checked `table` group holds.

        Raises:
            UserError: a key is unknown or missing, or a number belongs to no cell.
        """
        config = check_keys("table", config, _Table, _OPTIONAL)
        check_file_name("table.name", config["name"])
        metric_of(config["metric"], "table.metric")
        rows = tuple(Row(**line) for line in _lines("table.rows", config["rows"], _OF_ROWS))
        lines = _lines("table.columns", config["columns"], _OF_COLUMNS)
        columns = tuple(_column(f"table.columns[{i}]", line, config) for i, line in enumerate(lines))
        names = [column.name for column in columns]
        for i, row in enumerate(rows):
            check_names(f"table.rows[{i}].not_on", "column", row.not_on, names)
            for name in row.quick_on:
                _known(f"table.rows[{i}].quick_on", name, names)
        protocols = tuple(config.get("protocols", ("paper", "clean")))
        if not protocols or len(set(protocols)) < len(protocols):
            raise UserError("table.protocols: one or more, each once")
        return cls(
            **{key: config[key] for key in ("name", "title", "source")},
            rows=rows,
            columns=columns,
            published=dict(_published(config["paper"], [row.name for row in rows], names)),
            scales={
                name: _scale(f"table.scales.{name}", content)
                for name, content in check_keys("table.scales", config["scales"], _Scales).items()
            },
            protocols=protocols,
        )

    def shown(self, asked: Sequence[str] | None) -> tuple[str, ...]:
        """Return the protocols to show: those of the asked ones that the table has, else its first."""
        return tuple(name for name in asked or () if name in self.protocols) or self.protocols[:1]

    def overrides(self, row: Row, column: TableColumn, protocol: str, scale: ScaleName) -> list[str]:
        """Return the overrides of a cell, later ones winning; seeds are not among them."""
        quick = (*row.quick, *column.quick, *row.quick_on.get(column.name, ())) if scale == "quick" else ()
        return [*row.overrides, *column.overrides, f"protocol={protocol}", *self.scales[scale].overrides, *quick]


@dataclass(frozen=True)
class _Table:
    name: str
    title: str
    source: str
    metric: str
    rows: list[Any]
    columns: list[Any]
    paper: dict[str, Any]
    scales: dict[str, Any]


@dataclass(frozen=True)
class _Line:
    name: str
    overrides: list[str]


@dataclass(frozen=True)
class _Scale:
    seeds: Seeds
    overrides: list[str]


@dataclass(frozen=True)
class _Scales:
    quick: dict[str, Any]
    paper: dict[str, Any]


#: Keys that a table, its rows, and its columns may have, too.
_OPTIONAL: dict[str, Any] = {"protocols": (list[str], False), "better": (Better, False)}
_OF_ROWS: dict[str, Any] = {
    "quick": (list[str], False),
    "quick_on": (dict[str, list[str]], False),
    "not_on": (list[str], False),
}
_OF_COLUMNS: dict[str, Any] = {"quick": (list[str], False), "metric": (str, False), "better": (Better, False)}

#: What a table's scale and the command line say.
_FIXED = frozenset({"seed", "seeds", "protocol"})

TABLE_KEYS = frozenset(field.name for field in fields(_Table)) | {"better"}


def check_names(where: str, kind: str, names: Sequence[str], known: Collection[str]) -> None:
    """Refuse a list of names of some kind of which one is not known."""
    for i, name in enumerate(names):
        if name not in known:
            raise UserError(f"{where}[{i}]={name}: no such {kind}{nearest(name, known)}")


def _lines(where: str, content: list[Any], optional: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the checked keys of rows or columns, their lists as tuples."""
    lines = []
    for i, item in enumerate(content):
        checked = check_keys(f"{where}[{i}]", _mapping(f"{where}[{i}]", item), _Line, optional)
        for overrides in (checked["overrides"], checked.get("quick", ()), *checked.get("quick_on", {}).values()):
            check_overrides(f"{where}[{i}]", overrides, _FIXED)
        lines.append(_frozen(checked))
    names = [line["name"] for line in lines]
    twice = {name for name in names if names.count(name) > 1}
    if twice or not names:
        raise UserError(f"{where}: {f'two are named {min(twice)!r}' if twice else 'at least one is needed'}")
    return lines


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _column(where: str, line: dict[str, Any], table: dict[str, Any]) -> TableColumn:
    """Return a column; its own `metric` and `better` come first, then the table's, then what the metric says."""
    name = line.get("metric", table["metric"])
    metric = metric_of(name, f"{where}.metric")
    better = line.get("better", table.get("better", metric.better))
    return TableColumn(**(line | {"metric": name, "better": better}))


def _scale(where: str, content: Any) -> Scale:
    checked = check_keys(where, _mapping(where, content), _Scale)
    check_overrides(where, checked["overrides"], _FIXED)
    return Scale(checked["seeds"], tuple(checked["overrides"]))


def _published(
    content: dict[str, Any], rows: Sequence[str], columns: Sequence[str]
) -> list[tuple[tuple[str, str], Published]]:
    found = []
    for row, numbers in content.items():
        _known("table.paper", row, rows)
        for column, number in _mapping(f"table.paper.{row}", numbers).items():
            where = f"table.paper.{row}"
            _known(where, column, columns)
            printed = check(f"{where}.{column}", number, float | list[float])
            mean, *sd = printed if isinstance(printed, list) else [printed]
            if len(sd) > 1:
                raise UserError(f"{where}.{column}: a mean, or [mean, sd], not {len(sd) + 1} numbers")
            found.append(((row, column), Published(mean, *sd)))
    return found


def _known(where: str, name: str, names: Sequence[str]) -> None:
    if name not in names:
        raise UserError(f"unknown key '{where}.{name}'{nearest(name, names)}")


def _mapping(where: str, content: Any) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise UserError(f"{where}: expected a mapping")
    return {str(key): value for key, value in content.items()}
