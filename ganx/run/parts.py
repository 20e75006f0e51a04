"""The parts of a replica's rows that a blend holds out, and who is fitted on the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ganx.data.splits import Split
from ganx.data.table import Table
from ganx.run.experiment import Experiment
from ganx.schema import splits_per_seed

Index = NDArray[np.int64]

PARTS = 3  # into which a replica's training rows are dealt; models fitted on the others answer for each of them
DEALT = 6  # what random numbers are drawn for, beside the purposes of `ganx.data.splits`


def with_parts(experiment: Experiment) -> Experiment:
    """Return an experiment with the splits of its replicas, and after them those of `inner_splits`."""
    return replace(experiment, splits=[*experiment.splits, *inner_splits(experiment)])


def inner_splits(experiment: Experiment) -> list[Split]:
    """Return what the models may look at that answer for part 0 of every replica's training rows, part 1, ...

    Hidden cells and labels stay hidden, and each part's own are of no account: `test` is the part.
    """
    folds = splits_per_seed(experiment.config["protocol"])
    return [_without(split, part, folds, experiment.table) for part in range(PARTS) for split in experiment.splits]


def members(replica: int, n: int) -> range:
    """Return the numbers of a candidate's models that answer for one of n replicas: of all its rows, and of parts."""
    return range(replica, n * (PARTS + 1), n)


def _without(split: Split, part: int, folds: int, table: Table) -> Split:
    rows, parts = _dealt(split, table)
    held = np.sort(rows[parts == part])
    kept = ~np.isin(split.valid, held)
    labelled = split.labelled.copy()
    labelled[held] = False
    train, valid = np.setdiff1d(split.train, held), split.valid[kept]
    return replace(
        split,
        fold=split.fold + folds * (part + 1),
        train=train,
        valid=valid,
        test=held,
        seen_valid=split.seen_valid[kept],
        labelled=labelled,
        empty=~split.shown()[np.concatenate([train, valid])].any(0),
    )


def _dealt(split: Split, table: Table) -> tuple[Index, Index]:
    """Return a replica's training rows (n,) and the part (n,) of each; rows of one group are in the same."""
    rows = np.random.default_rng((split.seed, split.fold, DEALT)).permutation(split.rows)
    if table.y is not None:  # each part has its share of every class
        rows = rows[np.argsort(np.where(split.labelled, table.y, -1)[rows], kind="stable")]
    number = np.arange(len(rows))
    if table.groups is not None:
        _, first, group = np.unique(table.groups[rows], return_index=True, return_inverse=True)
        number = np.argsort(np.argsort(first))[group]  # groups in the order of their first rows
    return rows, number % PARTS
