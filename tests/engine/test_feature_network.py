"""The feature network: trained once, the same every time, and without a trace in the process that asks for it."""

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from ganx.data import Table, load
from ganx.engine import feature_network as module
from ganx.engine.feature_network import FeatureNetwork, feature_network
from ganx.metrics.generation import frechet_distance

TRAIN_BRIEFLY = """
import ganx.engine.feature_network as module
from ganx.data import load
module._STEPS = 5
print(module.feature_network(load("digits")).sha256)
"""


def said(table: Table) -> tuple[FeatureNetwork, str]:
    """Return a table's network and what the console was told."""
    console = Console(file=io.StringIO(), width=200)
    network = feature_network(table, console)
    return network, console.file.getvalue()  # type: ignore[attr-defined]


def divided(table: Table, n_train: int) -> Table:
    """Return a table whose publisher has divided it."""
    table = replace(table)
    object.__setattr__(table, "n_train", n_train)
    return table


def cached(folder: Path) -> Path:
    (file,) = (folder / "ganx" / "features").iterdir()
    return file


@pytest.fixture
def digits() -> Table:
    return load("digits")


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A training of five steps into an empty cache, whose folder is returned."""
    monkeypatch.setattr(module, "_STEPS", 5)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FeatureNetwork]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        network, words = said(load("digits"))
        assert words == "training the feature network of digits, once\n"
        again, words = said(load("digits"))
        assert (again.sha256, again.accuracy, words) == (network.sha256, network.accuracy, "")
        yield again


def test_digits(trained: FeatureNetwork, digits: Table) -> None:
    assert trained.accuracy >= 0.97
    probability = trained.classify(digits.x)
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-5)
    assert np.mean(probability.argmax(axis=1) == digits.y) >= 0.97
    features = trained.features(digits.x)
    assert (features.shape, features.dtype) == ((1797, 64), np.float64)
    assert np.isfinite(features).all()
    assert (features.std(axis=0) > 0).all()
    np.testing.assert_allclose(features[1500:1510], trained.features(digits.x[1500:1510]), rtol=1e-4, atol=1e-4)


def test_features_tell_classes_apart(trained: FeatureNetwork, digits: Table) -> None:
    assert digits.y is not None
    zeros, ones = (trained.features(digits.x[digits.y == k]) for k in (0, 1))
    assert frechet_distance(zeros, ones) > 20 * frechet_distance(zeros[::2], zeros[1::2])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("mnist", 0.985), ("fashion_mnist", 0.88)])
def test_published_images(
    name: str, least: float, ganx_data: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    ganx_data(name)
    assert feature_network(divided(load(name), 60_000)).accuracy >= least


@pytest.mark.parametrize("no_gradients", [torch.no_grad, torch.inference_mode])
def test_the_caller_notices_nothing(no_gradients: Callable[[], Any], brief: Path, digits: Table) -> None:
    torch.set_num_threads(2)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    np_state = np.random.get_state()[1].copy()  # noqa: NPY002
    first = feature_network(digits)
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == 2
    np.testing.assert_array_equal(np.random.get_state()[1], np_state)  # noqa: NPY002
    bytes_of_two_threads = cached(brief).read_bytes()
    cached(brief).unlink()
    torch.set_num_threads(1)
    with no_gradients():
        second = feature_network(digits)
        assert not torch.is_grad_enabled()
    assert second.sha256 == first.sha256
    assert cached(brief).read_bytes() == bytes_of_two_threads


def test_rows_that_are_not_trained_on(brief: Path, digits: Table) -> None:
    """Publisher's test rows, and rows without a class: whatever they hold, the weights are the same."""
    assert digits.y is not None
    table = divided(replace(digits, y=np.where(np.arange(1797) < 100, -1, digits.y)), 1000)
    clean = feature_network(table)
    x = table.x.copy()
    x[:100] = np.nan
    x[1000:] = -x[1000:]
    assert feature_network(divided(replace(table, x=x), 1000)).sha256 == clean.sha256
    x[500] = x[501]
    assert feature_network(divided(replace(table, x=x), 1000)).sha256 != clean.sha256


def test_no_row_is_left_to_test_on(brief: Path, digits: Table) -> None:
    network = feature_network(divided(digits, 1797))
    assert np.isnan(network.accuracy)
    assert network.features(digits.x[:0]).shape == (0, 64)


def test_units_of_the_source_do_not_matter(brief: Path, digits: Table) -> None:
    scaled = replace(digits, x=255 / 16 * digits.x + 3)
    features = feature_network(digits).features(digits.x)
    np.testing.assert_allclose(feature_network(scaled).features(scaled.x), features, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("damage", ["empty", "half", "a flipped bit", "not a checkpoint", "other weights", "old"])
def test_a_damaged_file_is_made_anew(damage: str, brief: Path, digits: Table) -> None:
    good = feature_network(digits).sha256
    file = cached(brief)
    whole = file.read_bytes()
    middle = len(whole) // 2
    if damage == "other weights":
        state = torch.load(file)
        state["weights"]["head.bias"] += 1
        torch.save(state, file)
    elif damage == "old":
        torch.save({"weights": {}}, file)
    else:
        flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
        file.write_bytes(
            {"empty": b"", "half": whole[:middle], "a flipped bit": flipped, "not a checkpoint": b"hello"}[damage]
        )
    network, words = said(digits)
    assert network.sha256 == good
    assert words.startswith("training")
    assert file.read_bytes() == whole


def test_a_cache_that_cannot_be_written_costs_time_only(brief: Path, digits: Table) -> None:
    (brief / "ganx").write_text("in the way")
    network, words = said(digits)
    assert np.isfinite(network.accuracy)
    assert words.splitlines()[1].endswith("cannot be written: it will be trained again next time")


@pytest.mark.slow
def test_two_processes_at_once(brief: Path, digits: Table) -> None:
    command = [sys.executable, "-c", TRAIN_BRIEFLY]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = {process.communicate()[0].strip() for process in processes}
    assert answers == {feature_network(digits).sha256}
    assert cached(brief).is_file()  # and nothing else lies there
