"""The door to data: from the group `dataset` of a configuration to a table.

docs/data.md says what the data sets are, and gives their sources and licences; their classes are in `ganx.data.sets`.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from ganx.data.table import LARGEST, Table
from ganx.errors import UserError, nearest
from ganx.groups import options, own_dir
from ganx.targets import locate

MOST_FEATURES = 10_000  # of a row that is no image


def load_cut(dataset: dict[str, Any], extra_targets: frozenset[str] = frozenset()) -> Table:
    """Return the data set that the group `dataset` of a configuration describes, cut to `rows` if that is set.

    Args:
        dataset: the checked group.
        extra_targets: classes that the user's own folders may name.

    Raises:
        UserError: a file is missing, corrupt, or holds what cannot be used; a class of the user's makes no table.
    """
    name, target = dataset["name"], dataset["_target_"]
    keys = {key: value for key, value in dataset.items() if key not in ("_target_", "name", "rows")}
    made = locate(target, extra_targets)(**keys)
    if not callable(getattr(made, "load", None)):
        raise UserError(f"dataset={name}: {target} has no method `load`")
    table = made.load()
    if not isinstance(table, Table):
        raise UserError(f"dataset={name}: {target}.load() returns {type(table).__name__}, not a ganx.data.Table")
    if why := _fault(table):
        raise UserError(f"dataset={name}: {target}.load() returns a table with {why}")
    table = table if table.name == name else replace(table, name=name)  # a new one has not been summed up yet
    return table if dataset["rows"] is None else table.cut(dataset["rows"])


def load(name: str, **keys: Any) -> Table:
    """Return a data set by its name in conf/dataset/, with other values for some of its keys."""
    import yaml

    if name not in options("dataset"):
        raise UserError(f"unknown dataset '{name}'{nearest(name, options('dataset'))}")
    group = yaml.safe_load((own_dir() / "dataset" / f"{name}.yaml").read_text(encoding="utf-8"))
    return load_cut(group | keys)


def _fault(table: Table) -> str:
    """Return what does not fit together in a table; empty when nothing is wrong."""
    x, y, images = table.x, table.y, table.image_shape is not None
    if x.ndim != 2 or not len(x):
        return f"x of shape {x.shape}, not (N, D)"
    if x.dtype.kind not in "fu":
        return f"x of type {x.dtype}, not of floats or bytes"
    if len(table.columns) != x.shape[1]:
        return f"{len(table.columns)} columns for {x.shape[1]} cells in a row"
    if table.image_shape is not None and (len(table.image_shape), math.prod(table.image_shape)) != (3, x.shape[1]):
        return f"image_shape {table.image_shape}, not (C, H, W) of {x.shape[1]} cells"
    if x.dtype.kind == "f" and ((x > LARGEST).any() or (x < -LARGEST).any()):
        return f"cells beyond +-{LARGEST:g}"
    if (features := sum(max(1, len(column.categories)) for column in table.columns)) > MOST_FEATURES and not images:
        return f"{features:,} columns, each category counted; at most {MOST_FEATURES:,} are taken"
    if y is not None and (y.shape != x.shape[:1] or y.dtype.kind != "i" or y.min() < -1 or y.max() >= table.n_classes):
        return "y that is not a class of `classes` for each row, or -1"
    if table.domain is not None and (table.domain.shape != x.shape[:1] or not np.isin(table.domain, (0, 1)).all()):
        return "`domain` that is not 0 or 1 for each row"
    outliers = table.truth.get("outliers")
    if outliers is not None and outliers.shape != x.shape[:1]:
        return f"`truth['outliers']` of shape {outliers.shape}, not one for each row"
    return ""
