"""Two results are told apart by the values of their metrics, to the last digit."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = spec_from_file_location("compare", Path(__file__).parents[2] / "scripts" / "compare.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def result(**values: list[float | None]) -> dict[str, Any]:
    return {"metrics": {name: {"mean": 0.0, "sd": None, "values": figures} for name, figures in values.items()}}


def test_the_same_values_and_a_new_metric(script: ModuleType) -> None:
    found = script.compare(result(rmse=[0.1, None]), result(rmse=[0.1, None], f1=[1.0]))
    assert found == script.Comparison(equal=["rmse"], differing={}, only_old=[], only_new=["f1"])
    assert found.kept


def test_the_last_digit_counts(script: ModuleType) -> None:
    a, b = [0.3, 0.5], [0.1 + 0.2, 0.5]
    found = script.compare(result(rmse=a, f1=a), result(rmse=b, f1=a))
    assert found == script.Comparison(equal=["f1"], differing={"rmse": (a, b)}, only_old=[], only_new=[])
    assert not found.kept


@pytest.mark.parametrize("values", [[0.1], [0.1, 0.2, 0.3], [0.2, 0.1], [0.1, None]])
def test_every_replica_counts(script: ModuleType, values: list[float | None]) -> None:
    assert not script.compare(result(rmse=[0.1, 0.2]), result(rmse=values)).kept


def test_a_lost_metric(script: ModuleType) -> None:
    found = script.compare(result(rmse=[0.1], f1=[0.2]), result(f1=[0.2]))
    assert found == script.Comparison(equal=["f1"], differing={}, only_old=["rmse"], only_new=[])
    assert not found.kept
