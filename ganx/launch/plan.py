"""From what is asked for to what is left to do: compose every run once, freeze it, and see what exists of it."""

from __future__ import annotations

import copy
import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ganx.errors import UserError
from ganx.files import read_json
from ganx.launch.state import Queue, claims
from ganx.run.folder import RunFolder
from ganx.run.result import fault_of_layout
from ganx.run.signature import signature
from ganx.schema import splits_per_seed
from ganx.targets import last_stage
from ganx.text import plural

Config = dict[str, Any]
ItemState = Literal["done", "failed", "elsewhere", "to run", "twice", "impossible"]


@dataclass(frozen=True)
class Request:
    """A run that is asked for: its name among the others, its overrides, and the metric to tell.

    Attributes:
        trial: what the run is in a search (see `ganx.launch.study.Watch`).
    """

    name: str
    overrides: list[str]
    metric: str | None = None
    trial: dict[str, Any] | None = None


@dataclass(frozen=True)
class Item:
    """A request and what exists of it.

    Attributes:
        config: frozen; with the threads and workers that an unfinished run was started with.
        state: `elsewhere` another process or sweep has it; `twice` an earlier item is the same experiment.
        told: the sweep that has it, or why it is impossible.
    """

    request: Request
    config: Config
    folder: RunFolder
    state: ItemState
    told: str = ""


@dataclass(frozen=True)
class Plan:
    """All runs of a sweep, in the order they were asked for."""

    items: list[Item]

    @property
    def todo(self) -> list[Item]:
        """What is left to do."""
        return [item for item in self.items if item.state == "to run"]

    @property
    def elsewhere(self) -> list[Item]:
        """What others do."""
        return [item for item in self.items if item.state == "elsewhere"]

    def __str__(self) -> str:
        counted = Counter(item.state for item in self.items)
        words = [f"{counted['done']} done"]
        if counted["failed"]:
            words.append(f"{counted['failed']} failed before (retry=true runs such again)")
        if counted["twice"]:
            words.append(f"{counted['twice']} the same as another one")
        if counted["impossible"]:
            words.append(f"{counted['impossible']} impossible")
        if self.elsewhere:
            where = sorted({item.told for item in self.elsewhere})
            words.append(f"{len(self.elsewhere)} done elsewhere ({', '.join(where)})")
        words.append(f"{counted['to run']} to run")
        return f"{plural(len(self.items), 'run')}: {', '.join(words)}"


def identify(
    requests: Sequence[Request],
    composed: Sequence[Config | UserError],
    extra: frozenset[str] = frozenset(),
    *,
    published: bool = False,
) -> list[Item]:
    """Return each request with its folder, or why it is impossible. Every data set is read once.

    Args:
        composed: the checked configuration of each, or what is wrong with it.
        extra: targets that the user's own folders add.
        published: whether data that only go by the name of published ones are refused.
    """
    checksums: dict[str, str | UserError] = {}
    return [
        _identify(request, config, checksums, extra, published)
        for request, config in zip(requests, composed, strict=True)
    ]


def make_plan(items: Sequence[Item], queue: Queue) -> Plan:
    """Return what is left to do of identified requests, which share their `outputs`."""
    outputs = next((item.config["outputs"] for item in items if item.config), None)
    taken = {} if outputs is None else claims(outputs, queue)
    seen: set[Path] = set()
    looked = []
    for item in items:
        twice = item.state != "impossible" and item.folder.path in seen
        looked.append(replace(item, state="twice") if twice else _look(item, taken))
        seen.add(item.folder.path)
    return Plan(looked)


def unfinished(items: Sequence[Item]) -> list[Item]:
    """Return the items of which nothing is finished, whoever has them."""
    return [item for item in items if _look(item, {}).state == "to run"]


def estimate(items: Sequence[Item]) -> tuple[float, int] | None:
    """Return the seconds that all of `items` take, one after another, and how many finished runs tell that.

    A run is like another one of the same model on the same data set; its time goes with steps x replicas.
    """
    total = 0.0
    rates: dict[tuple[str, str, str], list[float]] = {}
    for item in items:
        config = item.config
        key = config["outputs"], config["dataset"]["name"], config["model"]["name"]
        if key not in rates:
            rates[key] = _rates(*key)
        if not rates[key]:
            return None
        total += statistics.median(rates[key]) * _work(config)
    return total, sum(map(len, rates.values()))


def _identify(
    request: Request,
    config: Config | UserError,
    checksums: dict[str, str | UserError],
    extra: frozenset[str],
    published: bool,
) -> Item:
    nowhere = RunFolder(Path())
    if isinstance(config, UserError):
        return Item(request, {}, nowhere, "impossible", str(config))
    checksum = _checksum(config, checksums, extra, published)
    if isinstance(checksum, UserError):
        return Item(request, config, nowhere, "impossible", str(checksum))
    names = config["dataset"]["name"], config["model"]["name"]
    return Item(request, config, RunFolder.of(config["outputs"], *names, signature(config, checksum)), "to run")


def _look(item: Item, taken: Mapping[Path, str]) -> Item:
    """Return an item with what exists of it."""
    if item.state == "impossible":
        return item
    if sweep := taken.get(item.folder.path.resolve()):
        return replace(item, state="elsewhere", told=f"sweep {sweep}")
    try:
        state = item.folder.state()
    except UserError as error:  # a damaged result
        return replace(item, state="impossible", told=str(error))
    if state == "running":
        return replace(item, state="elsewhere", told="another process")
    if state == "done" and not item.config["force"]:
        return replace(item, state="done")
    if state == "failed" and not item.config["force"] and not item.config["retry"]:
        return replace(item, state="failed")
    return replace(item, config=as_started(item.config, item.folder))


def as_started(config: Config, folder: RunFolder) -> Config:
    """Return `config` with the threads and workers that the unfinished run in `folder`, if any, was started with."""
    stored = _read(folder.provenance)
    if stored is None or folder.result.exists() or fault_of_layout(stored):
        return config
    config = copy.deepcopy(config)
    config["hardware"] |= {"threads": stored["threads"], "workers": stored["workers"]}
    return config


def _checksum(
    config: Config, known: dict[str, str | UserError], extra: frozenset[str], published: bool
) -> str | UserError:
    """Return the checksum of a data set, read once for all runs on it, or why it cannot be read."""
    from ganx.data.datasets import load_cut  # scikit-learn

    key = json.dumps(config["dataset"], sort_keys=True)
    if key not in known:
        try:
            table = load_cut(config["dataset"], extra)
            if published and table.altered:
                raise UserError(table.notes[-1])
            known[key] = table.checksum()
        except UserError as error:
            known[key] = error
    return known[key]


def _rates(outputs: str, dataset: str, model: str) -> list[float]:
    """Return the seconds for a step of a replica in finished runs."""
    rates = []
    for path in Path(outputs, "runs", dataset).glob(f"{model}-*/result.json"):
        result = _read(path) or {}
        try:
            if result["status"] == "done":
                rates.append(result["seconds"] / _work(result["config"]))
        except (KeyError, TypeError, UserError):  # damaged, or of code that is not here
            continue
    return rates


def _work(config: Config) -> float:
    steps = last_stage(config["model"]).get("steps", 1)
    return float(steps * config["seeds"] * splits_per_seed(config["protocol"]))


def _read(file: Path) -> Config | None:
    try:
        content = read_json(file)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None
