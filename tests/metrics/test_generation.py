from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from ganx.metrics.generation import (
    categories_in_use,
    entropy,
    frechet_distance,
    high_quality,
    kernel_distance,
    modes_covered,
    precision,
    recall,
    reverse_kl,
)

CENTRES = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
UNIFORM = np.full(3, 1 / 3)


def mixture(rng: np.random.Generator, centres: np.ndarray, sd: float, n: int) -> np.ndarray:
    return centres[rng.integers(len(centres), size=n)] + sd * rng.normal(size=(n, centres.shape[1]))


def cloud(seed: int, n: int, f: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, f)) @ rng.normal(size=(f, f)) + rng.normal(size=f)


class Identity(torch.nn.Module):
    """What torchmetrics takes for a feature network: images are features already."""

    num_features = 5

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def torchmetrics_says(metric: torch.nn.Module, real: np.ndarray, generated: np.ndarray) -> torch.Tensor:
    metric.set_dtype(torch.float64)
    metric.update(torch.from_numpy(real), real=True)
    metric.update(torch.from_numpy(generated), real=False)
    return metric.compute()


def test_modes_by_hand() -> None:
    x = np.array([[0.0, 0.1], [0.2, 0.0], [10.0, 0.29], [0.0, 9.5], [5.0, 5.0]])
    assert modes_covered(x, CENTRES, 0.1) == 2  # the third centre's sample is five deviations away
    assert high_quality(x, CENTRES, 0.1) == pytest.approx(3 / 5)
    weights = np.array([0.5, 0.25, 0.25])
    expected = 2 / 3 * math.log(2 / 3 / 0.5) + 1 / 3 * math.log(1 / 3 / 0.25)
    assert reverse_kl(x, CENTRES, 0.1, weights) == pytest.approx(expected)


def test_a_single_mode_is_as_far_as_can_be() -> None:
    assert reverse_kl(CENTRES[:1], CENTRES, 0.1, UNIFORM) == pytest.approx(math.log(3))
    assert modes_covered(CENTRES[:1], CENTRES, 0.1) == 1


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32), st.integers(1, 25), st.floats(0.01, 0.3))
def test_the_mixture_itself(seed: int, n_modes: int, sd: float) -> None:
    """A grid of spacing 2, in which no deviation is too large for its neighbours."""
    rng = np.random.default_rng(seed)
    centres = 2.0 * np.stack(np.unravel_index(rng.permutation(25)[:n_modes], (5, 5)), axis=1)
    x = mixture(rng, centres, sd, 20_000)
    assert modes_covered(x, centres, sd) == n_modes
    assert high_quality(x, centres, sd) == pytest.approx(1 - math.exp(-4.5), abs=0.005)
    assert 0 <= reverse_kl(x, centres, sd, np.full(n_modes, 1 / n_modes)) < 0.005


@settings(deadline=None)
@given(st.integers(0, 2**32), st.floats(0.1, 100), st.floats(-100, 100))
def test_modes_do_not_depend_on_units(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    x = mixture(rng, CENTRES, 2.0, 50)
    there = scale * x + shift, scale * CENTRES + shift, scale * 1.0
    assert modes_covered(*there) == modes_covered(x, CENTRES, 1.0)
    assert high_quality(*there) == high_quality(x, CENTRES, 1.0)


def test_far_from_every_mode() -> None:
    for x in (np.full((4, 2), 50.0), np.full((4, 2), np.nan)):
        assert modes_covered(x, CENTRES, 0.1) == 0
        assert high_quality(x, CENTRES, 0.1) == 0.0
        assert math.isnan(reverse_kl(x, CENTRES, 0.1, UNIFORM))


def test_categories_by_hand() -> None:
    p = np.array([0.197, 0.099, 0.4035, 0.3005, 0.0])  # VCAGAN, lambda_creg 0.1
    assert categories_in_use(p) == 4
    assert categories_in_use(np.array([0.98, 0.01, 0.005, 0.005])) == 2
    assert categories_in_use(p, least=0.2) == 2
    assert entropy(np.full(16, 1 / 16)) == pytest.approx(math.log(16))
    assert entropy(np.array([0.0, 1.0, 0.0])) == 0.0
    assert entropy(np.array([0.25, 0.75])) == pytest.approx(0.25 * math.log(4) + 0.75 * math.log(4 / 3))


@pytest.mark.filterwarnings("ignore:Metric `Kernel:UserWarning")
@pytest.mark.parametrize(("n", "m"), [(200, 200), (300, 150)])
def test_distances_against_torchmetrics(n: int, m: int) -> None:
    real, generated = cloud(0, n, 5), cloud(1, m, 5)
    fid = torchmetrics_says(FrechetInceptionDistance(feature=Identity()), real, generated)
    assert frechet_distance(real, generated) == pytest.approx(float(fid), rel=1e-6)
    with torch.random.fork_rng():
        size = min(n, m)  # without subsets of the smaller set, so that chance has little to say
        kid = torchmetrics_says(KernelInceptionDistance(feature=Identity(), subset_size=size), real, generated)
    assert kernel_distance(real, generated) == pytest.approx(float(kid[0]), rel=1e-9 if n == m else 0.1)


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 40), st.integers(1, 60), st.floats(-10, 10))
def test_frechet_distance_of_a_shifted_set(seed: int, n: int, f: int, shift: float) -> None:
    """Fewer rows than features, too: the covariance is singular then."""
    real = cloud(seed, n, f)
    direction = np.random.default_rng(seed).normal(size=f)
    scale = np.sum(real.var(axis=0))
    assert frechet_distance(real, real.copy()) == pytest.approx(0, abs=1e-10 * (1 + scale))
    moved = frechet_distance(real, real + shift * direction)
    assert moved == pytest.approx(shift**2 * np.sum(direction**2), abs=1e-9 * (1 + scale), rel=1e-9)


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 30), st.integers(2, 30), st.integers(1, 8))
def test_frechet_distance_is_symmetric(seed: int, n: int, m: int, f: int) -> None:
    a, b = cloud(seed, n, f), cloud(seed + 1, m, f)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9, abs=1e-9)
    assert frechet_distance(a, b) > 0


