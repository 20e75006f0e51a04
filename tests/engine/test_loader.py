"""Minibatches: endless, reproducible from the step alone, and blind to hidden truth."""

import numpy as np
import torch

from ganx.engine.loader import RowOrder
from ganx.engine.noise import ORDER
from tests.engine.conftest import build, make_experiment, walk


def test_every_row_is_visited_once_in_an_epoch() -> None:
    split = make_experiment().splits[0]
    order, n = RowOrder((split.seed, split.fold, ORDER), split.rows), len(split.rows)
    for epoch in range(3):
        assert sorted(order.take(epoch * n, n)) == sorted(split.rows)
    assert list(order.take(0, n)) != list(order.take(n, n))


def test_the_stream_is_a_function_of_the_place() -> None:
    split = make_experiment().splits[0]
    whole = RowOrder((split.seed, split.fold, ORDER), split.rows).take(0, 300)
    pieces = RowOrder((split.seed, split.fold, ORDER), split.rows)
    assert np.array_equal(np.concatenate([pieces.take(200, 100), pieces.take(0, 200)]), np.roll(whole, 100))


def test_blocks_do_not_change_the_batches() -> None:
    _, loader = build(make_experiment())
    long, short = loader.block(0, 4), [loader.block(i, 1)[0] for i in range(4)]
    for a, b in zip(long, short, strict=True):
        assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_blocks_end_where_validation_is_due() -> None:
    _, loader = build(make_experiment("model.validate_every=7", "model.steps=20"))
    assert [len(block) for block in loader] == [7, 7, 6]


def test_blocks_may_be_shorter() -> None:
    _, loader = build(make_experiment("model.validate_every=7", "model.steps=20"))
    lengths = []
    for block in loader:
        lengths.append(len(block))
        loader.longest = 3
    assert lengths == [7, 3, 3, 1, 3, 3]


def test_hidden_cells_and_labels_are_zeros() -> None:
    _, loader = build(make_experiment())
    batch = loader.block(0, 1)[0]
    assert bool((batch.x[batch.m == 0] == 0).all())
    assert bool((batch.y.sum(2, keepdim=True) == batch.labelled).all())
    assert 0.1 < float(1 - batch.m.mean()) < 0.3
    assert 0.05 < float(1 - batch.labelled.mean()) < 0.4


def test_hidden_truth_cannot_leak() -> None:
    """Poison every hidden cell and label: training must not notice."""
    clean = make_experiment("seeds=1")
    poisoned = make_experiment("seeds=1")
    split = poisoned.splits[0]
    reference, loader = build(clean)
    walk(reference, loader, 5)
    module, loader = build(poisoned)
    data = loader.view
    data.features[~torch.from_numpy(split.shown())] = float("nan")
    data.y[~torch.from_numpy(split.shown_labels())] = 10**6
    walk(module, loader, 5)
    for (name, expected), parameter in zip(reference.named_parameters(), module.parameters(), strict=True):
        assert torch.equal(parameter, expected), name


def test_scaling_is_the_replicas_own() -> None:
    experiment = make_experiment()
    _, loader = build(experiment)
    for r, split in enumerate(experiment.splits):
        batch = loader.view.batch(torch.from_numpy(split.rows).expand(len(experiment.splits), -1))
        seen = torch.where(batch.m[r] == 1, batch.x[r], torch.nan)
        assert np.nanmin(seen.numpy()) >= -1e-6
        assert np.nanmax(seen.numpy()) <= 1 + 1e-6
