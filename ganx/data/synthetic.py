"""Points in the plane: mixtures of normal distributions, whose density is known, and a swiss roll.

Every set is drawn from a fixed seed, so that it is one and the same table in every run and on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import make_swiss_roll

from ganx.data.table import Column, Mixture, Table

N_ROWS = 20_000
COLUMNS = (Column("x"), Column("y"))

_ANGLES = np.arange(8) * np.pi / 4
_TICKS = np.arange(-4.0, 5, 2)

MIXTURES = {
    # J. Cho: Training self-supervised class-conditional GAN with virtual labels (VCAGAN), Fig. 1.
    "gaussians4": Mixture(
        np.array([[-2.0, 2.0], [2.0, 1.0], [0.0, -2.0], [1.0, -1.0]]), 0.3, np.array([0.1, 0.4, 0.2, 0.3])
    ),
    "ring8": Mixture(2 * np.column_stack([np.cos(_ANGLES), np.sin(_ANGLES)]), 0.1, np.full(8, 1 / 8)),
    # Lin, Khetan, Fanti, Oh: PacGAN: the power of two samples in generative adversarial networks, NeurIPS 2018.
    "grid25": Mixture(np.array([(a, b) for a in _TICKS for b in _TICKS]), 0.05, np.full(25, 1 / 25)),
}


def mixture_table(name: str) -> Table:
    """Return points drawn from one of `MIXTURES`; the class of a point is the number of the centre it belongs to."""
    mixture = MIXTURES[name]
    rng = np.random.default_rng(0)
    y = rng.choice(len(mixture.weights), size=N_ROWS, p=mixture.weights)
    x = mixture.centres[y] + mixture.sd * rng.normal(size=(N_ROWS, mixture.centres.shape[1]))
    classes = tuple(map(str, range(len(mixture.weights))))
    return Table(name, _rounded(x), y, COLUMNS, classes, "cluster", native=True, mixture=mixture)


def swissroll() -> Table:
    """Return points on a swiss roll seen from its side, within about [-2, 2]; they have no classes."""
    points, _ = make_swiss_roll(N_ROWS, noise=0.3, random_state=0)
    return Table("swissroll", _rounded(points[:, [0, 2]] / 7), None, COLUMNS, (), None, native=True)


def _rounded(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Drop the last bits, in which the sines and logarithms of two machines may differ."""
    return np.round(x, 6)


SYNTHETIC: dict[str, Callable[[], Table]] = {name: partial(mixture_table, name) for name in MIXTURES} | {
    "swissroll": swissroll
}
