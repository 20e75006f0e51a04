"""Moons and contaminated samples: what is told with their tables is what they were drawn by."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_moons

from ganx.data import load
from ganx.data.sets.moons import CENTRE
from ganx.errors import UserError

# Another machine, and another version of numpy, must draw these tables.
CHECKSUMS = {
    "two_moons": "1b946a76d1ec7e506849f29ca2cb47e2eca30a5e222180efffb6807d097cb192",
    "contaminated": "b7537d8dded61db80bf8771962874579248196bb84647765d6a21080f3dcfe52",
}


@pytest.mark.parametrize("name", CHECKSUMS)
def test_always_the_same(name: str) -> None:
    table = load(name)
    assert table.checksum() == CHECKSUMS[name]
    assert load(name, draw=1).checksum() != CHECKSUMS[name]
    assert table.native
    np.testing.assert_array_equal(table.x, np.round(table.x, 6))


def test_moons_are_those_of_scikit_learn() -> None:
    table = load("two_moons", n=31, noise=0.0)
    x, y = make_moons(31, shuffle=False)
    assert table.domain is None
    for k in (0, 1):
        ours, theirs = (np.sort(a, axis=0) for a in (table.x[table.y == k], x[y == k]))
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_the_target_domain_is_turned_about_the_centre() -> None:
    table = load("two_moons", n=401, noise=0.0, angle=90.0)
    source, target = (table.x[table.domain == d] - CENTRE for d in (0, 1))
    assert (len(source), len(target)) == (201, 200)
    for k in (0, 1):
        moon = source[table.y[table.domain == 0] == k]
        turned = target[table.y[table.domain == 1] == k]
        expected = np.column_stack([-moon[:, 1], moon[:, 0]])  # by a quarter, counterclockwise
        nearest = np.linalg.norm(turned[:, None] - expected, axis=2).min(axis=1)
        assert nearest.max() < 0.02
    assert 0 < table.domain[:200].mean() < 1  # shuffled
    assert set(table.y[:20]) == {0, 1}


def test_noise_is_fresh_in_the_target_domain() -> None:
    table = load("two_moons", n=4000, noise=0.1, angle=0.0)
    source, target = (table.x[(table.domain == d) & (table.y == 0)] for d in (0, 1))
    assert not np.isin(source, target).all(axis=1).any()
    assert np.hypot(*source.T).std() == pytest.approx(0.1, rel=0.1)


def test_the_domain_is_part_of_the_checksum_and_of_a_cut() -> None:
    table = load("two_moons", angle=30.0)
    part = table.cut(50)
    place = [np.flatnonzero((table.x == row).all(axis=1))[0] for row in part.x]
    np.testing.assert_array_equal(part.domain, table.domain[place])
    assert load("two_moons", angle=30.0, rows=50).checksum() == part.checksum()


def test_too_few_rows() -> None:
    with pytest.raises(UserError, match=r"dataset\.n=3"):
        load("two_moons", n=3)


@pytest.mark.parametrize(
    ("clean", "contamination"), [("normal", "normal"), ("normal", "point"), ("cauchy", "cauchy"), ("normal", "cauchy")]
)
def test_contaminated(clean: str, contamination: str) -> None:
    table = load("contaminated", p=4, n=4000, epsilon=0.1, clean=clean, contamination=contamination, shift=8.0)
    truth = table.truth
    assert (table.x.shape, table.y, table.domain) == ((4000, 4), None, None)
    np.testing.assert_array_equal(truth["location"], np.zeros(4))
    np.testing.assert_array_equal(truth["scatter"], np.eye(4))
    assert truth["outliers"].sum() == 400
    assert 0 < truth["outliers"][:400].sum() < 400  # shuffled
    inliers, outliers = table.x[~truth["outliers"]], table.x[truth["outliers"]]
    np.testing.assert_allclose(np.median(inliers, axis=0), 0, atol=0.15)
    np.testing.assert_allclose(np.median(outliers, axis=0), 8, atol=0.4)
    spread = {"normal": 0.6745, "cauchy": 1.0}  # median of |x|
    np.testing.assert_allclose(np.median(np.abs(inliers), axis=0), spread[clean], rtol=0.1)
    if contamination == "point":
        assert (outliers == 8).all()
    else:
        np.testing.assert_allclose(np.median(np.abs(outliers - 8), axis=0), spread[contamination], rtol=0.2)


def test_a_cut_knows_its_outliers() -> None:
    table = load("contaminated", n=200, contamination="point")
    part = table.cut(60)
    np.testing.assert_array_equal(part.truth["outliers"], (part.x == 5).all(axis=1))
    np.testing.assert_array_equal(part.truth["location"], table.truth["location"])


def test_nothing_contaminated() -> None:
    assert not load("contaminated", n=50, epsilon=0.0).truth["outliers"].any()
