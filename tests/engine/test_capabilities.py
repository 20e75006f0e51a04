"""What methods are asked, and what comes of their answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.linalg import vector_norm

from ganx.data.table import Mixture, Table
from ganx.engine.capabilities import (
    CAPABILITIES,
    MIXTURE_SAMPLES,
    MOST_ROWS,
    about,
    ask,
    n_samples,
    numbers,
    of_estimator,
    of_module,
    rows_asked,
    samples,
    thinned,
)
from ganx.engine.views import Cells, Domains, Examples
from ganx.errors import UserError
from ganx.metrics.registry import METRICS
from ganx.metrics.truths import Clusters, Embeddings, Samples
from ganx.targets import CAPABILITIES as KNOWN
from tests.engine.points import ALL_SHOWN, N, opened, table

HIDING = replace(ALL_SHOWN, missing_rate=0.3, label_rate=0.5, validation=0.0, scaling="observed", folds="holdout")
SHOWING = replace(ALL_SHOWN, validation=0.0, folds="holdout")


class Module:
    """A stack of one whose answers are easy to check. It remembers what it was asked, and how often noise began."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.noises = 0

    @contextmanager
    def evaluation_noise(self) -> Iterator[None]:
        self.noises += 1
        yield

    def seen(self, name: str, x: Tensor) -> Tensor:
        assert not torch.is_grad_enabled()
        self.asked.append((name, x.shape[1]))
        return x

    def impute(self, x: Tensor, m: Tensor) -> Tensor:
        return torch.where(m == 1, self.seen("impute", x), 0.5)

    def classify(self, x: Tensor, m: Tensor | None = None) -> Tensor:
        return torch.tensor([0.25, 0.75]).expand(*self.seen("classify", x).shape[:2], 2)

    def cluster(self, x: Tensor) -> Tensor:
        return torch.eye(3)[(self.seen("cluster", x)[..., 0] > 0.5).long()]

    def embed(self, x: Tensor) -> Tensor:
        return self.seen("embed", x)[..., :1]

    def reconstruct(self, x: Tensor) -> Tensor:
        return self.seen("reconstruct", x)

    def anomaly(self, x: Tensor) -> Tensor:
        distance: Tensor = vector_norm(self.seen("anomaly", x), dim=2)
        return distance

    def log_likelihood(self, x: Tensor) -> Tensor:
        return -self.seen("log_likelihood", x).square().sum(2)

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        self.asked.append(("sample", n))
        return torch.zeros(1, n, 2), torch.eye(2)[torch.ones(1, n, dtype=torch.long)]

    def prior(self) -> Tensor:
        return torch.tensor([[0.25, 0.75]])

    def estimate(self) -> dict[str, Tensor]:
        return {"location": torch.tensor([[1.0, 2.0]])}


class Estimator:
    """The same questions, as an estimator is asked them: arrays of one replica."""

    def impute(self, x: Any, m: Any) -> Any:
        assert x.ndim == 2
        assert m.dtype == np.bool_
        return np.where(m, x, 0.5)

    def classify(self, x: Any, m: Any = None) -> Any:
        return np.tile([0.25, 0.75], (len(x), 1))

    def cluster(self, x: Any) -> Any:
        return (x[:, 0] > 0.5).astype(np.int32)

    def estimate(self) -> dict[str, Any]:
        return {"location": np.array([1.0, 2.0])}


OF_ROWS = ("classify", "cluster", "embed", "reconstruct", "anomaly", "log_likelihood")


def test_what_a_module_answers_about_cells() -> None:
    view = opened(Cells, replace(table(), native=False), HIDING)
    (split,) = view.splits
    answers = ask(of_module(Module(), view), view, {"impute", "classify"})
    truth = (view.table.x[split.test] - view.table.x.min(0)) / np.ptp(view.table.x, 0)
    seen = split.seen[split.test]
    np.testing.assert_allclose(answers["impute"][seen], truth[seen], atol=1e-6)  # in metric units again
    filled = np.broadcast_to(0.5 * split.span + split.low, truth.shape)
    np.testing.assert_allclose(answers["impute"][~seen], filled[~seen], atol=1e-6)
    np.testing.assert_allclose(answers["classify"], np.tile([0.25, 0.75], (len(split.test), 1)))


def test_what_a_module_answers_about_examples() -> None:
    view = opened(Examples, table(), SHOWING)
    (split,) = view.splits
    answers = ask(of_module(Module(), view), view, {*OF_ROWS, "prior", "estimate", "sample"})
    x, train = view.table.x[split.test].astype(np.float32), rows_asked(view, "train")
    assert set(answers) == {*OF_ROWS, "prior", "estimate", "sample"}
    assert isinstance(answers["cluster"], Clusters)
    np.testing.assert_array_equal(answers["cluster"].test, x[:, 0] > 0.5)
    np.testing.assert_array_equal(answers["cluster"].train, view.table.x[train, 0] > 0.5)
    assert answers["cluster"].n == 3
    assert isinstance(answers["embed"], Embeddings)
    assert answers["embed"].train.shape == (len(train), 1)
    np.testing.assert_array_equal(answers["embed"].test, x[:, :1])
    np.testing.assert_array_equal(answers["reconstruct"], x)
    np.testing.assert_allclose(answers["anomaly"], np.linalg.norm(x, axis=1), rtol=1e-6)
    np.testing.assert_allclose(answers["log_likelihood"], -np.square(x).sum(1), rtol=1e-6)
    np.testing.assert_array_equal(answers["prior"], [0.25, 0.75])
    np.testing.assert_array_equal(answers["estimate"]["location"], [1.0, 2.0])
    assert isinstance(answers["sample"], Samples)
    assert answers["sample"].x.shape == (len(split.test), 2)
    assert set(answers["sample"].c) == {1}


