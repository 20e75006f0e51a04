"""A sample of a known law, a share of it replaced by outliers: what robust estimators are tried on."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ganx.data.sets.drawn import rounded
from ganx.data.table import Column, Table
from ganx.errors import UserError
from ganx.types import DrawnRows, Seed, Share, Units

MOST_CELLS = 50_000_000


class Contaminated:
    """Huber's contamination model: (1 - epsilon) P + epsilon Q, P spherical with location 0 and scatter I.

    As in Gao, Liu, Yao, Zhu: "Robust estimation and generative adversarial nets", ICLR 2019. `Table.truth` holds
    location (p,), scatter (p, p) and outliers (N,).

    Args:
        p: columns.
        n: rows.
        epsilon: share of the rows that are outliers, rounded to whole rows.
        clean: P, a normal or a Cauchy distribution (multivariate t with one degree of freedom).
        contamination: Q, the same two about `shift`, or all of it at one point.
        shift: of Q from the location of P, along every axis.
        draw: another number, other rows.

    Raises:
        UserError: there are too many cells.
    """

    def __init__(
        self,
        *,
        p: Units,
        n: DrawnRows,
        epsilon: Share,
        clean: Literal["normal", "cauchy"],
        contamination: Literal["normal", "cauchy", "point"],
        shift: float,
        draw: Seed,
    ) -> None:
        if n * p > MOST_CELLS:
            raise UserError(f"dataset.n={n}, dataset.p={p}: {n * p:,} cells, and at most {MOST_CELLS:,} are drawn")
        self.p, self.n, self.epsilon, self.draw = p, n, epsilon, draw
        self.clean, self.contamination, self.shift = clean, contamination, shift

    def load(self) -> Table:
        """Draw the rows."""
        rng = np.random.default_rng(self.draw)
        outliers = np.zeros(self.n, dtype=np.bool_)
        outliers[rng.permutation(self.n)[: round(self.epsilon * self.n)]] = True
        x = _drawn(self.clean, (self.n, self.p), rng)
        x[outliers] = self.shift + _drawn(self.contamination, (int(outliers.sum()), self.p), rng)
        columns = tuple(Column(f"x{j + 1}") for j in range(self.p))
        truth = {"location": np.zeros(self.p), "scatter": np.eye(self.p), "outliers": outliers}
        return Table("contaminated", rounded(x), None, columns, (), None, native=True, truth=truth)


def _drawn(law: str, shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return rows (n, p) about 0."""
    if law == "point":
        return np.zeros(shape)
    x = rng.normal(size=shape)
    return x if law == "normal" else x / np.abs(rng.normal(size=(shape[0], 1)))
