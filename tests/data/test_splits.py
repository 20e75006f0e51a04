from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganx.compose import compose
from ganx.data import Column, Encoding, Split, Table, load, make_splits
from ganx.errors import UserError
from ganx.metrics.imputation import rmse_row
from ganx.schema import Folds, Protocol, splits_per_seed

CLEAN = Protocol("clean", 0.2, "mcar", 0.8, None, None, 5, 0.2, "observed", "validation", "class", "known")
PAPER = Protocol("paper", 0.2, "mcar", 0.8, None, None, 5, 0.0, "complete", "test", "labelled", "shown")
GENERATION = Protocol("generation", 0.0, "mcar", 1.0, None, None, "holdout", 0.0, "complete", "last", "class", "known")


def toy(n_rows: int = 60, n_columns: int = 4, seed: int = 0, missing: float = 0.1, rare: bool = True) -> Table:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_rows, n_columns))
    x[rng.random(x.shape) < missing] = np.nan
    y = rng.integers(-1, 3, size=n_rows)
    y[:3] = [0, 1, 2]
    if rare:
        y[0] = 3
    return Table("toy", x, y, tuple(Column(f"c{j}") for j in range(n_columns)), tuple("abcd"), "y")


def splits(table: Table, protocol: Protocol, seed: int = 0, seeds: int = 1) -> list[Split]:
    return make_splits(table, Encoding.of(table), protocol, seed, seeds)


def same(a: Split, b: Split) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in Split.__dataclass_fields__)