def test_what_an_estimator_answers() -> None:
    cells = opened(Cells, replace(table(), native=False), HIDING)
    module, estimator = of_module(Module(), cells), of_estimator(Estimator())
    names = {"impute", "classify"}
    expected = ask(module, cells, names)
    for name, answer in ask(estimator, cells, names).items():
        np.testing.assert_allclose(answer, expected[name], atol=1e-6)
    examples = opened(Examples, table(), SHOWING)
    answers = ask(estimator, examples, {"cluster", "estimate"})
    assert answers["cluster"].test.dtype == answers["cluster"].train.dtype == np.int64
    np.testing.assert_array_equal(answers["cluster"].test, ask(module, examples, {"cluster"})["cluster"].test)
    assert answers["cluster"].n == 2  # numbers alone do not tell how many there might have been
    np.testing.assert_array_equal(answers["estimate"]["location"], [1.0, 2.0])


def test_rows_come_in_portions_with_noise_that_begins_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Examples, "portion", 7)
    view = opened(Examples, table(), SHOWING)
    module = Module()
    rows = np.arange(N)[:20]
    answer = about(of_module(module, view), view, rows, ["embed", "anomaly"])
    assert module.asked == [(name, n) for n in (7, 7, 6) for name in ("embed", "anomaly")]
    assert module.noises == 1
    np.testing.assert_array_equal(answer["embed"][:, 0], view.table.x[rows, 0].astype(np.float32))
    made = samples(of_module(module, view), view, 16)
    assert [n for name, n in module.asked if name == "sample"] == [7, 7, 2]
    assert len(made.x) == len(made.c) == 16


def test_only_what_is_asked_is_called() -> None:
    view = opened(Examples, table(), SHOWING)
    module = Module()
    assert set(ask(of_module(module, view), view, {"anomaly"})) == {"anomaly"}
    assert {name for name, _ in module.asked} == {"anomaly"}


# --- rows ------------------------------------------------------------------------------------------------------


def test_which_rows_are_asked_about() -> None:
    y = table().y
    assert y is not None
    for kind in (Cells, Examples):
        view = opened(kind, table(), SHOWING)
        (split,) = view.splits
        np.testing.assert_array_equal(rows_asked(view, "test"), split.test)
        train = split.rows if kind is Cells else split.rows[y[split.rows] >= 0]
        np.testing.assert_array_equal(rows_asked(view, "train"), train)
    view = opened(Domains, table(domains=True), SHOWING)
    assert (rows_asked(view, "test") >= N // 2).all()  # the target is what counts
    assert (rows_asked(view, "train") < N // 2).all()


def test_rows_are_thinned_evenly() -> None:
    rows = np.arange(3 * MOST_ROWS)
    kept = thinned(rows)
    assert (len(kept), kept[0], kept[-1]) == (MOST_ROWS, 0, len(rows) - 1)
    assert set(np.diff(kept)) <= {2, 3, 4}
    assert len(thinned(rows[:MOST_ROWS])) == MOST_ROWS


def test_of_a_mixture_as_many_are_sampled_as_in_the_paper() -> None:
    plain = opened(Examples, table(), SHOWING)
    assert n_samples(plain) == len(plain.splits[0].test)
    mixed: Table = replace(table(), mixture=Mixture(np.zeros((1, 2)), 1.0, np.ones(1)))
    assert n_samples(opened(Examples, mixed, SHOWING)) == MIXTURE_SAMPLES


def test_numbers_of_categories() -> None:
    assert numbers(np.eye(3)[[2, 0, 1]]).tolist() == [2, 0, 1]
    assert numbers(np.empty((2, 0))).tolist() == [-1, -1]


# --- one list of what there is ---------------------------------------------------------------------------------


def test_every_metric_needs_a_known_capability() -> None:
    assert {metric.needs for metric in METRICS} <= set(CAPABILITIES)
    assert set(CAPABILITIES) < set(KNOWN)


@pytest.mark.parametrize(
    ("name", "answer", "told"),
    [
        ("classify", torch.zeros(1, 3, 2), r"`classify` returned an array of shape \(3, 2\); expected \(10, K\)"),
        ("classify", torch.zeros(1, 10, 5), "`classify` returned 5 probabilities of 2 classes"),
        ("embed", torch.zeros(1, 10), r"`embed` returned an array of shape \(10,\); expected \(10, e\)"),
        ("anomaly", torch.zeros(1, 10, 1), r"`anomaly` returned an array of shape \(10, 1\); expected \(10,\)"),
        ("reconstruct", torch.zeros(1, 10, 3), r"`reconstruct` returned .*; expected \(10, 2\)"),
        ("anomaly", torch.zeros(10), r"`anomaly` returned \(10,\); expected tensors \(R, ...\), R = 1 replica"),
        ("anomaly", np.zeros((1, 10)), "`anomaly` returned ndarray; expected tensors"),
    ],
)
def test_an_answer_of_another_shape_is_refused(name: str, answer: Any, told: str) -> None:
    view = opened(Examples, table(), SHOWING)
    view.splits[0] = replace(view.splits[0], test=np.arange(10))
    module = Module()
    setattr(module, name, lambda x: answer)
    with pytest.raises(UserError, match=told):
        ask(of_module(module, view), view, {name})
