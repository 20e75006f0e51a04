"""What an estimator keeps answers to the bit like what was fitted, like scikit-learn, and is refused where damaged."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  (makes the next import possible)
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ganx.baselines.baseline import Baseline
from ganx.baselines.missforest import MissForest
from ganx.baselines.trees import Trees
from ganx.errors import RunError
from tests.baselines.examples import CLASSIFIERS, IMPUTERS, low_rank_table

ALL = IMPUTERS | CLASSIFIERS
N_TRAIN = 80


def new(name: str) -> Any:
    baseline = ALL[name]()
    baseline.seed, baseline.n_classes, baseline.positive = 7, 3, None
    return baseline


def fitted(name: str, x: np.ndarray, m: np.ndarray, known: list[int]) -> Any:
    baseline = new(name)
    y = np.random.default_rng(1).choice([-1, *known], N_TRAIN)
    baseline.fit(np.where(m, x, 0)[:N_TRAIN], m[:N_TRAIN], y)
    return baseline


def answer(baseline: Any, x: np.ndarray, m: np.ndarray) -> np.ndarray:
    ask = baseline.impute if hasattr(baseline, "impute") else baseline.classify
    return ask(np.where(m, x, 0)[N_TRAIN:], m[N_TRAIN:])  # type: ignore[no-any-return]


def table(kind: str) -> tuple[np.ndarray, np.ndarray]:
    x, m = low_rank_table(columns={"wide": 30, "one column": 1}.get(kind, 8))
    if kind == "empty column":
        m[:N_TRAIN, 3] = False
    if kind == "empty rows":
        m[N_TRAIN:] = False
    return x, m


@pytest.mark.parametrize("kind", ["plain", "wide", "one column", "empty column", "empty rows"])
@pytest.mark.parametrize("name", ALL)
def test_what_is_kept_answers_to_the_bit(name: str, kind: str) -> None:
    x, m = table(kind)
    before = fitted(name, x, m, [0, 1, 2])
    first = answer(before, x, m)
    after = new(name)
    after.load_state({name: array.copy() for name, array in before.state().items()})
    np.testing.assert_array_equal(answer(after, x, m), first)
    np.testing.assert_array_equal(answer(before, x, m), first)  # draws of a posterior, too, are the same again


@pytest.mark.parametrize("known", [[], [1], [0, 2]])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers_that_saw_few_classes_are_kept(name: str, known: list[int]) -> None:
    x, m = low_rank_table()
    before, after = fitted(name, x, m, known), new(name)
    after.load_state(before.state())
    np.testing.assert_array_equal(answer(after, x, m), answer(before, x, m))


def reference(name: str, x: np.ndarray, y: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return what scikit-learn itself answers, having fitted x (n, d) and y (n,)."""
    forest = RandomForestRegressor(5, max_features=0.5, random_state=7)
    iterative = {"keep_empty_features": True, "random_state": 7}
    bounds = {"max_iter": 3, "min_value": -1, "max_value": 2}
    models = {
        "mean": SimpleImputer(keep_empty_features=True),
        "knn": KNNImputer(n_neighbors=5, keep_empty_features=True),
        "mice": IterativeImputer(**iterative, **bounds),
        "mice_posterior": IterativeImputer(**iterative, **bounds, sample_posterior=True),
        "missforest": IterativeImputer(forest, max_iter=2, imputation_order="ascending", **iterative),
        "logistic": make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(max_iter=1000)),
        "boosting": HistGradientBoostingClassifier(max_iter=10, class_weight="balanced", random_state=7),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = models[name].fit(x, y)
    return model.transform(rows) if hasattr(model, "transform") else model.predict_proba(rows)  # type: ignore[no-any-return]


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", ["mean", "knn", "mice", "mice_posterior", "missforest", "logistic", "boosting"])
def test_answers_are_those_of_scikit_learn(name: str, n_classes: int) -> None:
    x, m = low_rank_table()
    x = (x + np.random.default_rng(2).normal(scale=0.1, size=x.shape)).astype(np.float32)
    y = np.random.default_rng(3).integers(0, n_classes, N_TRAIN)
    baseline = new(name)
    baseline.n_classes = n_classes
    baseline.fit(np.where(m, x, 0)[:N_TRAIN], m[:N_TRAIN], y)
    gaps = np.where(m, x, np.float32(np.nan))
    np.testing.assert_array_equal(answer(baseline, x, m), reference(name, gaps[:N_TRAIN], y, gaps[N_TRAIN:]))


