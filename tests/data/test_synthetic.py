"""Points in the plane: what they were drawn from can be found again in them."""

from __future__ import annotations

import numpy as np
import pytest

from ganx.data import load
from ganx.data.sets.plane import Gaussians4, Grid25, Ring8

MIXTURES = {one.name: one.mixture for one in (Gaussians4, Ring8, Grid25)}

# Another machine, and another version of numpy or scikit-learn, must draw these tables.
CHECKSUMS = {
    "gaussians4": "9dc7d79df0a68e436b9812bd707c191c8e7b3c7c86b84d60ed4a280c03772ad4",
    "ring8": "911f2ea02c17e3887874d64936cbe3fef3263ad97feaad2ba7780d6319ed832a",
    "grid25": "2fe6eaf43e33eee87a5c0f8d8375de6901e4545cc3e0809be51bcd0ad46da76b",
    "swissroll": "aa7c88a60616a03c3e07a18ffee9b61c55e0fc82f161ba58061af69639c0a0f6",
}


@pytest.mark.parametrize("name", CHECKSUMS)
def test_always_the_same(name: str) -> None:
    table = load(name)
    assert (table.name, table.x.shape, table.native) == (name, (20000, 2), True)
    assert table.checksum() == CHECKSUMS[name]


@pytest.mark.parametrize(
    ("name", "n_classes", "extent"), [("gaussians4", 4, (4, 4)), ("ring8", 8, (4, 4)), ("grid25", 25, (8, 8))]
)
def test_a_mixture_is_told_with_its_table(name: str, n_classes: int, extent: tuple[float, float]) -> None:
    table = load(name)
    mixture = table.mixture
    assert mixture is MIXTURES[name]
    assert table.y is not None
    assert table.y.dtype == np.int64
    assert table.n_classes == len(mixture.centres) == len(np.unique(mixture.centres, axis=0)) == n_classes
    np.testing.assert_allclose(np.ptp(mixture.centres, axis=0), extent)
    assert mixture.weights.sum() == pytest.approx(1)

    share = np.bincount(table.y) / table.n_rows
    error = 4 * np.sqrt(mixture.weights * (1 - mixture.weights) / table.n_rows)
    assert (np.abs(share - mixture.weights) < error).all()
    for k, centre in enumerate(mixture.centres):
        members = table.x[table.y == k]
        assert np.abs(members.mean(axis=0) - centre).max() < 4 * mixture.sd / np.sqrt(len(members))
        np.testing.assert_allclose(members.std(axis=0), mixture.sd, rtol=4 / np.sqrt(2 * len(members)))


def test_clusters_do_not_touch_in_ring_and_grid() -> None:
    for name in ("ring8", "grid25"):
        table = load(name)
        distance = np.linalg.norm(table.x[:, None] - MIXTURES[name].centres, axis=2)
        np.testing.assert_array_equal(distance.argmin(axis=1), table.y)


def test_the_swiss_roll_is_a_thin_spiral() -> None:
    """x = t cos t, y = t sin t: the distance from the middle tells the angle, to the width of the noise."""
    table = load("swissroll")
    assert (table.y, table.classes, table.mixture) == (None, (), None)
    assert 1.5 < np.abs(table.x).max() < 2.3
    radius, angle = np.hypot(*table.x.T), np.arctan2(table.x[:, 1], table.x[:, 0])
    wound = np.angle(np.exp(1j * (7 * radius - angle)))
    assert np.abs(wound).mean() < 0.4


def test_a_cut_of_a_mixture_knows_its_mixture() -> None:
    part = load("ring8").cut(100)
    assert part.n_rows == 100
    assert part.native
    assert part.mixture is MIXTURES["ring8"]