def test_frechet_distance_sees_the_spread() -> None:
    a = cloud(0, 100, 4)
    a -= a.mean(axis=0)
    assert frechet_distance(a, 3 * a) == pytest.approx(4 * np.trace(np.cov(a.T)))


def test_kernel_distance_is_unbiased() -> None:
    drawn = np.random.default_rng(0).normal(size=(80, 40, 8))
    pairs = [kernel_distance(a, b) for a, b in zip(drawn[::2], drawn[1::2], strict=True)]
    assert np.mean(pairs) == pytest.approx(0, abs=3 * np.std(pairs) / math.sqrt(len(pairs)))
    assert min(pairs) < 0 < max(pairs)
    assert kernel_distance(drawn[0], drawn[1] + 1) > 5 * max(pairs)


def test_kernel_distance_draws_the_same_subsets_every_time() -> None:
    real, generated = cloud(0, 60, 3), cloud(1, 40, 3)
    state = torch.get_rng_state()
    assert kernel_distance(real, generated) == kernel_distance(real, generated)
    assert kernel_distance(real, generated) != kernel_distance(real[::-1], generated)
    assert torch.equal(torch.get_rng_state(), state)


def test_precision_and_recall_by_hand() -> None:
    """On a line, with one neighbour: radii are 1, 1, 2 for the data and 0.5, 0.5 for the samples."""
    real, generated = np.array([[0.0], [1.0], [3.0]]), np.array([[4.9], [5.4]])
    assert (precision(real, generated, k=1), recall(real, generated, k=1)) == (0.5, 0.0)
    assert (precision(generated, real, k=1), recall(generated, real, k=1)) == (0.0, 0.5)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.integers(4, 40), st.integers(1, 6))
def test_precision_and_recall_of_equal_sets(seed: int, n: int, f: int) -> None:
    real = cloud(seed, n, f)
    order = np.random.default_rng(seed).permutation(n)
    assert precision(real, real[order]) == recall(real, real[order]) == 1.0
    assert precision(real, real + 1e6) == recall(real, real + 1e6) == 0.0


def test_half_of_the_data_generated_has_no_recall_of_the_rest() -> None:
    here, there = cloud(0, 200, 3), cloud(1, 200, 3) + 100
    real, generated = np.concatenate([here, there]), here[::2] + 1e-3
    assert precision(real, generated) == 1.0
    assert 0.3 < recall(real, generated) <= 0.5


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_to_score(n: int) -> None:
    x, none = np.zeros((n, 2)), np.zeros((0, 2))
    assert math.isnan(high_quality(none, CENTRES, 1.0))
    assert math.isnan(reverse_kl(none, CENTRES, 1.0, UNIFORM))
    assert modes_covered(none, CENTRES, 1.0) == 0
    assert math.isnan(frechet_distance(x, CENTRES))
    assert math.isnan(kernel_distance(CENTRES, x))
    assert math.isnan(precision(CENTRES, CENTRES))  # three rows have no third neighbour
    assert math.isnan(recall(CENTRES, CENTRES))
