"""What each replica may look at: its rows, its cells, its labels and its scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ganx.data.corruption import hide_by_patterns, hide_cells, keep_imbalanced, show_labels
from ganx.data.encoding import Encoding, column_range
from ganx.data.table import Table
from ganx.errors import UserError
from ganx.schema import HOLDOUT_FOLDS, Folds, Protocol

Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

# Every purpose draws from a generator of its own, so that a replica depends on its seed and on nothing else:
# not on the other replicas, and not on how much another purpose has drawn.
MASK, LABELS, IMBALANCE, FOLDS, VALIDATION_ROWS, VALIDATION_CELLS = range(6)

LEAST_SPAN = 1e-30  # of a column in units of the full range; 32 bits hardly tell less from a constant


@dataclass(frozen=True, eq=False)
class Split:
    """What one replica may look at, for a table of N rows, D columns and d features.

    Attributes:
        seed, fold: the replica's name.
        train, valid, test: row indices into the table, disjoint; a group of rows (`Table.groups`) is in one of them.
            With `folds=0` the test rows are all rows, and train and valid partition them. Validation rows are trained
            on, too, as far as they are `shown`.
        seen: (N, D) cells that the run may look at: observed in the table and not hidden by the protocol. The folds of
            a seed share one array.
        seen_valid: (len(valid), D) cells of the validation rows that are shown while selecting, a part of
            `seen[valid]`; the rest of `seen[valid]` is scored.
        labelled: (N,) labels that the run may look at.
        scored_labels: (N,) test rows whose true label is scored: every known one, or (`protocol.scored_labels=shown`)
            the labelled ones; with `folds=0` the hidden ones.
        low, span: (d,) the replica's scale: scaled = (encoded - low) / span. 0 and 1 for one-hot features.
        empty: (D,) columns with no shown cell in the training rows: nothing can be learned of them, so that they are
            left out of losses and metrics.
    """

    seed: int
    fold: int
    train: Index
    valid: Index
    test: Index
    seen: Mask
    seen_valid: Mask
    labelled: Mask
    scored_labels: Mask
    low: NDArray[np.float32]
    span: NDArray[np.float32]
    empty: Mask

    @property
    def rows(self) -> Index:
        """The rows to train on: training and validation rows."""
        return np.concatenate([self.train, self.valid])

    def shown(self) -> Mask:
        """Return the cells (N, D) that are shown while training: `seen`, less those kept to select on."""
        cells = self.seen.copy()
        cells[self.valid] = self.seen_valid
        return cells

    def shown_labels(self) -> Mask:
        """Return the labels (N,) that are shown while training: `labelled`, less those of validation rows."""
        labels = self.labelled.copy()
        labels[self.valid] = False
        return labels

    def after_selection(self) -> Split:
        """Return the split as it is when nothing is left to select: what validation kept back may be seen."""
        return replace(self, train=self.rows, valid=self.valid[:0], seen_valid=self.seen_valid[:0])


def make_splits(table: Table, encoding: Encoding, protocol: Protocol, seed: int, seeds: int) -> list[Split]:
    """Return the split of every replica; number i * folds + j is (seed + i, fold j).

    There is one per seed, fold 0, with `folds=0` and `folds=holdout`.

    Raises:
        UserError: fewer rows than folds, or a rate that the table cannot give.
    """
    return [
        split for number in range(seed, seed + seeds) for split in _splits_of_seed(table, encoding, protocol, number)
    ]


def _splits_of_seed(table: Table, encoding: Encoding, protocol: Protocol, seed: int) -> list[Split]:
    y = np.full(table.n_rows, -1, dtype=np.int64) if table.y is None else table.y
    known = y >= 0
    kept = np.ones(table.n_rows, dtype=np.bool_)
    if protocol.imbalance_ratio is not None:
        kept = keep_imbalanced(y, protocol.imbalance_ratio, _rng(seed, IMBALANCE))
    rows = np.flatnonzero(kept)
    together = _Together(table.groups)
    folds = HOLDOUT_FOLDS if protocol.folds == "holdout" else protocol.folds
    units, what = together.one_each(rows).size, "rows" if table.groups is None else "groups of rows"
    if not 0 <= folds <= units or folds == 1:
        others = f" or 2 to {units}" if units > 1 else ""
        raise UserError(
            f"protocol.folds={protocol.folds} does not fit {units} {what}: choose 0 (fit on all rows){others}"
        )
    hidden = hide_cells(table.x, protocol.mechanism, protocol.missing_rate, _rng(seed, MASK))
    seen = ~(np.isnan(table.x) | hidden)
    shown_y = np.where(kept, y, -1)
    rate = protocol.label_rate if protocol.labels_per_class is None else 1.0
    if table.domain is not None:  # labels of a target domain are there to be scored
        shown_y = np.where(table.domain == 0, shown_y, -1)
    labelled = show_labels(shown_y, rate, _rng(seed, LABELS))

    def strata(labelled: Mask) -> Index:
        # The published procedure deals labelled and unlabelled rows separately, without regard to the class.
        return together.highest(
            labelled.astype(np.int64) if protocol.stratify == "labelled" else np.where(labelled, y, -1)
        )

    splits = []
    deals = _deal(together.one_each(rows), strata(labelled), protocol.folds, table.n_train, _rng(seed, FOLDS))
    for fold, deal in enumerate(deals):
        rest, test = (together.all_of(part, rows) for part in deal)
        if protocol.labels_per_class is not None:
            labelled = _show_few(table, shown_y, rest, protocol.labels_per_class, _rng(seed, LABELS, fold))
        held_out = _hold_out(
            together.one_each(rest), strata(labelled), protocol.validation, _rng(seed, VALIDATION_ROWS, fold)
        )
        train, valid = (together.all_of(part, rest) for part in held_out)
        patterns = np.isnan(table.x[rest]) if protocol.mechanism == "own" else None
        # Without hidden cells there would be nothing to select on.
        shown = _hide_some(seen[valid], protocol.missing_rate or 0.2, _rng(seed, VALIDATION_CELLS, fold), patterns)
        scored = np.zeros_like(labelled)
        scored[test] = True
        scored &= labelled if protocol.scored_labels == "shown" else known
        if protocol.folds == 0:  # the run has seen the others
            scored = known & ~labelled
        visible = seen.copy()
        visible[valid] = shown
        low, span = _scale(table, encoding, rest, visible, protocol.scaling)
        empty = ~visible[rest].any(axis=0)
        splits.append(Split(seed, fold, train, valid, test, seen, shown, labelled, scored, low, span, empty))
    return splits


@dataclass(frozen=True)
class _Together:
    """Rows that are dealt as one: by groups (N,), of which the first row stands for all; None: each by itself."""

    groups: Index | None

    def one_each(self, rows: Index) -> Index:
        """Return the first of each group among `rows`."""
        return rows if self.groups is None else rows[np.sort(np.unique(self.groups[rows], return_index=True)[1])]

    def all_of(self, some: Index, rows: Index) -> Index:
        """Return those of `rows` whose group is that of one in `some`."""
        return some if self.groups is None else rows[np.isin(self.groups[rows], self.groups[some])]

    def highest(self, stratum: Index) -> Index:
        """Return for each row (N,) the highest stratum in its group: a known class, where there is one."""
        if self.groups is None:
            return stratum
        _, group = np.unique(self.groups, return_inverse=True)
        highest = np.full(group.max() + 1, stratum.min())
        np.maximum.at(highest, group, stratum)
        return highest[group]


def _show_few(table: Table, y: Index, rows: Index, count: int, rng: np.random.Generator) -> Mask:
    """Return the labels (N,) that are shown: `count` of each class among `rows`, drawn at random.

    Raises:
        UserError: a class has fewer, or there is none.
    """
    shown = np.zeros(len(y), dtype=np.bool_)
    if not table.n_classes:
        raise UserError(f"protocol.labels_per_class={count}: dataset={table.name} has no classes; set it to null")
    for k, name in enumerate(table.classes):
        known = rows[y[rows] == k]
        if len(known) < count:
            raise UserError(
                f"protocol.labels_per_class={count}: class {name} has {len(known)} labels among the training rows"
            )
        shown[rng.permutation(known)[:count]] = True
    return shown


def _rng(*key: int) -> np.random.Generator:
    return np.random.default_rng(key)


def _shuffled_strata(rows: Index, stratum: Index, rng: np.random.Generator) -> list[Index]:
    shuffled = rng.permutation(rows)
    return [shuffled[stratum[shuffled] == value] for value in np.unique(stratum[rows])]


def _deal(
    rows: Index, stratum: Index, folds: Folds, n_train: int | None, rng: np.random.Generator
) -> list[tuple[Index, Index]]:
    """Return (all other rows, test rows) of each split of a seed."""
    if folds == 0:
        return [(rows, rows)]
    if folds != "holdout":
        return _folds(rows, stratum, folds, rng)
    if n_train is None:
        return _folds(rows, stratum, HOLDOUT_FOLDS, rng)[:1]
    return [(rows[rows < n_train], rows[rows >= n_train])]


def _folds(rows: Index, stratum: Index, folds: int, rng: np.random.Generator) -> list[tuple[Index, Index]]:
    """Return (all other rows, test rows) of each fold."""
    # Dealing on from one stratum to the next keeps strata *and* folds even to one row, however small a class is.
    dealt = np.concatenate(_shuffled_strata(rows, stratum, rng))
    return [(np.setdiff1d(rows, dealt[fold::folds]), np.sort(dealt[fold::folds])) for fold in range(folds)]


def _hold_out(rows: Index, stratum: Index, share: float, rng: np.random.Generator) -> tuple[Index, Index]:
    """Divide rows into training and validation; a class too small for its share stays in training."""
    strata: Sequence[Index] = _shuffled_strata(rows, stratum, rng)
    valid = np.concatenate([members[: int(share * members.size + 1e-9)] for members in strata])
    if share > 0 and valid.size == 0 and rows.size > 1:
        valid = max(strata, key=len)[:1]
    return np.setdiff1d(rows, valid), np.sort(valid)


def _hide_some(cells: Mask, rate: float, rng: np.random.Generator, patterns: Mask | None = None) -> Mask:
    """Return the part of the True cells that is shown, at least one fewer than there are.

    Args:
        patterns: (p, D) True where a cell is missing, to hide cells by; without any, they are hidden at random.
    """
    if patterns is not None and patterns.any():
        shown = cells & ~hide_by_patterns(cells, patterns[patterns.any(axis=1)], rate, rng)
    else:
        shown = cells & (rng.random(cells.shape, dtype=np.float32) >= rate)
    if cells.any() and shown.sum() == cells.sum():
        shown[tuple(rng.choice(np.argwhere(cells)))] = False
    return shown


def _scale(
    table: Table, encoding: Encoding, train: Index, seen: Mask, scaling: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the replica's low and span (d,) in units of the encoding."""
    low, span = np.zeros(table.n_columns), np.ones(table.n_columns)
    if scaling == "observed":
        observed_low, observed_span = column_range(np.where(seen[train], table.x[train], np.nan))
        numeric = encoding.numeric & seen[train].any(axis=0)
        low[numeric] = ((observed_low - encoding.low) / encoding.span)[numeric]
        span[numeric] = (observed_span / encoding.span)[numeric]
        span[span < LEAST_SPAN] = 1
    return low[encoding.group].astype(np.float32), span[encoding.group].astype(np.float32)
