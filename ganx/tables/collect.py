"""The run folders under `outputs`, as a table sees them. Nothing in them is trusted before it is checked."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ganx.checks import is_altered, is_own_data
from ganx.errors import UserError
from ganx.files import read_json
from ganx.run.folder import RunFolder
from ganx.run.result import OLD, SCHEMA, UNSEALED, is_sealed
from ganx.run.signature import experiment_config, signature
from ganx.run.upgrade import old_signature, upgrade
from ganx.schema import splits_per_seed
from ganx.tables.statistics import Replica

RecordState = Literal["done", "failed", "running", "stale", "interrupted", "damaged", "outdated"]


@dataclass(frozen=True)
class RunRecord:
    """What a run folder tells.

    Attributes:
        key: what the run computes, its seeds apart (see `key_of`).
        seeds: of its replicas.
        values: {metric: {replica: value}}; empty unless the run is done.
        notes: what a baseline had to cap.
        problem: why it does not count, in one line.
    """

    folder: RunFolder
    state: RecordState
    key: str
    seeds: frozenset[int]
    versions: str = ""
    values: dict[str, dict[Replica, float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problem: str = ""

    def provenance(self) -> dict[str, Any]:
        """Return provenance.json; nothing where it cannot be read."""
        try:
            found = read_json(self.folder.provenance)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class RunRecords:
    """All run folders, by what they compute.

    Attributes:
        by_key: runs that are equal except for their seeds.
        by_method: runs that are equal except for their seeds and versions of models.
        problems: a line for each folder that tells nothing at all.
    """

    by_key: dict[str, list[RunRecord]]
    by_method: dict[str, list[RunRecord]]
    problems: list[str]


def identity(config: dict[str, Any], extra_targets: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return what a checked configuration of `ganx train` computes; for data of the user's own, with their checksum.

    Other data sets are known by their keys.

    Raises:
        UserError: the data cannot be read.
    """
    wanted = experiment_config(config)
    if not is_own_data(config["dataset"]):
        return wanted
    from ganx.data.datasets import load_cut  # scikit-learn

    return wanted | {"data": load_cut(config["dataset"], extra_targets).checksum()}


def key_of(config: dict[str, Any]) -> str:
    """Return the text that two runs share when they are equal except for seed and seeds.

    Args:
        config: as `identity` gives it.
    """
    return json.dumps({key: value for key, value in config.items() if key not in ("seed", "seeds")}, sort_keys=True)


def method_of(key: str) -> str:
    """Return a key without the versions of models."""
    config = json.loads(key)
    return json.dumps(config | {"model": _unversioned(config["model"])}, sort_keys=True)


def versions_of(key: str) -> str:
    """Return the versions of the models in a key, as a user reads them."""
    return ", ".join(f"{name} {version}" for name, version in _versions(json.loads(key)["model"]))


def collect(outputs: str | Path) -> RunRecords:
    """Read every run folder under `outputs`."""
    by_key: dict[str, list[RunRecord]] = {}
    by_method: dict[str, list[RunRecord]] = {}
    problems = []
    for path in sorted(Path(outputs).glob("runs/*/[!.]*")):
        if not path.is_dir():
            continue
        try:
            run = read(RunFolder(path))
        except UserError as error:
            problems.append(" ".join(str(error).split()))
            continue
        by_key.setdefault(run.key, []).append(run)
        by_method.setdefault(method_of(run.key), []).append(run)
    return RunRecords(by_key, by_method, problems)


def read(folder: RunFolder) -> RunRecord:
    """Read one run folder.

    Raises:
        UserError: it does not even tell what it computes.
    """
    try:
        result = _checked(folder)
    except UserError as error:
        return _described(folder, "damaged", str(error))
    if result is None:
        unfinished = folder.state()
        return _described(folder, unfinished if unfinished in ("running", "interrupted") else "stale")
    replicas = [(seed, fold) for seed, fold in result["replica_ids"]]
    state, problem = _state(folder, result)
    done = state == "done"
    return RunRecord(
        folder=folder,
        state=state,
        key=key_of(_identity_of(folder, result)),
        seeds=frozenset(seed for seed, _ in replicas),
        values={name: _known(replicas, metric["values"]) for name, metric in result["metrics"].items()} if done else {},
        notes=tuple(result.get("notes", ())),
        problem=problem,
    )


