"""Many binary trees in a few arrays that can be kept, checked and asked without scikit-learn.

Nodes stand depth first, a node before its left subtree and that before its right one. So the left child of a node is
the next node; and since a node has two children or none, it is enough to know which nodes are leaves to find every
right child and the end of every tree. No child is stored, hence none can lie out of range or lead into a cycle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganx.baselines.kept import Arrays, Forms, damaged, flags, floats, indices

AT_ONCE = 1 << 16  # pairs of a row and a tree that are asked at a time; more leave the cache

#: The arrays of trees.
FORMS: Forms = {
    "feature": indices("nodes", first=-1, below=1 << 31),  # that a node splits on; -1: a leaf
    "threshold": floats("splits", finite=False),  # a row goes left where its cell is at most this
    "value": floats("leaves"),
}
#: And of trees that meet missing cells.
MISSING: Forms = {"missing_left": flags("splits")}  # whether a row without the cell goes left


class Trees:
    """Trees over float32 cells, one after another.

    Args:
        arrays: as `FORMS` has them, and perhaps `MISSING`, among others.
        n_features: k.

    Raises:
        DamagedError: they are not trees over k features.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]], n_features: int) -> None:
        self.feature, self.threshold, self.value = arrays["feature"], arrays["threshold"], arrays["value"]
        self.missing_left = arrays.get("missing_left")
        leaf = self.feature < 0
        if (self.feature >= n_features).any():
            raise damaged(f"a tree splits on a feature beyond the {n_features} that there are")
        if leaf.sum() != len(self.value):
            raise damaged(f"{leaf.sum()} leaves have {len(self.value)} values")
        if len(leaf) - leaf.sum() != len(self.threshold):
            raise damaged(f"{len(leaf) - leaf.sum()} splits have {len(self.threshold)} thresholds")
        if np.isnan(self.threshold).any():
            raise damaged("a threshold is not a number")
        self.root, self.right = _structure(leaf)
        self.number = np.where(leaf, np.cumsum(leaf), np.cumsum(~leaf)).astype(np.int32) - 1  # among its kind

    def __len__(self) -> int:
        return len(self.root)

    def add(self, total: NDArray[np.float64], x: NDArray[np.float32], which: slice) -> None:
        """Add to `total` (n,) what trees say of rows x (n, k), NaN where unknown, one tree after another."""
        roots = self.root[which]
        size = max(1, AT_ONCE // max(1, len(x)))
        for start in range(0, len(roots), size):
            for answer in self._ask(x, roots[start : start + size]):
                total += answer

    def _ask(self, x: NDArray[np.float32], roots: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the values (trees, n) of the leaves that rows x (n, k) reach, going down one level at a time."""
        cells = np.ascontiguousarray(x).ravel()
        node = np.repeat(roots, len(x))
        row = np.tile(np.arange(len(x)) * x.shape[1], len(roots))
        going = np.flatnonzero(self.feature[node] >= 0)
        while len(going):
            at = node[going]
            split = self.number[at]
            cell = cells[row[going] + self.feature[at]]
            left = cell <= self.threshold[split]
            if self.missing_left is not None:
                left |= np.isnan(cell) & self.missing_left[split]
            node[going] = at = np.where(left, at + 1, self.right[at])
            going = going[self.feature[at] >= 0]
        return self.value[self.number[node]].reshape(len(roots), len(x))


def gather(trees: Sequence[Mapping[str, NDArray[Any]]], n_features: int) -> Arrays:
    """Return arrays as `FORMS` has them, of trees of scikit-learn.

    Thresholds are rounded down to float32, which no float32 cell can tell from the original.

    Args:
        trees: each with arrays over its nodes: feature, threshold, value, perhaps missing_left, and left, the left
            child, which is below 1 at leaves.
        n_features: k.
    """
    splits = [tree["left"] > 0 for tree in trees]
    for tree, split in zip(trees, splits, strict=True):
        assert (tree["left"][split] == np.flatnonzero(split) + 1).all(), "nodes of scikit-learn are not depth first"

    def joined(name: str, of: Sequence[NDArray[np.bool_]]) -> NDArray[Any]:
        return np.concatenate([[], *(tree[name][nodes] for tree, nodes in zip(trees, of, strict=True))])

    leaf = np.concatenate([np.zeros(0, bool), *(~split for split in splits)])
    feature = np.full(len(leaf), -1, np.min_scalar_type(-max(n_features, 1)))
    feature[~leaf] = joined("feature", splits)
    arrays = {
        "feature": feature,
        "threshold": _rounded_down(joined("threshold", splits)),
        "value": _shortened(joined("value", [~split for split in splits])),
    }
    if trees and "missing_left" in trees[0]:
        arrays["missing_left"] = joined("missing_left", splits).astype(bool)
    return arrays


def _structure(leaf: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Return the roots of the trees, and the right child of each node (that of a leaf means nothing).

    A split opens one more place for a subtree than it fills, and a leaf fills one: a tree ends where no place is open.
    """
    after = np.cumsum(np.where(leaf, -1, 1))  # open places, less one for each tree that has ended
    ended = np.maximum.accumulate(np.maximum(-after, 0))  # trees, up to and with each node
    ends = np.flatnonzero(np.diff(ended, prepend=0))
    if len(leaf) and (not len(ends) or ends[-1] != len(leaf) - 1):
        raise damaged("the last tree has no end")
    places = np.concatenate([[0], after + ended])[: len(leaf)]  # open before each node, in its own tree
    # A right subtree begins where the left one has ended: at the next node with as many places open as at the split.
    order = np.argsort(places.astype(np.min_scalar_type(places.max(initial=0))), kind="stable")
    right = np.zeros(len(leaf), np.int32)
    right[order[:-1]] = order[1:]
    return np.concatenate([[0], ends + 1])[: len(ends)], right


def _rounded_down(threshold: NDArray[np.float64]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        rounded = threshold.astype(np.float32)
    return np.where(rounded > threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def _shortened(value: NDArray[np.float64]) -> NDArray[np.floating]:
    """Return the same numbers in float32 where that is exact, as of leaves that one training cell has reached."""
    short = value.astype(np.float32)
    return short if (short == value).all() else value
