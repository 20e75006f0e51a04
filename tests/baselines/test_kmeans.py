import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import cluster
from sklearn.preprocessing import StandardScaler

from ganx.baselines.kmeans import KMeans
from ganx.errors import RunError, UserError

KEYS = {"n_init": 3, "rounds": 100}


@pytest.fixture
def rows() -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 3))
    x = centres[rng.integers(4, size=200)] + 0.3 * rng.normal(size=(200, 3))
    return (x * [1.0, 20.0, 0.1]).astype(np.float32)


def fitted(x: NDArray[np.float32], scaling: str) -> KMeans:
    kmeans = KMeans(clusters=4, scaling=scaling, **KEYS)  # type: ignore[arg-type]
    kmeans.seed = 7
    kmeans.fit(x, np.full(len(x), -1))
    return kmeans


@pytest.mark.parametrize("scaling", ["none", "standard"])
def test_its_labels_are_those_of_scikit_learn(rows: NDArray[np.float32], scaling: str) -> None:
    train, test = rows[:150], rows[150:]
    scaler = StandardScaler(with_mean=scaling == "standard", with_std=scaling == "standard").fit(train)
    theirs = cluster.KMeans(4, n_init=3, max_iter=100, random_state=7).fit(scaler.transform(train))
    ours = fitted(train, scaling)
    np.testing.assert_array_equal(ours.cluster(train), theirs.labels_)
    np.testing.assert_array_equal(ours.cluster(test), theirs.predict(scaler.transform(test)))


def test_scaling_matters_here(rows: NDArray[np.float32]) -> None:
    assert (fitted(rows, "none").cluster(rows) != fitted(rows, "standard").cluster(rows)).any()


def test_images_are_rows_and_a_constant_column_does_no_harm() -> None:
    x = np.random.default_rng(0).normal(size=(30, 1, 2, 3)).astype(np.float32)
    x[:, 0, 0, 0] = 5
    assert fitted(x, "standard").cluster(x).shape == (30,)


def test_as_many_clusters_as_classes(rows: NDArray[np.float32]) -> None:
    kmeans = KMeans(clusters="classes", scaling="none", **KEYS)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"model\.clusters"):
        kmeans.fit(rows, np.full(len(rows), -1))
    kmeans.n_classes = 300
    with pytest.raises(UserError, match=r"model\.clusters=300: there are 200 training rows"):
        kmeans.check(len(rows))
    kmeans.n_classes = 3
    kmeans.fit(rows, np.full(len(rows), -1))
    assert len(np.unique(kmeans.cluster(rows))) == 3


def test_what_is_kept_answers_as_before(rows: NDArray[np.float32]) -> None:
    kmeans = fitted(rows, "standard")
    other = KMeans(clusters=4, scaling="standard", **KEYS)  # type: ignore[arg-type]
    other.load_state(kmeans.state())
    np.testing.assert_array_equal(other.cluster(rows), kmeans.cluster(rows))


@pytest.mark.parametrize("name", ["centres", "shift", "scale"])
def test_damaged_arrays_are_refused(rows: NDArray[np.float32], name: str) -> None:
    kmeans = fitted(rows, "standard")
    whole = kmeans.state()
    broken = {"shape": whole[name][..., :2], "type": whole[name].astype(np.int64), "number": whole[name] * np.nan}
    for array in broken.values():
        with pytest.raises(RunError, match="damaged"):
            kmeans.load_state({**whole, name: array})
    with pytest.raises(RunError, match="damaged"):
        kmeans.load_state({key: value for key, value in whole.items() if key != name})
