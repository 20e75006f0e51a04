"""Points in the plane: mixtures of normal distributions, whose density is known, and a swiss roll.

Every set is drawn from a fixed seed, so that it is one and the same table in every run and on every machine.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from sklearn.datasets import make_swiss_roll

from ganx.data.sets.drawn import rounded
from ganx.data.table import Column, Mixture, Table

N_ROWS = 20_000
COLUMNS = (Column("x"), Column("y"))

_ANGLES = np.arange(8) * np.pi / 4
_TICKS = np.arange(-4.0, 5, 2)


class NormalMixture:
    """Points drawn from a mixture; the class of a point is the number of the centre it belongs to.

    Attributes:
        name: as in `dataset=<name>`.
        mixture: what they are drawn from.
    """

    name: ClassVar[str]
    mixture: ClassVar[Mixture]

    def load(self) -> Table:
        """Draw the points."""
        mixture = self.mixture
        rng = np.random.default_rng(0)
        y = rng.choice(len(mixture.weights), size=N_ROWS, p=mixture.weights)
        x = mixture.centres[y] + mixture.sd * rng.normal(size=(N_ROWS, mixture.centres.shape[1]))
        classes = tuple(map(str, range(len(mixture.weights))))
        return Table(self.name, rounded(x), y, COLUMNS, classes, "cluster", native=True, mixture=mixture)


class Gaussians4(NormalMixture):
    """J. Cho: Training self-supervised class-conditional GAN with virtual labels (VCAGAN), Fig. 1."""

    name = "gaussians4"
    mixture = Mixture(
        np.array([[-2.0, 2.0], [2.0, 1.0], [0.0, -2.0], [1.0, -1.0]]), 0.3, np.array([0.1, 0.4, 0.2, 0.3])
    )


class Ring8(NormalMixture):
    """Eight clusters on a circle."""

    name = "ring8"
    mixture = Mixture(2 * np.column_stack([np.cos(_ANGLES), np.sin(_ANGLES)]), 0.1, np.full(8, 1 / 8))


class Grid25(NormalMixture):
    """Lin, Khetan, Fanti, Oh: PacGAN: the power of two samples in generative adversarial networks, NeurIPS 2018."""

    name = "grid25"
    mixture = Mixture(np.array([(a, b) for a in _TICKS for b in _TICKS]), 0.05, np.full(25, 1 / 25))


class SwissRoll:
    """Points on a swiss roll seen from its side, within about [-2, 2]; they have no classes."""

    def load(self) -> Table:
        """Draw the points."""
        points, _ = make_swiss_roll(N_ROWS, noise=0.3, random_state=0)
        return Table("swissroll", rounded(points[:, [0, 2]] / 7), None, COLUMNS, (), None, native=True)
