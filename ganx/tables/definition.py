"""conf/table/NAME.yaml: rows, columns, the metric, and the figures that the paper prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from ganx.errors import UserError, nearest
from ganx.schema import check_file_name, check_keys, check_overrides
from ganx.types import PositiveInt, check

ScaleName = Literal["quick", "paper"]


@dataclass(frozen=True)
class Line:
    """A row or a column: its name, and the overrides of `ganx train` that make it.

    Attributes:
        quick: further overrides at the quick scale.
        quick_on: of a row, still further ones on single columns, by their names.
    """

    name: str
    overrides: tuple[str, ...]
    quick: tuple[str, ...]
    quick_on: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Scale:
    """How much is computed: the number of seeds, and overrides of every cell."""

    seeds: int
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class Published:
    """A figure as the paper prints it; `sd` where it prints one."""

    mean: float
    sd: float | None = None


@dataclass(frozen=True)
class Definition:
    """A table before any run.

    Attributes:
        source: the paper, and where the figures are printed.
        metric: its name in result.json.
        published: the paper's figures by (row, column).
    """

    name: str
    title: str
    source: str
    metric: str
    better: Literal["lower", "higher"]
    rows: tuple[Line, ...]
    columns: tuple[Line, ...]
    published: dict[tuple[str, str], Published]
    scales: dict[str, Scale]

    @classmethod
    def of(cls, config: dict[str, Any]) -> Definition:
        """Return the definition that a checked `table` group holds.

        Raises:
            UserError: a key is unknown or missing, or a figure belongs to no cell.
        """
        config = check_keys("table", config, _Table)
        check_file_name("table.name", config["name"])
        rows = _lines("table.rows", config["rows"], _QUICK | _QUICK_ON)
        columns = _lines("table.columns", config["columns"], _QUICK)
        for i, row in enumerate(rows):
            for name in row.quick_on:
                _known(f"table.rows[{i}].quick_on", name, [column.name for column in columns])
        simple = {key: config[key] for key in ("name", "title", "source", "metric", "better")}
        return cls(
            **simple,
            rows=rows,
            columns=columns,
            published=dict(_published(config["paper"], [r.name for r in rows], [c.name for c in columns])),
            scales={
                name: _scale(f"table.scales.{name}", content)
                for name, content in check_keys("table.scales", config["scales"], _Scales).items()
            },
        )

    def overrides(self, row: Line, column: Line, protocol: str, scale: ScaleName) -> list[str]:
        """Return the overrides of a cell, later ones winning; seeds are not among them."""
        quick = (*row.quick, *column.quick, *row.quick_on.get(column.name, ())) if scale == "quick" else ()
        return [*row.overrides, *column.overrides, f"protocol={protocol}", *self.scales[scale].overrides, *quick]


@dataclass(frozen=True)
class _Table:
    name: str
    title: str
    source: str
    metric: Literal["rmse", "rmse_row", "error_rate_categorical", "f1", "accuracy", "roc_auc", "pr_auc"]
    better: Literal["lower", "higher"]
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
    seeds: PositiveInt
    overrides: list[str]


@dataclass(frozen=True)
class _Scales:
    quick: dict[str, Any]
    paper: dict[str, Any]


#: Keys that a line may have, too, the last one only rows.
_QUICK: dict[str, Any] = {"quick": (list[str], False)}
_QUICK_ON: dict[str, Any] = {"quick_on": (dict[str, list[str]], False)}

#: What a table's scale and the command line say.
_FIXED = frozenset({"seed", "seeds", "protocol"})

TABLE_KEYS = frozenset(field.name for field in fields(_Table))


def _lines(where: str, content: list[Any], optional: dict[str, Any]) -> tuple[Line, ...]:
    lines = []
    for i, item in enumerate(content):
        checked = check_keys(f"{where}[{i}]", _mapping(f"{where}[{i}]", item), _Line, optional)
        for overrides in (checked["overrides"], checked.get("quick", ()), *checked.get("quick_on", {}).values()):
            check_overrides(f"{where}[{i}]", overrides, _FIXED)
        quick_on = {name: tuple(overrides) for name, overrides in checked.get("quick_on", {}).items()}
        lines.append(Line(checked["name"], tuple(checked["overrides"]), tuple(checked.get("quick", ())), quick_on))
    names = [line.name for line in lines]
    twice = {name for name in names if names.count(name) > 1}
    if twice or not names:
        raise UserError(f"{where}: {f'two are named {min(twice)!r}' if twice else 'at least one is needed'}")
    return tuple(lines)


def _scale(where: str, content: Any) -> Scale:
    checked = check_keys(where, _mapping(where, content), _Scale)
    check_overrides(where, checked["overrides"], _FIXED)
    return Scale(checked["seeds"], tuple(checked["overrides"]))


def _published(
    content: dict[str, Any], rows: Sequence[str], columns: Sequence[str]
) -> list[tuple[tuple[str, str], Published]]:
    found = []
    for row, figures in content.items():
        _known("table.paper", row, rows)
        for column, figure in _mapping(f"table.paper.{row}", figures).items():
            where = f"table.paper.{row}"
            _known(where, column, columns)
            figures = check(f"{where}.{column}", figure, float | list[float])
            mean, *sd = figures if isinstance(figures, list) else [figures]
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
