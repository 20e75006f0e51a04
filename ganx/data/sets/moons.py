"""Two interleaved half circles in the plane, and the same turned: a source and a target domain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ganx.data.sets.drawn import rounded
from ganx.data.table import Column, Table
from ganx.errors import UserError
from ganx.types import DrawnRows, NonNegativeFloat, Seed

CENTRE = np.array([0.5, 0.25])  # of the two moons


class TwoMoons:
    """Two half circles of radius 1, as scikit-learn's `make_moons` has them; the class is the number of the moon.

    With an angle, half of the rows are a target domain (Ganin et al., "Domain-adversarial training of neural networks",
    JMLR 2016, section 5.1.1): fresh moons, turned about their centre. Classes are known in both domains.

    Args:
        n: rows, of both domains together.
        noise: standard deviation of the normal noise on both axes.
        angle: in degrees, counterclockwise; null: there is one domain.
        draw: another number, other points.

    Raises:
        UserError: there are too few rows for each moon and domain to have one.
    """

    def __init__(self, *, n: DrawnRows, noise: NonNegativeFloat, angle: float | None, draw: Seed) -> None:
        if n < 4:
            raise UserError(f"dataset.n={n}: two moons in two domains need 4 rows or more")
        self.n, self.noise, self.angle, self.draw = n, noise, angle, draw

    def load(self) -> Table:
        """Draw the points."""
        rng = np.random.default_rng(self.draw)
        n_target = 0 if self.angle is None else self.n // 2
        x, y = self._moons(self.n - n_target, rng)
        if n_target:
            turned, classes = self._moons(n_target, rng)
            x, y = np.concatenate([x, self._turned(turned)]), np.concatenate([y, classes])
        order = rng.permutation(self.n)
        domain = None if self.angle is None else (order >= self.n - n_target).astype(np.int64)
        columns = (Column("x"), Column("y"))
        return Table("two_moons", rounded(x[order]), y[order], columns, ("0", "1"), "moon", native=True, domain=domain)

    def _moons(self, n: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return n points (n, 2), evenly spaced before the noise, and the moons (n,) that they belong to."""
        upper, lower = np.linspace(0, np.pi, n // 2), np.linspace(0, np.pi, n - n // 2)
        x = np.concatenate(
            [
                np.column_stack([np.cos(upper), np.sin(upper)]),
                np.column_stack([1 - np.cos(lower), 0.5 - np.sin(lower)]),
            ]
        )
        y = np.repeat([0, 1], [len(upper), len(lower)]).astype(np.int64)
        return x + self.noise * rng.normal(size=x.shape), y

    def _turned(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        assert self.angle is not None
        sine, cosine = np.sin(np.deg2rad(self.angle)), np.cos(np.deg2rad(self.angle))
        turned: NDArray[np.float64] = (x - CENTRE) @ np.array([[cosine, sine], [-sine, cosine]]) + CENTRE
        return turned
