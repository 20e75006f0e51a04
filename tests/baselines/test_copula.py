"""The Gaussian copula: conditional distributions, EM, answers that know no units, draws with the right spread."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import truncnorm

from ganx.baselines.copula import Copula
from ganx.baselines.gaussian import Correlations, Factors, Normal, truncated
from ganx.errors import RunError, UserError
from tests.baselines.examples import COPULA, low_rank_table


def loadings() -> np.ndarray:
    weights: np.ndarray = np.random.default_rng(0).uniform(-0.6, 0.6, (5, 2))
    return weights


def correlations_of(weights: np.ndarray) -> np.ndarray:
    return weights @ weights.T + np.diag(1 - (weights**2).sum(1))


def rows(n: int, correlations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    return random.multivariate_normal(np.zeros(5), correlations, n), random.random((n, 5)) < 0.7


@pytest.mark.parametrize("form", [lambda w: Correlations(correlations_of(w)), Factors])
def test_conditional_distributions_are_those_of_the_matrix(form: Any) -> None:
    weights = loadings()
    matrix, gaussian = correlations_of(weights), form(weights)
    z, m = rows(20, matrix)
    m[0], m[1] = True, False
    unknown, left_out = gaussian.unknown(z, m), gaussian.left_out(z, m, np.arange(5))
    for i, known in enumerate(m):
        for j in range(5):
            others = known & (np.arange(5) != j)
            slope = np.linalg.solve(matrix[np.ix_(others, others)], matrix[others, j])
            expected = slope @ z[i, others], 1 - slope @ matrix[others, j]
            found = left_out if known[j] else unknown
            assert (found.mean[i, j], found.variance[i, j]) == pytest.approx(expected)
    np.testing.assert_array_equal(unknown.mean[m], z[m])
    assert not unknown.variance[m].any()


@pytest.mark.parametrize(
    "form", [Correlations(np.eye(5)), Factors(np.random.default_rng(2).uniform(-0.3, 0.3, (5, 2)))]
)
def test_em_finds_the_correlations_of_rows_with_gaps(form: Any) -> None:
    matrix = correlations_of(loadings())
    z, m = rows(4000, matrix)
    for _ in range(60):
        form = form.improved(z, m, np.zeros(z.shape), 1e-3)
    found = form.weights if isinstance(form, Correlations) else correlations_of(form.weights)
    np.testing.assert_allclose(found, matrix, atol=0.06 if isinstance(form, Correlations) else 0.1)


def test_truncated_moments_also_in_far_tails() -> None:
    mean, deviation = np.array([0.0, 1, -2, 0, 0]), np.array([1.0, 2, 0.5, 1, 1])
    low, high = np.array([-1.0, -np.inf, -1.5, 5, 50]), np.array([2.0, 0, np.inf, np.inf, np.inf])
    found = truncated(Normal(mean, deviation**2), low, high)
    law = truncnorm((low - mean) / deviation, (high - mean) / deviation, mean, deviation)
    np.testing.assert_allclose(found.mean[:4], law.mean()[:4], rtol=1e-6)
    np.testing.assert_allclose(found.variance[:4], law.var()[:4], rtol=1e-4)
    assert found.mean[4] == 50  # what rounding leaves of that tail is its end


def filled(answer: Any, x: np.ndarray, m: np.ndarray, group: Any = None, seed: int = 0) -> np.ndarray:
    copula = Copula(answer=answer, **COPULA)
    copula.seed, copula.group = seed, group
    x = np.where(m, x, 0).astype(np.float32)
    copula.fit(x, m, np.full(len(x), -1))
    return copula.impute(x, m)


def test_medians_know_no_units() -> None:
    x, m = low_rank_table()
    np.testing.assert_array_equal(filled("median", np.exp(3 * x), m), np.exp(3 * filled("median", x, m)))


def test_means_have_the_least_squared_error_and_medians_the_least_absolute_one() -> None:
    z, m = rows(2000, correlations_of(loadings()))
    x = np.exp(1.5 * z)
    error = {answer: (filled(answer, x, m) - x)[~m] for answer in ("mean", "median", "draw")}
    assert (error["mean"] ** 2).mean() < min((error[answer] ** 2).mean() for answer in ("median", "draw"))
    assert np.abs(error["median"]).mean() < min(np.abs(error[answer]).mean() for answer in ("mean", "draw"))


def test_draws_have_the_spread_and_the_correlations_of_the_data() -> None:
    z, m = rows(3000, correlations_of(loadings() * 1.3))
    drawn, mean = filled("draw", z, m), filled("mean", z, m)
    for j in range(5):
        assert drawn[~m[:, j], j].std() == pytest.approx(z[:, j].std(), rel=0.08)
        assert mean[~m[:, j], j].std() < 0.9 * z[:, j].std()
    both = ~m[:, 0] & ~m[:, 1]
    assert np.corrcoef(drawn[both].T)[0, 1] == pytest.approx(np.corrcoef(z.T)[0, 1], abs=0.15)
    np.testing.assert_array_equal(filled("draw", z, m), drawn)
    assert (filled("draw", z, m, seed=1) != drawn)[~m].mean() > 0.9


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.9, 0.1), (0.6, 0.3, 0.1), (0.25, 0.25, 0.25, 0.25)])
def test_categories_are_drawn_with_their_shares(shares: tuple[float, ...]) -> None:
    random, k = np.random.default_rng(3), len(shares)
    x = np.hstack([random.normal(size=(4000, 2)), np.eye(k)[random.choice(k, 4000, p=shares)]])
    m = np.ones(x.shape, bool)
    m[:2000, 2:] = False
    answer = filled("draw", x, m, np.array([0, 1] + [2] * k))[:2000, 2:]
    assert (answer.sum(1) == 1).all()
    np.testing.assert_allclose(answer.mean(0), shares, atol=0.06)


def test_unknown_values_of_a_discrete_column_are_no_trouble() -> None:
    x, m = low_rank_table()
    x[:, 0] = np.round(x[:, 0] * 3) + 1
    copula = Copula(answer="mean", **COPULA)
    copula.fit(x, m, np.full(len(x), -1))
    for value in (-5, 1.5, 99):
        x[:, 0] = value
        assert np.isfinite(copula.impute(x, m)).all()


def error(x: np.ndarray, n: int, ridge: Any = COPULA["ridge"]) -> tuple[float, float]:
    """Return the RMSE of the copula and of the column means on rows after the first n."""
    m = np.random.default_rng(4).random(x.shape) < 0.9
    seen, hidden = np.where(m, x, 0).astype(np.float32), ~m[n:]
    copula = Copula(answer="mean", **COPULA | {"ridge": ridge, "wide": 200})
    copula.fit(seen[:n], m[:n], np.full(n, -1))
    wrong = copula.impute(seen[n:], m[n:]) - x[n:], seen[:n].sum(0) / m[:n].sum(0) - x[n:]
    return float(np.sqrt((wrong[0][hidden] ** 2).mean())), float(np.sqrt((wrong[1][hidden] ** 2).mean()))


def test_few_rows_of_noise_are_not_learned() -> None:
    x = np.random.default_rng(5).normal(size=(160, 40))
    copula, mean = error(x, 60)
    assert copula <= 1.1 * mean
    assert error(x, 60, 1e-3)[0] > 1.3 * mean


def test_factors_are_found_in_few_rows() -> None:
    random = np.random.default_rng(6)
    x = random.normal(size=(220, 3)) @ random.normal(size=(3, 40)) + random.normal(size=(220, 40))
    copula, mean = error(x, 120)
    assert copula < 0.8 * mean


@pytest.mark.parametrize("answer", ["mean", "draw"])
def test_a_fit_is_the_same_again(answer: Any) -> None:
    x, m = low_rank_table()
    np.testing.assert_array_equal(filled(answer, x, m), filled(answer, x, m))


def test_no_ridge_to_choose_is_refused() -> None:
    with pytest.raises(UserError, match="a list of numbers"):
        Copula(answer="mean", **COPULA | {"ridge": []}).check(10)


def test_portions_have_their_own_draws() -> None:
    x, m = low_rank_table()
    copula = Copula(answer="draw", **COPULA)
    copula.fit(np.where(m, x, 0), m, np.full(len(x), -1))
    answers = []
    for copula.portion in (0, 1, 0):
        answers.append(copula.impute(x, m)[~m])
    np.testing.assert_array_equal(answers[0], answers[2])
    assert (answers[0] != answers[1]).mean() > 0.6


@pytest.mark.parametrize(
    ("array", "change"),
    [
        ("values", lambda values: values[::-1]),
        ("weights", lambda weights: -weights),
        ("weights", lambda weights: weights + np.triu(np.full(weights.shape, 0.01), 1)),
        ("weights", lambda weights: np.ones(weights.shape)),
        ("weights", lambda weights: weights[:, :3]),
    ],
)
def test_arrays_that_are_no_distribution_are_refused(array: str, change: Any) -> None:
    x, m = low_rank_table()
    copula = Copula(answer="mean", **COPULA)
    copula.fit(x, m, np.full(len(x), -1))
    state = copula.state()
    with pytest.raises(RunError, match="damaged"):
        Copula(answer="mean", **COPULA).load_state(state | {array: change(state[array])})