@settings(deadline=None, max_examples=60)
@given(
    n_rows=st.integers(7, 80),
    folds=st.sampled_from([0, 2, 3, 5, 7]),
    validation=st.sampled_from([0.0, 0.2, 0.5]),
    label_rate=st.sampled_from([0.1, 0.8, 1.0]),
    published=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_rows_are_dealt_out_once(
    n_rows: int, folds: int, validation: float, label_rate: float, published: bool, seed: int
) -> None:
    table = toy(n_rows, seed=seed % 100)
    protocol = replace(PAPER if published else CLEAN, folds=folds, validation=validation, label_rate=label_rate)
    every = np.arange(n_rows)
    replicas = splits(table, protocol, seed)
    assert [(s.seed, s.fold) for s in replicas] == [(seed, fold) for fold in range(max(folds, 1))]
    for s in replicas:
        np.testing.assert_array_equal(
            np.sort(np.concatenate([s.train, s.valid])), np.setdiff1d(every, s.test) if folds else every
        )
        assert s.train.size > 0
        assert not np.intersect1d(s.train, s.valid).size
        assert (s.valid.size > 0) == (validation > 0)
        assert (s.seen <= ~np.isnan(table.x)).all()
        assert (s.seen_valid <= s.seen[s.valid]).all()
        assert (s.labelled <= (table.y >= 0)).all()
        assert s.seen is replicas[0].seen
        assert s.labelled is replicas[0].labelled
        np.testing.assert_array_equal(s.empty, ~s.shown()[s.rows].any(axis=0))
        assert not s.shown_labels()[s.valid].any()
        assert s.after_selection().valid.size == 0
    tested = np.concatenate([s.test for s in replicas])
    np.testing.assert_array_equal(np.sort(tested), every)
    sizes = [s.test.size for s in replicas]
    assert max(sizes) - min(sizes) <= 1


def test_validation_has_something_to_score() -> None:
    for rate in (0.0, 0.2):
        for s in splits(toy(20), replace(CLEAN, missing_rate=rate)):
            assert (s.seen[s.valid] & ~s.seen_valid).any()
    assert splits(toy(20, missing=0.0), replace(CLEAN, missing_rate=0.0))[0].seen.all()


def test_every_class_is_spread_evenly() -> None:
    table = load("digits")
    for s in splits(table, replace(CLEAN, label_rate=1.0)):
        expected = np.bincount(table.y) / 5
        assert np.abs(np.bincount(table.y[s.test]) - expected).max() < 1
        assert np.abs(np.bincount(table.y[s.valid]) - 0.8 * 0.2 * np.bincount(table.y)).max() < 1.5


def test_a_class_of_one_row_is_tested_once_and_never_spent_on_validation() -> None:
    replicas = splits(toy(), replace(CLEAN, label_rate=1.0))
    assert sum(0 in s.test for s in replicas) == 1
    assert sum(0 in s.train for s in replicas) == 4


@pytest.mark.parametrize("protocol", [CLEAN, PAPER, replace(CLEAN, mechanism="mar"), replace(CLEAN, mechanism="mnar")])
def test_a_replica_does_not_depend_on_the_others(protocol: Protocol) -> None:
    together, alone = splits(toy(), protocol, 0, 10), splits(toy(), protocol, 3, 1)
    assert all(same(a, b) for a, b in zip(together[15:20], alone, strict=True))
    assert not np.array_equal(together[0].seen, together[5].seen)
    assert not np.array_equal(together[0].test, together[5].test)


def test_purposes_do_not_disturb_each_other() -> None:
    a, b = (splits(toy(), replace(CLEAN, missing_rate=rate))[0] for rate in (0.0, 0.5))
    np.testing.assert_array_equal(a.labelled, b.labelled)
    np.testing.assert_array_equal(a.train, b.train)


def test_which_labels_are_scored() -> None:
    table = toy()
    known = table.y >= 0
    for s in splits(table, CLEAN):
        np.testing.assert_array_equal(np.flatnonzero(s.scored_labels), s.test[known[s.test]])
    for s in splits(table, PAPER):
        np.testing.assert_array_equal(np.flatnonzero(s.scored_labels), s.test[s.labelled[s.test]])
    (s,) = splits(table, replace(CLEAN, folds=0))
    np.testing.assert_array_equal(s.scored_labels, known & ~s.labelled)


def test_imbalance_drops_rows_from_every_set() -> None:
    table = load("breast")
    replicas = splits(table, replace(CLEAN, imbalance_ratio=10.0))
    kept = np.concatenate([s.test for s in replicas])
    assert np.bincount(table.y[kept]).tolist() == [357, 36]
    for s in replicas:
        np.testing.assert_array_equal(np.sort(np.concatenate([s.train, s.valid, s.test])), np.sort(kept))
        assert np.isin(np.flatnonzero(s.labelled), kept).all()


def test_without_a_target() -> None:
    table = replace(toy(), y=None, classes=(), target=None)
    for protocol in (CLEAN, PAPER, replace(CLEAN, folds=0)):
        for s in splits(table, protocol):
            assert not s.labelled.any()
            assert not s.scored_labels.any()


def test_scaling_on_observed_training_cells() -> None:
    table = toy()
    encoding = Encoding.of(table)
    features = encoding.encode(table.x)
    for s in splits(table, CLEAN):
        cells = np.where(s.shown()[s.rows], features[s.rows], np.nan)
        np.testing.assert_allclose(s.low, np.nanmin(cells, axis=0), atol=1e-6)
        np.testing.assert_allclose(s.span, np.nanmax(cells, axis=0) - np.nanmin(cells, axis=0), atol=1e-6)
    for s in splits(table, replace(CLEAN, scaling="complete")):
        assert (s.low == 0).all()
        assert (s.span == 1).all()


def test_hidden_cells_do_not_leak_into_the_scale() -> None:
    table = toy()
    encoding = Encoding.of(table)
    for s in splits(table, CLEAN):
        x = table.x.copy()
        there = ~np.isnan(x)
        x[there & ~s.seen] = 1e6
        x[s.test] = np.where(there[s.test], 1e6, np.nan)
        poisoned = make_splits(replace(table, x=x), encoding, CLEAN, 0, 1)[s.fold]
        np.testing.assert_array_equal(poisoned.low, s.low)
        np.testing.assert_array_equal(poisoned.span, s.span)


def test_columns_without_a_training_cell_and_constant_columns() -> None:
    x = np.random.default_rng(0).normal(size=(10, 4))
    x[1:, 0] = np.nan  # one observed cell
    x[:, 1] = 7.0
    x[:, 3] = np.arange(10) % 2
    table = Table("toy", x, None, (*(Column(c) for c in "abc"), Column("d", ("no", "yes"))), (), None)
    replicas = splits(table, replace(CLEAN, missing_rate=0.0, validation=0.0))
    assert [bool(s.empty[0]) for s in replicas] == [0 in s.test for s in replicas]
    for s in replicas:
        assert not s.empty[1:].any()
        assert (s.low[[0, 1, 3, 4]] == 0).all()
        assert (s.span[[0, 1, 3, 4]] == 1).all()


@pytest.mark.parametrize(
    "protocol", [GENERATION, replace(GENERATION, label_rate=0.5, validation=0.2, missing_rate=0.2)]
)
def test_holdout_is_the_first_of_five_folds(protocol: Protocol) -> None:
    held_out, folds = splits(toy(), protocol, 3, 2), splits(toy(), replace(protocol, folds=5), 3, 2)
    assert [(s.seed, s.fold) for s in held_out] == [(3, 0), (4, 0)]
    assert all(same(a, b) for a, b in zip(held_out, folds[::5], strict=True))


def test_generation_has_one_split_per_seed() -> None:
    protocol = compose("train", ["model=zeros", "dataset=ring8", "protocol=generation"])["protocol"]
    assert Protocol(**protocol) == GENERATION
    assert [splits_per_seed(protocol | {"folds": folds}) for folds in ("holdout", 0, 2, 5)] == [1, 1, 2, 5]


def test_holdout_keeps_to_the_test_rows_of_the_data_set() -> None:
    table = replace(toy(), n_train=45)
    for s in splits(table, replace(GENERATION, validation=0.2), 0, 2):
        np.testing.assert_array_equal(s.test, np.arange(45, 60))
        np.testing.assert_array_equal(np.sort(s.rows), np.arange(45))
        np.testing.assert_array_equal(np.flatnonzero(s.scored_labels), s.test[table.y[s.test] >= 0])
    assert all(same(a, b) for a, b in zip(splits(table, CLEAN), splits(toy(), CLEAN), strict=True))


def test_holdout_of_an_imbalanced_table() -> None:
    table = replace(load("breast"), n_train=400)
    (s,) = splits(table, replace(GENERATION, imbalance_ratio=10.0))
    assert s.train.max() < 400 <= s.test.min()
    assert np.bincount(table.y[np.concatenate([s.train, s.test])]).tolist() == [357, 36]


def test_holdout_without_classes_tests_on_a_fifth() -> None:
    (s,) = splits(load("swissroll"), GENERATION)
    assert (s.train.size, s.valid.size, s.test.size) == (16000, 0, 4000)
    assert s.seen.all()


def test_holdout_needs_five_rows() -> None:
    with pytest.raises(UserError, match=r"protocol\.folds=holdout does not fit 4 rows"):
        splits(Table("toy", np.zeros((4, 1)), None, (Column("c"),), (), None), GENERATION)


@pytest.mark.parametrize("folds", [1, -1, 61])
def test_folds_refused(folds: int) -> None:
    with pytest.raises(UserError, match=r"choose 0 .* or 2 to 60"):
        splits(toy(), replace(CLEAN, folds=folds))


def test_zeros_on_breast_is_the_papers_figure() -> None:
    """Slides of HexaGAN (Hwang et al., ICML 2019): .2699, of one mask; ours are other masks."""
    table = load("breast")
    features = Encoding.of(table).encode(table.x)
    scores = [
        rmse_row(features[s.test], np.zeros_like(features[s.test]), ~s.seen[s.test]) for s in splits(table, PAPER, 0, 5)
    ]
    assert np.mean(scores) == pytest.approx(0.27, abs=0.003)


def test_a_protocol_is_what_its_keys_say_whatever_it_is_called() -> None:
    table = toy()
    for a, b in zip(splits(table, PAPER), splits(table, replace(PAPER, name="mine")), strict=True):
        assert same(a, b)


def test_so_many_labels_of_each_class_are_shown() -> None:
    table = load("digits")
    first, second = splits(table, replace(GENERATION, labels_per_class=10), seeds=2)
    assert table.y is not None
    for split in (first, second):
        assert np.bincount(table.y[split.labelled], minlength=10).tolist() == [10] * 10
        assert np.isin(np.flatnonzero(split.labelled), split.rows).all()
        assert split.scored_labels[split.test].all()
    assert not np.array_equal(first.labelled, second.labelled)


def grouped(n_groups: int = 15, classes: bool = False) -> Table:
    """Rows of one group are not side by side, and all of one class if there are `classes`."""
    table = toy(rare=False)
    groups = np.arange(table.n_rows) % n_groups
    return replace(table, groups=groups, y=groups % 3 if classes else table.y)


@pytest.mark.parametrize("folds", [3, 5, 15, "holdout"])
@pytest.mark.parametrize("stratify", ["class", "labelled"])
def test_rows_of_a_group_stay_together(folds: Folds, stratify: Literal["class", "labelled"]) -> None:
    table = grouped()
    assert table.groups is not None
    replicas = splits(table, replace(CLEAN, folds=folds, stratify=stratify), seeds=2)
    for s in replicas:
        parts = [set(table.groups[rows]) for rows in (s.train, s.valid, s.test)]
        assert sum(map(len, parts)) == len(set.union(*parts)) == 15
        assert all(parts)
        np.testing.assert_array_equal(np.sort(np.concatenate([s.train, s.valid, s.test])), np.arange(60))
    if folds != "holdout":
        assert np.bincount(np.concatenate([s.test for s in replicas[:folds]])).tolist() == [1] * 60


def test_classes_of_groups_are_spread_evenly() -> None:
    table = grouped(classes=True)
    assert table.y is not None
    for s in splits(table, replace(CLEAN, label_rate=1.0)):
        assert np.bincount(table.y[s.test]).tolist() == [4, 4, 4]


@pytest.mark.parametrize(
    ("groups", "told"), [(4, r"does not fit 4 groups of rows: choose 0 \(.*\) or 2 to 4$"), (1, r"choose 0 \([^)]*\)$")]
)
def test_fewer_groups_than_folds(groups: int, told: str) -> None:
    with pytest.raises(UserError, match=told):
        splits(grouped(groups), CLEAN)


def test_each_row_a_group_is_no_group() -> None:
    table = toy()
    alone = replace(table, groups=np.arange(60)[::-1].copy())
    assert all(same(a, b) for a, b in zip(splits(table, CLEAN), splits(alone, CLEAN), strict=True))


def test_own_patterns_also_hide_what_is_selected_on() -> None:
    x = toy(missing=0.0).x
    x[::3, :2] = np.nan
    table = replace(toy(), x=x)
    for s in splits(table, replace(CLEAN, mechanism="own", missing_rate=0.1)):
        kept_back = s.seen[s.valid] & ~s.seen_valid
        assert kept_back[:, :2].any()
        assert not kept_back[:, 2:].any()
        assert (~s.seen & ~np.isnan(x)).sum() == pytest.approx(0.1 * (~np.isnan(x)).sum(), abs=2)


def test_labels_of_a_target_domain_are_never_among_them() -> None:
    table = load("two_moons", n=200, angle=30.0)
    (split,) = splits(table, replace(GENERATION, labels_per_class=5))
    assert table.domain is not None
    assert split.labelled.sum() == 10
    assert (table.domain[split.labelled] == 0).all()


@pytest.mark.parametrize(("table", "told"), [("wine", "class class_2 has"), ("swissroll", "has no classes")])
def test_too_few_labels_of_a_class(table: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        splits(load(table), replace(GENERATION, labels_per_class=47))
