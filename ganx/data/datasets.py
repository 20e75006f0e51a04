"""The data sets that are known by name. docs/data.md says what they are, and gives their sources and licences."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets as bundled

from ganx.data.csv_table import read_csv
from ganx.data.idx import read_idx
from ganx.data.source import OpenML, Remote, Source
from ganx.data.synthetic import SYNTHETIC
from ganx.data.table import Column, Table
from ganx.errors import UserError, nearest

UCI = "https://archive.ics.uci.edu/ml/machine-learning-databases"


@dataclass(frozen=True)
class Dataset:
    """How a data set that lies in files is found and read.

    Attributes:
        read: makes the table of the files that `Source.find` gives.
        folder: name of its folder below `GANX_DATA`.
        checksum: `Table.checksum` of the published data; what was downloaded must agree.
        remote: what to download for each file.
    """

    read: Callable[[Source], Table]
    folder: str
    checksum: str
    remote: dict[str, Remote | OpenML] = field(default_factory=dict)

    def load(self, name: str, path: str | None) -> Table:
        """Find, read and check the table."""
        source = Source(name, self.folder, self.remote, path)
        try:
            table = self.read(source)
            if source.downloaded and table.checksum() != self.checksum:
                raise UserError(
                    f"dataset={name}: the downloaded files differ from the published data; "
                    f"put good copies of {', '.join(self.remote)} into a folder {self.folder}/ in GANX_DATA"
                )
        except UserError:
            source.discard()
            raise
        return table


def load_cut(dataset: dict[str, Any]) -> Table:
    """Return the data set that the group `dataset` of a configuration describes, cut to `rows` if that is set."""
    table = load(dataset["name"], dataset["path"], dataset["target"], tuple(dataset["drop"]))
    return table if dataset["rows"] is None else table.cut(dataset["rows"])


def load(name: str, path: str | None = None, target: str | None = None, drop: Sequence[str] = ()) -> Table:
    """Return a data set.

    Args:
        name: one of `DATASETS`.
        path: `csv`: the file; data sets in files: the folder that holds them (or the file itself, if it is one).
        target: `csv`: name of the column to predict, if there is one.
        drop: `csv`: names of columns to leave out.

    Raises:
        UserError: a file is missing, corrupt, or holds what cannot be used; the message names it.
    """
    if name not in DATASETS:
        raise UserError(f"unknown dataset '{name}'{nearest(name, DATASETS)}")
    if name == "csv":
        if path is None:
            raise UserError(
                "dataset=csv needs a file: dataset.path=my.csv (and dataset.target=NAME to predict a column)"
            )
        return read_csv(path, target, drop)
    if target is not None or drop:
        raise UserError(
            f"dataset.target and dataset.drop have no meaning for dataset={name}; use them with dataset=csv"
        )
    if name in IN_FILES:
        return IN_FILES[name].load(name, path)
    if path is not None:
        raise UserError(
            f"dataset.path has no meaning for dataset={name}, which is built in; use dataset=csv for a file"
        )
    return BUNDLED[name]()


def _numeric_table(
    name: str,
    x: NDArray[Any],
    y: NDArray[Any],
    columns: Sequence[str],
    classes: Sequence[str],
    target: str,
    image_shape: tuple[int, ...] | None = None,
    n_train: int | None = None,
) -> Table:
    return Table(
        name,
        x,
        y.astype(np.int64),
        tuple(Column(str(c)) for c in columns),
        tuple(map(str, classes)),
        target,
        image_shape,
        n_train=n_train,
    )


def _pixels(height: int, width: int) -> list[str]:
    return [f"pixel_{row}_{column}" for row in range(height) for column in range(width)]


# Bundled with scikit-learn: no file, no network.


def _breast() -> Table:
    data = bundled.load_breast_cancer()
    # scikit-learn counts malignant as 0; as usual in the field, the rarer and graver class is number 1 here.
    return _numeric_table(
        "breast", data.data, 1 - data.target, data.feature_names, ["benign", "malignant"], "diagnosis"
    )


def _wine() -> Table:
    data = bundled.load_wine()
    return _numeric_table("wine", data.data, data.target, data.feature_names, data.target_names, "cultivar")


def _digits() -> Table:
    data = bundled.load_digits()
    return _numeric_table("digits", data.data, data.target, _pixels(8, 8), data.target_names, "digit", (8, 8))


# Text files.

CREDIT_COLUMNS = (  # noqa: SIM905
    "LIMIT_BAL SEX EDUCATION MARRIAGE AGE PAY_0 PAY_2 PAY_3 PAY_4 PAY_5 PAY_6 BILL_AMT1 BILL_AMT2 BILL_AMT3 BILL_AMT4 "
    "BILL_AMT5 BILL_AMT6 PAY_AMT1 PAY_AMT2 PAY_AMT3 PAY_AMT4 PAY_AMT5 PAY_AMT6"
).split()
LETTER_COLUMNS = (  # noqa: SIM905
    "x-box y-box width high onpix x-bar y-bar x2bar y2bar xybar x2ybr xy2br x-ege xegvy y-ege yegvx"
).split()
SPAM_WORDS = (  # noqa: SIM905
    "make address all 3d our over remove internet order mail receive will people report addresses free business email "
    "you credit your font 000 money hp hpl george 650 lab labs telnet 857 data 415 85 technology 1999 parts pm direct "
    "cs meeting original project re edu table conference"
).split()
SPAM_COLUMNS = [
    *(f"word_freq_{word}" for word in SPAM_WORDS),
    *(f"char_freq_{character}" for character in ";([!$#"),
    *(f"capital_run_length_{what}" for what in ("average", "longest", "total")),
]


def _matrix(path: Path, shape: tuple[int, int], **options: Any) -> NDArray[np.float64]:
    """Read numbers, and make sure that it is all of them: a file that was cut off is refused, not half-read."""
    try:
        with warnings.catch_warnings(action="ignore"):  # an empty file: the shape says it
            matrix = np.loadtxt(path, ndmin=2, **options)
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path} is corrupt ({str(error).splitlines()[0]}): replace it") from error
    if matrix.shape != shape or not np.isfinite(matrix).all():
        rows, columns = matrix.shape
        raise UserError(f"{path} is cut off or another file: {rows} x {columns} numbers, not {shape[0]} x {shape[1]}")
    return matrix


def _labels(path: Path, labels: NDArray[Any], n_classes: int) -> NDArray[np.int64]:
    """Check that labels are whole numbers 0 to n_classes - 1."""
    if not np.isin(labels, np.arange(n_classes)).all():
        raise UserError(f"{path} is corrupt: a label is none of the {n_classes} classes; replace it")
    return labels.astype(np.int64)


def _credit(source: Source) -> Table:
    path = source.find("UCI_Credit_Card.csv")
    matrix = _matrix(path, (30000, 25), delimiter=",", skiprows=1)
    y = _labels(path, matrix[:, -1], 2)
    return _numeric_table("credit", matrix[:, 1:-1], y, CREDIT_COLUMNS, ["0", "1"], "default.payment.next.month")


def _madelon(source: Source) -> Table:
    xs, ys = [], []
    for part, rows in (("train", 2000), ("valid", 600)):
        xs.append(_matrix(source.find(f"madelon_{part}.data"), (rows, 500)))
        path = source.find(f"madelon_{part}.labels")
        ys.append(_labels(path, (_matrix(path, (rows, 1))[:, 0] + 1) / 2, 2))
    columns = [f"feature_{j}" for j in range(500)]
    return _numeric_table("madelon", np.concatenate(xs), np.concatenate(ys), columns, ["-1", "1"], "label")


def _spam(source: Source) -> Table:
    path = source.find("spambase.data")
    matrix = _matrix(path, (4601, 58), delimiter=",")
    return _numeric_table("spam", matrix[:, :-1], _labels(path, matrix[:, -1], 2), SPAM_COLUMNS, ["0", "1"], "spam")


def _letter(source: Source) -> Table:
    path = source.find("letter-recognition.data")
    matrix = _matrix(
        path, (20000, 17), delimiter=",", converters={0: lambda text: ord(text) - ord("A")}, encoding="utf-8"
    )
    classes = [chr(ord("A") + k) for k in range(26)]
    return _numeric_table("letter", matrix[:, 1:], _labels(path, matrix[:, 0], 26), LETTER_COLUMNS, classes, "lettr")


# Images.

FASHION_CLASSES = [
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
]


def _idx_images(name: str, classes: Sequence[str]) -> Callable[[Source], Table]:
    """Return a reader of the 60,000 training images followed by the 10,000 test images."""

    def read(source: Source) -> Table:
        x, ys = np.empty((70000, 784), dtype=np.float32), []
        for part, first, rows in (("train", 0, 60000), ("t10k", 60000, 10000)):
            x[first : first + rows] = _idx(source.find(f"{part}-images-idx3-ubyte.gz"), (rows, 28, 28)).reshape(
                rows, 784
            )
            path = source.find(f"{part}-labels-idx1-ubyte.gz")
            ys.append(_labels(path, _idx(path, (rows,)), 10))
        return _numeric_table(name, x, np.concatenate(ys), _pixels(28, 28), classes, "label", (28, 28), n_train=60000)

    return read


def _idx(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    values = read_idx(path)
    if values.shape != shape:
        raise UserError(f"{path} is another file: its shape is {values.shape}, not {shape}")
    return values


def _idx_files(root: str, checksums: Sequence[str]) -> dict[str, Remote | OpenML]:
    names = [f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
    return {name: Remote(f"{root}/{name}", checksum) for name, checksum in zip(names, checksums, strict=True)}


BUNDLED: dict[str, Callable[[], Table]] = {"breast": _breast, "wine": _wine, "digits": _digits, **SYNTHETIC}

IN_FILES = {
    "credit": Dataset(
        _credit,
        "credit_default",
        "6100e3cee2358d1a0c0325fb2818c92bdc0cd20f38a461033389a2a7151dbe63",
        {"UCI_Credit_Card.csv": OpenML(42477, (*CREDIT_COLUMNS, "default.payment.next.month"))},
    ),
    "madelon": Dataset(
        _madelon,
        "madelon",
        "902f8203d2dada2f8bb2da99ca25439a7e9d18c09ff7b9c32c9d444cc5f4dcdc",
        {
            "madelon_train.data": Remote(f"{UCI}/madelon/MADELON/madelon_train.data"),
            "madelon_train.labels": Remote(f"{UCI}/madelon/MADELON/madelon_train.labels"),
            "madelon_valid.data": Remote(f"{UCI}/madelon/MADELON/madelon_valid.data"),
            "madelon_valid.labels": Remote(f"{UCI}/madelon/madelon_valid.labels"),
        },
    ),
    "mnist": Dataset(
        _idx_images("mnist", [str(k) for k in range(10)]),
        "mnist",
        "b919080dd7b5ff745c994d4f46277e388326f88dc945e4b10b760ae8a834b06a",
        _idx_files(
            "https://ossci-datasets.s3.amazonaws.com/mnist",
            [
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ],
        ),
    ),
    "fashion_mnist": Dataset(
        _idx_images("fashion_mnist", FASHION_CLASSES),
        "fashion_mnist",
        "f6c4ae6c7393bbae8e34922fbe6dbe0c4f2a172a0286f04606520357d72d68a1",
        _idx_files(
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
            [
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ],
        ),
    ),
    "spam": Dataset(
        _spam,
        "spambase",
        "15e826c9bbd447bcfb7a6d6f02768dc312bfa14c94d8a2464a3b255809353ab5",
        {"spambase.data": Remote(f"{UCI}/spambase/spambase.data")},
    ),
    "letter": Dataset(
        _letter,
        "letter",
        "5803c09ee8bffecdce589e22bdb669bed73a27de979289900e78974de2f0bb9c",
        {"letter-recognition.data": Remote(f"{UCI}/letter-recognition/letter-recognition.data")},
    ),
}

#: Names that `load` knows.
DATASETS = (*BUNDLED, *IN_FILES, "csv")
