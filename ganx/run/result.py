"""What stands in result.json, section by section. A file that was edited, or cut, is refused before it is shown."""

from __future__ import annotations

import hashlib
import json
import math
import statistics
from collections.abc import Callable, Mapping
from typing import Any

#: Of result.json. 2: keys of earlier versions; 3: without a seal.
SCHEMA, UNSEALED, OLD = 4, 3, 2

#: Raises `_FaultError` where a value is not what it has to be; is told the value and where it stands.
_Check = Callable[[Any, str], None]


class _FaultError(Exception):
    """The message says where, and what is wrong."""


def sealed(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result with its schema and its seal: what is edited afterwards does not fit it."""
    result = {**result, "schema": SCHEMA}
    return result | {"seal": _seal(result)}


def is_sealed(result: Mapping[str, Any]) -> bool:
    """Whether a result that `fault` has passed is of a version that seals."""
    return "seal" in result


def fault(result: Mapping[str, Any]) -> str:
    """Return what is wrong with a result; empty when nothing is. Sections that it lacks are not asked for."""
    try:
        for name, check in _SECTIONS.items():
            if name in result:
                check(result[name], name)
        _check_together(result)
    except _FaultError as error:
        return str(error)
    return ""


def fault_of_layout(provenance: Any) -> str:
    """Return what is wrong with the part of provenance.json that a training goes on by; empty when nothing is."""
    try:
        _LAYOUT(provenance, "it")
    except _FaultError as error:
        return str(error)
    return ""


def _check_together(result: Mapping[str, Any]) -> None:
    """Check what no section tells by itself."""
    if result.get("status", "done") not in ("done", "failed"):
        raise _FaultError(f"status is {_shown(result['status'])}, not done or failed")
    if result.get("status") == "failed" and not (result.get("failed") or result.get("error")):
        raise _FaultError("status is failed, and nothing has failed")
    replicas = result.get("replica_ids")
    for name, metric in result.get("metrics", {}).items():
        if replicas is not None and len(metric["values"]) != len(replicas):
            raise _FaultError(f"metrics.{name} has {len(metric['values'])} values of {len(replicas)} replicas")
        if not _is_mean(metric["mean"], metric["values"]):
            raise _FaultError(f"metrics.{name}.mean is not that of its values")
    if ("seal" in result or result.get("schema", 0) >= SCHEMA) and result.get("seal") != _seal(result):
        raise _FaultError("it was edited: its content does not fit its seal")


def _is_mean(mean: float | None, values: list[float | None]) -> bool:
    known = [value for value in values if value is not None]
    if not known or mean is None:
        return not known and mean is None
    try:
        found = statistics.fmean(known)
    except OverflowError:
        return False
    return math.isclose(mean, found, rel_tol=1e-9, abs_tol=1e-12) or (math.isnan(mean) and math.isnan(found))


def _seal(result: Mapping[str, Any]) -> str:
    """Return the SHA-256 of all but the seal, however the file is laid out."""
    content = {key: value for key, value in result.items() if key != "seal"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _is(kinds: type | tuple[type, ...], what: str) -> _Check:
    def check(value: Any, place: str) -> None:
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
            raise _FaultError(f"{place} is {_shown(value)}, not {what}")

    return check


_text, _whole, _flag = _is(str, "text"), _is(int, "a whole number"), _is(bool, "true or false")


def _float(value: Any, place: str) -> None:
    """A number that a float can hold, NaN and infinities included."""
    _is((int, float), "a number")(value, place)
    try:
        float(value)
    except OverflowError:
        raise _FaultError(f"{place} is too large a number") from None


def _number(value: Any, place: str) -> None:
    """A finite number."""
    _float(value, place)
    if not math.isfinite(value):
        raise _FaultError(f"{place} is {value}, not a finite number")


def _or_null(of: _Check) -> _Check:
    return lambda value, place: None if value is None else of(value, place)


def _list(of: _Check) -> _Check:
    def check(value: Any, place: str) -> None:
        _is(list, "a list")(value, place)
        for i, item in enumerate(value):
            of(item, f"{place}[{i}]")

    return check


def _mapping(of: _Check) -> _Check:
    def check(value: Any, place: str) -> None:
        _is(dict, "a mapping")(value, place)
        for key, item in value.items():
            of(item, f"{place}.{key}")

    return check


def _fields(needed: Mapping[str, _Check], optional: Mapping[str, _Check] | None = None) -> _Check:
    def check(value: Any, place: str) -> None:
        _is(dict, "a mapping")(value, place)
        if lacks := needed.keys() - value.keys():
            raise _FaultError(f"{place} has no {', '.join(sorted(lacks))}")
        for key, of in {**needed, **(optional or {})}.items():
            if key in value:
                of(value[key], f"{place}.{key}")

    return check


def _column(value: Any, place: str) -> None:
    """A column of `metrics_by_column`."""
    _fields({"cells": _whole}, dict.fromkeys((*_ERRORS, *_BESIDE), _number) | {"beats_mean": _flag})(value, place)
    if not any(name in value for name in _ERRORS):
        raise _FaultError(f"{place} has no {' or '.join(_ERRORS)}")


def _columns(value: Any, place: str) -> None:
    """`metrics_by_column`: beside all columns stand the same methods."""
    _mapping(_column)(value, place)
    beside = [name for name in _BESIDE if any(name in column for column in value.values())]
    _mapping(_fields(dict.fromkeys(beside, _number)))(value, place)


def _reference(value: Any, place: str) -> None:
    """A method of `reference`: its metrics, and perhaps a `note`."""
    _is(dict, "a mapping")(value, place)
    for key, item in value.items():
        (_text if key == "note" else _float)(item, f"{place}.{key}")


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = " ".join(repr(value).split())
    return text if len(text) <= 40 else f"{text[:40]}..."


_ERRORS = ("rmse", "error_rate")
_BESIDE = ("mean", "copula")

_weights = _mapping(_number)
_replicas = _list(_list(_whole))
_notes = _list(_text)
_failed = _mapping(_text)
_metric = _fields({"mean": _or_null(_float), "sd": _or_null(_float), "values": _list(_or_null(_float))})


def _blend(value: Any, place: str) -> None:
    """Weights of `numbers`, `categories` and `labels`, and under `columns` those of every column."""
    _fields({"columns": _mapping(_weights)})(value, place)
    _mapping(_weights)({key: item for key, item in value.items() if key != "columns"}, place)


_LAYOUT = _fields(
    {"device": _text, "precision": _text, "threads": _or_null(_whole), "workers": _whole, "chunks": _list(_whole)}
)

_SECTIONS: dict[str, _Check] = {
    "schema": _whole,
    "seal": _text,
    "data": _text,
    "version": _whole,
    "status": _text,
    "signature": _text,
    "model": _text,
    "dataset": _text,
    "protocol": _text,
    "config": _mapping(lambda value, place: None),
    "replica_ids": _replicas,
    "seconds": _number,
    "peak_memory_mb": _number,
    "metrics": _mapping(_metric),
    "metrics_by_column": _columns,
    "reference": _mapping(_reference),
    "feature_network": _or_null(_fields({"name": _text, "sha256": _text, "accuracy": _number})),
    "blend": _or_null(_blend),
    "checkpoint": _or_null(_text),
    "log": _or_null(_text),
    "refit": _or_null(
        _fields(
            {"checkpoint": _or_null(_text)},
            {
                "calibration": _or_null(_fields({"slope": _number, "shift": _list(_number)})),
                "notes": _notes,
                "failed": _failed,
                "replica_ids": _replicas,
                "steps": _mapping(_whole),
                "blend": _blend,
            },
        )
    ),
    "notes": _notes,
    "failed": _failed,
    "error": _or_null(_text),
    "command": _text,
}
