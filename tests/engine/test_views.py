"""Views: which rows are in which stream, in what order they come, and what is never shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from ganx.data.encoding import Encoding
from ganx.data.splits import Split, make_splits
from ganx.data.table import Column, Table
from ganx.engine.loader import BlockLoader, RowOrder
from ganx.engine.noise import NOISE, ORDER, Noise, generators
from ganx.engine.views import VIEWS, Cells, Completed, CompletedCells, Domains, Examples, View, view_class
from ganx.errors import UserError
from ganx.schema import Protocol
from ganx.targets import MethodSpec, spec
from tests.engine.points import ALL_SHOWN, CPU, N, opened, table

# --- streams ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Cells, Examples])
def test_rows_with_and_without_a_shown_label(kind: type[View]) -> None:
    view = opened(kind, table(), replace(ALL_SHOWN, label_rate=0.5))
    y = view.table.y
    assert y is not None
    for r, split in enumerate(view.splits):
        labelled, unlabelled = view.rows_of("labelled")[r], view.rows_of("unlabelled")[r]
        assert not set(labelled) & set(unlabelled)
        assert sorted([*labelled, *unlabelled]) == sorted(split.rows) == sorted(view.rows_of("all")[r])
        assert split.shown_labels()[labelled].all()
        assert (y[labelled] >= 0).all()
        assert not set(split.valid) & set(labelled)  # their labels are kept to select on
        batch: Any = view.batch(view.tensor(np.stack([rows[:5] for rows in view.rows_of("labelled")])))
        assert bool((batch.labelled == 1).all())
        batch = view.batch(view.tensor(np.stack([rows[:5] for rows in view.rows_of("unlabelled")])))
        assert not batch.labelled.any()
        assert not batch.y.any()


def test_rows_of_a_domain() -> None:
    view = opened(Domains, table(domains=True))
    assert view.table.domain is not None
    for r, split in enumerate(view.splits):
        parts = [view.rows_of(name)[r] for name in ("source", "target")]
        assert [set(view.table.domain[rows]) for rows in parts] == [{0}, {1}]
        assert sorted(np.concatenate(parts)) == sorted(split.rows)


@pytest.mark.parametrize(
    ("stream", "domain", "protocol", "told"),
    [
        ("unlabelled", None, replace(ALL_SHOWN, validation=0.0), "protocol.labels_per_class=10"),
        ("labelled", None, replace(ALL_SHOWN, label_rate=0.0), "protocol.label_rate"),
        ("target", 0, ALL_SHOWN, "dataset.angle=30"),
        ("source", 1, ALL_SHOWN, "dataset=two_moons"),
    ],
)
def test_an_empty_stream_is_refused_with_what_to_do(
    stream: str, domain: int | None, protocol: Protocol, told: str
) -> None:
    data = replace(table(), y=np.arange(N) % 2, domain=None if domain is None else np.full(N, domain))
    view = opened(Examples, data, protocol)
    with pytest.raises(UserError, match=f"no training row is in the stream '{stream}'; .*{told}"):
        view.rows_of(stream)


def test_without_a_target_nothing_is_labelled() -> None:
    view = opened(Examples, table(target=False))
    assert [len(rows) for rows in view.rows_of("unlabelled")] == [len(split.rows) for split in view.splits]
    with pytest.raises(UserError, match="the data need a target"):
        view.rows_of("labelled")


def test_unknown_streams_and_views_are_told_with_the_nearest_name() -> None:
    with pytest.raises(UserError, match=r"no stream 'labeled'.*labelled"):
        opened(Examples, table()).rows_of("labeled")
    method = spec({"_target_": "ganx.methods.mlp.MLP"})
    wrong: MethodSpec = replace(method, reads="example")
    with pytest.raises(UserError, match=r"reads = 'example'.*examples"):
        view_class(wrong)


def test_one_domain_is_not_enough_for_two() -> None:
    with pytest.raises(UserError, match=r"has one domain.*dataset\.angle=30"):
        opened(Domains, table())


# --- order -----------------------------------------------------------------------------------------------------


def loader(view: View, *streams: str, size: int = 6) -> BlockLoader:
    return BlockLoader(view, dict.fromkeys(streams, size), validate_every=10, start=0, stop=10)


def test_the_first_stream_has_the_order_that_single_streams_have_always_had() -> None:
    view = opened(Examples, table())
    batches = loader(view, "all").block(0, 10)
    for r, split in enumerate(view.splits):
        found = torch.cat([batch.row[r] for batch in batches]).numpy()
        key = (split.seed, split.fold, ORDER)
        np.testing.assert_array_equal(found, RowOrder(key, split.rows).take(0, 60))
        first = np.random.default_rng([*key, 0]).permutation(split.rows)  # as written down in earlier versions
        np.testing.assert_array_equal(found[: len(first)], first)


def test_every_further_stream_has_an_order_of_its_own() -> None:
    view = opened(Examples, table())
    orders = loader(view, "all", "unlabelled").orders
    split, rows = view.splits[0], view.rows_of("unlabelled")[0]
    key = (split.seed, split.fold, ORDER)
    np.testing.assert_array_equal(orders["unlabelled"][0].take(0, 40), RowOrder((*key, 1), rows).take(0, 40))
    assert list(RowOrder((*key, 1), rows).take(0, 40)) != list(RowOrder(key, rows).take(0, 40))
    assert list(RowOrder((*key, 1), rows).take(0, 40)) != list(RowOrder((*key, 2), rows).take(0, 40))
    alone = loader(view, "all").orders["all"][0].take(0, 40)
    np.testing.assert_array_equal(orders["all"][0].take(0, 40), alone)  # whatever is read beside it


def test_each_stream_fills_its_own_part_of_a_step() -> None:
    view = opened(Domains, table(domains=True))
    sizes = {"source": 4, "target": 7}
    for step in BlockLoader(view, sizes, validate_every=10, start=0, stop=10).block(0, 3):
        assert step.source.x.shape == (len(view.splits), 4, 2)
        assert step.target.x.shape == (len(view.splits), 7, 2)
        assert bool((step.source.row < N // 2).all())
        assert bool((step.target.row >= N // 2).all())


# --- sweep -----------------------------------------------------------------------------------------------------


def test_a_sweep_meets_every_row_once() -> None:
    view = opened(Examples, table(), replace(ALL_SHOWN, folds=7, label_rate=0.5), seeds=2)
    rows = view.rows_of("labelled")
    assert len({len(part) for part in rows}) > 1  # some are padded
    met: list[list[int]] = [[] for _ in rows]
    padding = 0
    for batch, weight in view.sweep("labelled", 5):
        assert batch.row.shape == weight.shape
        assert batch.row.shape[1] <= 5
        assert bool(((weight == 0) | (weight == 1)).all())
        for r in range(len(rows)):
            met[r] += batch.row[r][weight[r] == 1].tolist()
            assert bool((batch.row[r][weight[r] == 0] == rows[r][-1]).all())
            padding += int((weight[r] == 0).sum())
    assert [sorted(part) for part in met] == [sorted(part) for part in rows]
    assert padding == sum(max(map(len, rows)) - len(part) for part in rows)


# --- what is never shown ---------------------------------------------------------------------------------------


def poisoned(data: Table, split: Split) -> Table:
    """The same table with nonsense in every cell and label that the replica may not look at."""
    assert data.y is not None
    x = np.where(split.shown(), data.x, 7.0)
    y = np.where(split.shown_labels() | (data.y < 0), data.y, 1 - data.y)
    return replace(data, x=np.where(np.isnan(data.x), np.nan, x), y=y)


def test_hidden_cells_and_labels_do_not_reach_a_batch() -> None:
    data = replace(table(), native=False)
    encoding = Encoding.of(data)
    protocol = replace(ALL_SHOWN, missing_rate=0.3, label_rate=0.5)
    everything = torch.arange(N).unsqueeze(0)
    for split in make_splits(data, encoding, protocol, 0, 1):
        clean = Cells(data, encoding, [split], CPU).batch(everything)
        other = Cells(poisoned(data, split), encoding, [split], CPU).batch(everything)
        for name, a, b in zip(clean._fields, clean, other, strict=True):
            assert torch.equal(a, b), name
        assert bool((clean.m[0].numpy() == split.shown()).all())
        assert not clean.x[clean.m == 0].any()


def test_categories_are_hidden_as_a_whole() -> None:
    columns = (Column("a"), Column("b", ("x", "y", "z")))
    data = replace(table(), x=np.stack([np.arange(N), np.arange(N) % 3], 1).astype(float), columns=columns)
    view = opened(Cells, data, replace(ALL_SHOWN, validation=0.0))
    assert isinstance(view, Cells)
    m = view.batch(view.tensor(np.stack(view.rows_of("all")))).m
    shown = view.hide(m, 0.5, Noise(generators([(0, 0), (0, 1), (0, 2)], NOISE)))
    assert 0.3 < float(shown[..., 1:].mean()) < 0.7
    assert torch.equal(shown[..., 1:], shown[..., 1:2].expand(-1, -1, 3))
    assert not torch.equal(shown[..., 0], shown[..., 1])


@pytest.mark.parametrize(("rate", "complete"), [(0.0, True), (0.2, False)])
def test_cells_kept_to_select_on_are_no_gaps(rate: float, complete: bool) -> None:
    view = opened(Cells, table(), replace(ALL_SHOWN, missing_rate=rate))
    assert isinstance(view, Cells)
    assert view.complete == complete
    assert not view.seen.all()


def test_hidden_labels_do_not_reach_examples() -> None:
    data = table()
    encoding = Encoding.of(data)
    everything = torch.arange(N).unsqueeze(0)
    for split in make_splits(data, encoding, replace(ALL_SHOWN, label_rate=0.5), 0, 1):
        clean = Examples(data, encoding, [split], CPU).batch(everything)
        other = Examples(replace(poisoned(data, split), x=data.x), encoding, [split], CPU).batch(everything)
        assert torch.equal(clean.y, other.y)
        assert data.y is not None
        assert bool((clean.labelled[0, :, 0].numpy() == (split.shown_labels() & (data.y >= 0))).all())


def test_completed_rows_keep_hidden_labels_hidden() -> None:
    data = replace(table(), native=False)
    encoding = Encoding.of(data)
    (split, *_) = make_splits(data, encoding, replace(ALL_SHOWN, label_rate=0.5), 0, 1)
    completed = [Completed(np.zeros((N + 2, 2), np.float32), np.array([1, 0]))]
    view = CompletedCells(data, encoding, [split], CPU, completed)
    batch = view.batch(torch.arange(N + 2).unsqueeze(0))
    assert data.y is not None
    assert bool((batch.labelled[0, :N, 0].numpy() == (split.shown_labels() & (data.y >= 0))).all())
    assert batch.y[0, N:].tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert set(view.rows_of("all")[0]) == {*split.rows, N, N + 1}


def test_target_labels_are_never_shown() -> None:
    view = opened(Domains, table(domains=True))
    for split in view.splits:  # also not when nothing is left to select
        last = Domains(view.table, Encoding.of(view.table), [split.after_selection()], CPU)
        batch = last.batch(torch.arange(N).unsqueeze(0))
        assert not batch.labelled[0, N // 2 :].any()
        assert not batch.y[0, N // 2 :].any()
        assert bool(batch.labelled[0, : N // 2].any())


def test_every_view_says_its_facts() -> None:
    data = table(domains=True)
    encoding = Encoding.of(data)
    for name, kind in VIEWS.items():
        facts = kind.facts(data, encoding)
        assert (facts.n_features, facts.shape, facts.n_classes) == (2, (2,), 2), name