def damages(baseline: Baseline) -> dict[str, dict[str, Any]]:
    """Return every way to damage a state: what, with the damaged arrays."""
    state, forms = baseline.state(), baseline.forms()
    found: dict[str, dict[str, Any]] = {"a foreign array": state | {"foreign": np.zeros(1)}}
    for name, array in state.items():
        kind = forms[name].kind
        found[f"without {name}"] = {other: value for other, value in state.items() if other != name}
        found[f"{name}: a list"] = state | {name: array.tolist()}
        found[f"{name}: another dtype"] = state | {name: np.zeros(array.shape, np.float64 if kind == "i" else np.int64)}
        found[f"{name}: objects"] = state | {name: array.astype(object)}
        found[f"{name}: an axis more"] = state | {name: array[None]}
        if len(state) > 1:
            found[f"{name}: cut off"] = state | {name: array[..., :-1]}
            found[f"{name}: longer"] = state | {name: np.concatenate([array, array[..., -1:]], axis=-1)}
        for value in {"f": [np.inf, np.nan], "i": [10**12, -2]}.get(kind, []):
            if kind == "i" or forms[name].finite or (np.isnan(value) and name == "threshold"):
                spoiled = array.astype(np.int64 if kind == "i" else array.dtype)
                spoiled.flat[-1] = value
                found[f"{name}: {value}"] = state | {name: spoiled}
    return found


@pytest.mark.parametrize("name", [name for name in ALL if name != "zeros"])
def test_damaged_arrays_are_refused(name: str) -> None:
    x, m = low_rank_table()
    for what, arrays in damages(fitted(name, x, m, [0, 1, 2])).items():
        with pytest.raises(RunError, match="damaged") as error:
            new(name).load_state(arrays)
        assert "\n" not in str(error.value), what


@pytest.mark.parametrize(
    ("name", "array", "value"),
    [
        ("matrix", "deviation", 0),
        ("matrix", "penalty", -1),
        ("logistic", "scale", 0),
        ("logistic", "classes", 0),  # twice the same one
        ("boosting", "n_features", 2),
        ("knn", "rows", np.inf),
    ],
)
def test_arrays_that_contradict_each_other_are_refused(name: str, array: str, value: float) -> None:
    x, m = low_rank_table()
    state = fitted(name, x, m, [0, 1, 2]).state()
    state[array] = state[array].copy()
    state[array].flat[-1] = value
    with pytest.raises(RunError, match="damaged"):
        new(name).load_state(state)


def test_many_classes_need_what_tells_them_apart() -> None:
    with pytest.raises(RunError, match="nothing tells 2 classes apart"):
        new("logistic").load_state({"classes": np.array([0, 1])})


def test_boosting_refuses_rows_of_another_width() -> None:
    x, m = low_rank_table()
    baseline = fitted("boosting", x, m, [0, 1])
    with pytest.raises(RunError, match="8 features, not 7"):
        baseline.classify(x[:, 1:], m[:, 1:])


def test_an_estimator_that_declares_nothing_keeps_nothing() -> None:
    class Own(Baseline):
        pass

    with pytest.raises(NotImplementedError, match="Own keeps nothing"):
        Own().state()
    with pytest.raises(NotImplementedError, match="Own keeps nothing"):
        Own().load_state({})


def end(feature: list[int], node: int) -> int:
    """Return the node after the subtree of a node; raises IndexError where it does not end."""
    return node + 1 if feature[node] < 0 else end(feature, end(feature, node + 1))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from([-1, -1, 0, 1, 2]), max_size=40),
    arrays_of.arrays(np.float32, 40, elements=st.sampled_from([0, 0.25, 0.5, np.inf])),
    arrays_of.arrays(bool, 40),
    arrays_of.arrays(np.float32, 3, elements=st.sampled_from([0, 0.25, 0.3, 1, np.nan])),
)
def test_any_nodes_are_refused_or_walked(
    feature: list[int], threshold: np.ndarray, missing_left: np.ndarray, row: np.ndarray
) -> None:
    leaf = np.array(feature, np.int8) < 0
    arrays = {
        "feature": np.array(feature, np.int8),
        "threshold": threshold[: len(leaf)][~leaf],
        "missing_left": missing_left[: len(leaf)][~leaf],
        "value": np.flatnonzero(leaf).astype(float),
    }
    roots = [0]
    try:
        while roots[-1] < len(feature):
            roots.append(end(feature, roots[-1]))
    except IndexError:
        with pytest.raises(RunError, match="no end"):
            Trees(arrays, 3)
        return
    trees = Trees(arrays, 3)
    assert trees.root.tolist() == roots[:-1]
    for i, node in enumerate(roots[:-1]):
        while feature[node] >= 0:
            cell = row[feature[node]]
            left = missing_left[node] if np.isnan(cell) else cell <= threshold[node]
            node = node + 1 if left else end(feature, node + 1)
        total = np.zeros(2)
        trees.add(total, np.stack([row, row]), slice(i, i + 1))
        assert total.tolist() == [node, node]


@pytest.mark.slow
def test_missforest_on_breast_takes_few_megabytes() -> None:
    x = load_breast_cancer().data
    x = ((x - x.min(0)) / np.ptp(x, axis=0)).astype(np.float32)
    m = np.random.default_rng(0).random(x.shape) < 0.8
    caps = {"max_rows": 5000, "wide": 100, "n_nearest_features": 20, "rounds_when_wide": 1}
    baseline = MissForest(rounds=5, n_trees=30, max_features=0.33, splits="best", **caps)
    baseline.fit(np.where(m, x, 0)[:455], m[:455], np.full(455, -1))
    assert sum(array.nbytes for array in baseline.state().values()) < 12e6
