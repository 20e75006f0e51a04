"""Run folders written by hand: what a table reads, without the hours that make it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ganx.compose import compose
from ganx.run.folder import RunFolder
from ganx.run.report import summarise
from ganx.run.signature import experiment_config, signature
from ganx.targets import attribute

Values = dict[str, Sequence[float | None]]

#: A folder with a table of two rows and two columns, and one whose columns have metrics of their own.
MINE = Path(__file__).parent / "mine"

QUICK = ["protocol=paper", "protocol.folds=2"]


@cache
def _composed(command: str, words: tuple[str, ...]) -> dict[str, Any]:
    return compose(command, [*words, "--config-dir", str(MINE)])


def composed(command: str, *words: str) -> dict[str, Any]:
    """Return a composed configuration of `MINE`. Each is composed once: that takes longer than all else here."""
    return deepcopy(_composed(command, words))


@pytest.fixture(scope="session")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which `wanted` keeps what it has composed."""
    return tmp_path_factory.mktemp("cells")


@pytest.fixture
def mine() -> list[str]:
    return ["--config-dir", str(MINE)]


@pytest.fixture
def write_run(tmp_path: Path) -> Callable[..., RunFolder]:
    """Return a function that writes the folder of a finished run under outputs/: rmse_row, and metrics `also` there."""

    def write(
        overrides: Sequence[str],
        values: Sequence[float | None],
        also: Values | None = None,
        data: str | None = None,
        **changes: Any,
    ) -> RunFolder:
        config = composed("train", *overrides)
        names = config["dataset"]["name"], config["model"]["name"]
        data = data or attribute(config["dataset"]["_target_"], "checksum") or "data"
        folder = RunFolder.of(tmp_path / "outputs", *names, signature(config, data))
        seeds = range(config["seed"], config["seed"] + config["seeds"])
        replicas = [(seed, fold) for seed in seeds for fold in range(config["protocol"]["folds"] or 1)]
        folder.create(config, {"started": "2026-11-20T10:00:00+0000", "code": {"commit": "0123456789ab"}, "cores": 2})
        result = {
            "signature": signature(config, data),
            "status": "done",
            "version": config["model"]["version"],
            "config": experiment_config(config),
            "data": data,
            "replica_ids": replicas,
            "metrics": {
                name: summarise([float("nan") if value is None else value for value in figures], replicas)
                for name, figures in {"rmse_row": values, **(also or {})}.items()
            },
            "notes": [],
            "failed": {},
            "error": None,
        }
        folder.write_result(result | changes)
        return folder

    return write
