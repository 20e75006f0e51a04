"""What baselines share: what a run sets and what is kept, row caps, scikit-learn's way of writing gaps."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ganx.baselines.kept import Arrays, Forms, check

Rows = NDArray[np.float32]
Mask = NDArray[np.bool_]
Labels = NDArray[np.int64]


class Baseline:
    """A method that is fitted, not trained by gradient.

    Attributes:
        kept: the arrays that a fitted instance answers from, each with what it has to be. They are attributes of the
            instance, by the same names. None: nothing is kept.
        seed: of everything random; set before `fit`.
        n_classes: K of the whole table, 0 without a target; set before `fit`.
        positive: class that a binary F1 is about, None with more classes; set before `fit`.
        group: (d,) column of each feature, a categorical column having several; set before `fit`. None: one each.
        portion: number of the portion of a long table, from 0; set before `impute`. Random answers to one portion are
            independent of those to another, and the same again for the same one.
        notes: what was capped, a phrase each, for whoever reads the figures; filled by `fit`.
    """

    kept: ClassVar[Forms | None] = None
    seed: int = 0
    n_classes: int = 0
    positive: int | None = None
    group: NDArray[np.int64] | None = None
    portion: int = 0

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._arrays: Arrays = {}

    def check(self, n_rows: int) -> None:
        """Refuse so many training rows, or the data, before anything is written; raises UserError."""

    def fit(self, x: Rows, m: Mask, y: Labels) -> None:
        """Learn from the training rows, and `keep` what was learned."""
        raise NotImplementedError

    def keep(self, **arrays: NDArray[Any]) -> None:
        """Answer from these arrays from now on."""
        self._arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        vars(self).update(self._arrays)
        self.prepare()

    def prepare(self) -> None:
        """Derive from the kept arrays what answers need; nothing by default.

        Raises:
            DamagedError: the arrays contradict each other.
        """

    def state(self) -> Arrays:
        """Return the arrays that a fitted baseline answers from.

        Raises:
            NotImplementedError: this kind of baseline keeps nothing.
        """
        self.forms()
        return dict(self._arrays)

    def load_state(self, arrays: Arrays) -> None:
        """Answer as the baseline of the same options whose `state` this is.

        Raises:
            DamagedError: the arrays are damaged.
            NotImplementedError: this kind of baseline keeps nothing.
        """
        check(arrays, self.forms(), n_classes=self.n_classes)
        self.keep(**arrays)

    def forms(self) -> Forms:
        """Return what this instance keeps: `kept`, unless its options add to it."""
        if self.kept is None:
            raise NotImplementedError(f"{type(self).__name__} keeps nothing")
        return self.kept

    def capped(self, x: Rows, m: Mask, max_rows: int | None) -> tuple[Rows, Mask]:
        """Return x and m, (n, d), with at most `max_rows` rows, drawn at random, and note it."""
        if max_rows is None or len(x) <= max_rows:
            return x, m
        self.notes.append(f"fitted on {max_rows} of {len(x)} rows")
        rows = np.sort(np.random.default_rng(self.seed).choice(len(x), max_rows, replace=False))
        return x[rows], m[rows]


def with_gaps(x: Rows, m: Mask) -> Rows:
    """Return x with NaN in the cells that are not observed."""
    return np.where(m, x, np.float32(np.nan))


def without_gaps(x: Rows, m: Mask, filled: NDArray[np.floating]) -> Rows:
    """Return x with the cells of `filled` where it is not observed."""
    return np.where(m, x, filled).astype(np.float32)
