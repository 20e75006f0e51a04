"""A small classifier of images that ganx trains itself: where FID, KID, precision and recall take their features from.

Figures from it compare models on one data set; they are not those of the Inception network. Its checksum says whether
two figures come from the same network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor, nn

from ganx.data.source import cache_folder
from ganx.data.table import Table
from ganx.engine.checkpoint import read_checkpoint, write_checkpoint
from ganx.errors import RunError
from ganx.metrics.classification import accuracy

Rows = NDArray[np.generic]
Floats = NDArray[np.float64]
Index = NDArray[np.int64]

_VERSION = 1  # of everything below that decides the weights
_SEED = 0
_CHANNELS, _FEATURES = 16, 64
_STEPS, _BATCH, _RATE = 1200, 128, 3e-3
_TRAIN_SHARE = 0.8


class FeatureNetwork(nn.Module):
    """Two convolutions, each followed by pooling, a layer of 64 features, and a layer of K classes.

    Args:
        shape: (C, H, W) of an image.
        n_classes: K.

    Attributes:
        name: what it is, for whoever reads the figures.
        accuracy: share of right classes among the rows that it was not trained on; NaN if there are none.
    """

    name = f"ganx classifier, 2 convolutions, {_FEATURES} features"
    low: Tensor
    span: Tensor

    def __init__(self, shape: tuple[int, int, int], n_classes: int) -> None:
        super().__init__()
        channels, height, width = shape
        self.shape = shape
        self.accuracy = float("nan")
        self.register_buffer("low", torch.zeros(()))
        self.register_buffer("span", torch.ones(()))
        self.body = nn.Sequential(
            nn.Conv2d(channels, _CHANNELS, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(_CHANNELS, 2 * _CHANNELS, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(2 * _CHANNELS * (height // 4) * (width // 4), _FEATURES),
            nn.LeakyReLU(0.2),  # a third of the features of a ReLU would be constant
        )
        self.head = nn.Linear(_FEATURES, n_classes)

    def penultimate(self, x: Tensor) -> Tensor:
        """Return features (n, 64) of cells (n, D)."""
        features: Tensor = self.body(((x - self.low) / self.span).view(len(x), *self.shape))
        return features

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, K) of cells (n, D)."""
        logits: Tensor = self.head(self.penultimate(x))
        return logits

    def features(self, x: Rows) -> Floats:
        """Return features (n, 64) of rows x (n, D), which are in the units of the table, as `Table.x` is."""
        return _in_batches(self.penultimate, x)

    def classify(self, x: Rows) -> Floats:
        """Return class probabilities (n, K) of rows x (n, D), which are in the units of the table."""
        return _in_batches(lambda batch: self(batch).softmax(1), x)

    def facts(self) -> dict[str, str | float]:
        """Return what a reader of figures must know of the network."""
        return {"name": self.name, "sha256": self.sha256, "accuracy": self.accuracy}

    @property
    def sha256(self) -> str:
        """Checksum of the weights."""
        digest = hashlib.sha256()
        for weights in self.state_dict().values():
            digest.update(weights.numpy().tobytes())
        return digest.hexdigest()


def feature_network(table: Table, console: Console | None = None) -> FeatureNetwork:
    """Return the feature network of a table of images with classes, from the user's cache or trained now.

    It is trained on the publisher's training rows, or on 80 % of the rows where there are none, always in one thread
    and from the same numbers: a machine makes the same network every time.

    Args:
        table: has `image_shape` and a class for at least some rows.
        console: where to say that it is trained, which takes up to a minute.
    """
    path = cache_folder() / "features" / f"{table.name}-{table.checksum()[:10]}.v{_VERSION}.pt"
    with _apart():
        return _read(path, table) or _make(path, table, console or Console(quiet=True))


def _read(path: Path, table: Table) -> FeatureNetwork | None:
    """Return the network in the cache, if it is there and whole."""
    network = _untrained(table)
    try:
        state = read_checkpoint(path)
        network.load_state_dict(state["weights"])
        network.accuracy = float(state["accuracy"])
        return network if state["sha256"] == network.sha256 else None
    except Exception:  # torch raises almost anything over a damaged file, and a new one costs a minute
        return None


def _make(path: Path, table: Table, console: Console) -> FeatureNetwork:
    """Train the network and put it into the cache. A process that does so at the same time writes the same file."""
    console.print(f"training the feature network of {table.name}, once", highlight=False)
    network = _untrained(table)
    train, test = _rows(table)
    _train(network, table, train)
    network.accuracy = accuracy(_classes(table, test), network.classify(table.x[test]))
    state = {"weights": network.state_dict(), "accuracy": network.accuracy, "sha256": network.sha256}
    try:
        write_checkpoint(path, state)
    except RunError:  # that costs time, not the figures
        console.print(f"{path} cannot be written: it will be trained again next time", highlight=False, soft_wrap=True)
    return network


def _untrained(table: Table) -> FeatureNetwork:
    assert table.image_shape is not None
    torch.default_generator.manual_seed(_SEED)
    return FeatureNetwork(table.image_shape, table.n_classes)


def _rows(table: Table) -> tuple[Index, Index]:
    """Rows to train on and rows to test on, of those with a class."""
    n_train = table.n_train
    order = np.arange(table.n_rows)
    if n_train is None:
        order = np.random.default_rng(_SEED).permutation(table.n_rows)
        n_train = round(_TRAIN_SHARE * table.n_rows)
    labelled = _classes(table, order) >= 0
    return order[:n_train][labelled[:n_train]], order[n_train:][labelled[n_train:]]


def _classes(table: Table, rows: Index) -> Index:
    assert table.y is not None
    return table.y[rows]


def _train(network: FeatureNetwork, table: Table, rows: Index) -> None:
    """A fixed number of steps of Adam, whose rate rises and falls once (Smith and Topin, 2018)."""
    x, y = table.x[rows], torch.from_numpy(_classes(table, rows))
    network.low.fill_(float(x.min()))
    network.span.fill_(float(x.max()) - float(x.min()) or 1.0)
    optimizer = torch.optim.Adam(network.parameters(), lr=_RATE, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=_STEPS)
    for batch in _batches(len(rows)):
        loss = F.cross_entropy(network(_tensor(x[batch])), y[batch])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()


def _batches(n_rows: int) -> Iterator[Index]:
    """Rows of each step: one shuffled pass over all rows after another."""
    rng = np.random.default_rng(_SEED)
    passes = -(-_STEPS * _BATCH // n_rows)
    order = np.concatenate([rng.permutation(n_rows) for _ in range(passes)])
    return iter(order[: _STEPS * _BATCH].reshape(_STEPS, _BATCH))


def _tensor(x: Rows) -> Tensor:
    return torch.from_numpy(x.astype(np.float32))


def _in_batches(function: Callable[[Tensor], Tensor], x: Rows) -> Floats:
    with torch.inference_mode():
        parts = [function(_tensor(x[start : start + 1000])).double() for start in range(0, len(x) or 1, 1000)]
    return torch.cat(parts).numpy()


@contextmanager
def _apart() -> Iterator[None]:
    """The same arithmetic whoever calls: one thread, gradients, and random numbers that leave the caller's alone."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]), torch.inference_mode(False):  # that ends `no_grad`, too
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
