"""conf/figure/NAME.yaml: what is drawn, and the runs that it is drawn from."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from ganx.checks import check_file_name, check_keys, check_overrides
from ganx.errors import UserError

DrawingName = Literal["digits", "samples", "hidden_space", "curves", "clusters", "categories"]


@dataclass(frozen=True)
class Wanted:
    """A run that a figure shows: its name there, and the overrides of `ganx train` that make it."""

    name: str
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class Definition:
    """A figure before any run.

    Attributes:
        source: the paper, and where it has such a figure.
        draw: which drawing (`ganx.figures.drawings`).
        runs: a row, panel or curve each.
    """

    name: str
    title: str
    source: str
    draw: DrawingName
    runs: tuple[Wanted, ...]

    @classmethod
    def of(cls, config: dict[str, Any]) -> Definition:
        """Return the definition that a checked `figure` group holds.

        Raises:
            UserError: a key is unknown or missing, or a name stands twice.
        """
        config = check_keys("figure", config, _Figure, _SHARED)
        check_file_name("figure.name", config["name"])
        shared = config.pop("shared", [])
        return cls(**config | {"runs": _runs(config["runs"], shared)})


@dataclass(frozen=True)
class _Figure:
    name: str
    title: str
    source: str
    draw: DrawingName
    runs: list[dict[str, Any]]


@dataclass(frozen=True)
class _Run:
    name: str
    overrides: list[str]


_SHARED = {"shared": (list[str], False)}  # overrides of all runs, before their own
FIGURE_KEYS = frozenset(field.name for field in fields(_Figure)) | set(_SHARED)


def _runs(content: list[dict[str, Any]], shared: list[str]) -> tuple[Wanted, ...]:
    check_overrides("figure.shared", shared, frozenset())
    checked = [check_keys(f"figure.runs[{i}]", item, _Run) for i, item in enumerate(content)]
    for i, item in enumerate(checked):
        check_overrides(f"figure.runs[{i}]", item["overrides"], frozenset())
    names = [item["name"] for item in checked]
    twice = {name for name in names if names.count(name) > 1}
    if twice or not names:
        raise UserError(f"figure.runs: {f'two are named {min(twice)!r}' if twice else 'at least one is needed'}")
    return tuple(Wanted(item["name"], (*shared, *item["overrides"])) for item in checked)
