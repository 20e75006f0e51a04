"""MNIST, and the data sets that are packed like it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ganx.data.idx import read_idx
from ganx.data.sets.numeric import numeric_table, pixels
from ganx.data.sets.published import Published, labels
from ganx.data.source import Remote, Source
from ganx.data.table import Table
from ganx.errors import UserError

DIGITS = tuple(map(str, range(10)))
CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


class IDXImages(Published):
    """60,000 training images of 28 x 28 grey pixels, followed by the 10,000 test images.

    Attributes:
        classes: the names of the ten classes.
    """

    classes: ClassVar[Sequence[str]]

    def read(self, source: Source) -> Table:
        """Make the table of the files."""
        x, ys = np.empty((70000, 784), dtype=np.float32), []
        for part, first, rows in (("train", 0, 60000), ("t10k", 60000, 10000)):
            images = _idx(source.find(f"{part}-images-idx3-ubyte.gz"), (rows, 28, 28))
            x[first : first + rows] = images.reshape(rows, 784)
            path = source.find(f"{part}-labels-idx1-ubyte.gz")
            ys.append(labels(path, _idx(path, (rows,)), 10))
        y, shape = np.concatenate(ys), (1, 28, 28)
        return numeric_table(self.name, x, y, pixels(*shape), self.classes, "label", shape, n_train=60000)


def _idx(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    values = read_idx(path)
    if values.shape != shape:
        raise UserError(f"{path} is another file: its shape is {values.shape}, not {shape}")
    return values


def _remote(root: str, checksums: Sequence[str]) -> dict[str, Remote]:
    names = [f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
    return {name: Remote(f"{root}/{name}", checksum) for name, checksum in zip(names, checksums, strict=True)}


class MNIST(IDXImages):
    """Handwritten digits."""

    name = "mnist"
    folder = "mnist"
    checksum = "b919080dd7b5ff745c994d4f46277e388326f88dc945e4b10b760ae8a834b06a"
    classes = DIGITS
    remote = _remote(
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        [
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ],
    )


class FashionMNIST(IDXImages):
    """Articles of clothing."""

    name = "fashion_mnist"
    folder = "fashion_mnist"
    checksum = "f6c4ae6c7393bbae8e34922fbe6dbe0c4f2a172a0286f04606520357d72d68a1"
    classes = CLOTHES
    remote = _remote(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
        [
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ],
    )