def _state(folder: RunFolder, result: dict[str, Any]) -> tuple[RecordState, str]:
    """Return the state that a result tells, and why it does not count."""
    if result["status"] != "done":
        return "failed", f"{folder}: failed: {' '.join(str(result.get('error')).split())}"
    if not is_sealed(result):
        told = "of an earlier version of ganx: what was edited since would go unseen"
        return "outdated", f"{folder}: {told}; ganx upgrade run={folder} seals it"
    return "done", ""


def _identity_of(folder: RunFolder, result: dict[str, Any]) -> dict[str, Any]:
    """Return what a run computes; of an old one, which lacks stacks and precision, by its config.yaml in new keys."""
    old = result["schema"] == OLD
    config: dict[str, Any] = experiment_config(upgrade(folder.read_config())) if old else result["config"]
    return config | {"data": result["data"]} if is_own_data(config["dataset"]) else config


def _described(folder: RunFolder, state: RecordState, problem: str = "") -> RunRecord:
    """Return a run of which config.yaml alone is known."""
    try:
        config = experiment_config(upgrade(folder.read_config()))
        seed, seeds = config["seed"], config["seeds"]
        return RunRecord(folder, state, key_of(config), frozenset(range(seed, seed + seeds)), problem=problem)
    except UserError as error:
        raise UserError(problem or str(error)) from error
    except (AssertionError, KeyError, TypeError, AttributeError) as error:
        raise UserError(problem or f"{folder.config} is damaged: it holds no run; remove the folder") from error


def _checked(folder: RunFolder) -> dict[str, Any] | None:
    """Return result.json once everything that a table uses has been found right; None while there is none.

    Raises:
        UserError: it was cut short, edited, or written by another version of ganx.
    """
    try:
        result = folder.read_result()
    except UserError as error:
        raise UserError(f"{error}; run=true does then") from error
    if result is None:
        return None
    try:
        why = _fault(folder, result)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        why = f"damaged: {type(error).__name__} {error}"
    if why:
        raise UserError(f"{folder.result} is {why}; {_REMEDY}")
    return result


_REMEDY = "remove it; run=true then trains it again"


def _fault(folder: RunFolder, result: dict[str, Any]) -> str:
    """Return what is wrong with a result; empty when nothing is."""
    if result["schema"] not in (SCHEMA, UNSEALED, OLD):
        return f"of schema {result['schema']}, not {SCHEMA}: written by another version of ganx"
    if result["schema"] == OLD:
        signatures = {old_signature(config, result["data"]) for config in (result["config"], folder.read_config())}
    else:
        signatures = {signature(result["config"], result["data"])}
    if signatures != {result["signature"]}:
        return "damaged: its signature is not that of its config and data"
    config, replicas = result["config"], result["replica_ids"]
    if sorted(map(tuple, replicas)) != [
        (seed, fold)
        for seed in range(config["seed"], config["seed"] + config["seeds"])
        for fold in range(splits_per_seed(config["protocol"]))
    ]:
        return "damaged: replica_ids do not fit its config"
    if result["version"] != config["model"]["version"]:
        return "damaged: two versions of the model"
    if result.get("altered_data") or is_altered(config["dataset"], result["data"]):
        return f"of other data than those published as {config['dataset']['name']}"
    return ""


def _known(replicas: list[Replica], values: list[float | None]) -> dict[Replica, float]:
    pairs = zip(replicas, values, strict=True)
    return {replica: value for replica, value in pairs if value is not None and math.isfinite(value)}


def _unversioned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unversioned(item) for key, item in value.items() if key != "version"}
    return value


def _versions(model: dict[str, Any]) -> list[tuple[str, int]]:
    own = [(str(model.get("name")), model["version"])] if "version" in model else []
    return own + [pair for part in model.values() if isinstance(part, dict) for pair in _versions(part)]
