"""Data sets in text files of numbers."""

from __future__ import annotations

import numpy as np

from ganx.data.sets.numeric import numeric_table
from ganx.data.sets.published import Published, labels, matrix
from ganx.data.source import OpenML, Remote, Source
from ganx.data.table import Table

UCI = "https://archive.ics.uci.edu/ml/machine-learning-databases"

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


class Credit(Published):
    """Default of credit card clients."""

    name = "credit"
    folder = "credit_default"
    checksum = "6100e3cee2358d1a0c0325fb2818c92bdc0cd20f38a461033389a2a7151dbe63"
    remote = {"UCI_Credit_Card.csv": OpenML(42477, (*CREDIT_COLUMNS, "default.payment.next.month"))}  # noqa: RUF012

    def read(self, source: Source) -> Table:
        """Make the table of the files."""
        path = source.find("UCI_Credit_Card.csv")
        numbers = matrix(path, (30000, 25), delimiter=",", skiprows=1)
        y = labels(path, numbers[:, -1], 2)
        return numeric_table(self.name, numbers[:, 1:-1], y, CREDIT_COLUMNS, ["0", "1"], "default.payment.next.month")


class Madelon(Published):
    """Madelon: the training rows, then the validation rows."""

    name = "madelon"
    folder = "madelon"
    checksum = "902f8203d2dada2f8bb2da99ca25439a7e9d18c09ff7b9c32c9d444cc5f4dcdc"
    remote = {  # noqa: RUF012
        "madelon_train.data": Remote(f"{UCI}/madelon/MADELON/madelon_train.data"),
        "madelon_train.labels": Remote(f"{UCI}/madelon/MADELON/madelon_train.labels"),
        "madelon_valid.data": Remote(f"{UCI}/madelon/MADELON/madelon_valid.data"),
        "madelon_valid.labels": Remote(f"{UCI}/madelon/madelon_valid.labels"),
    }

    def read(self, source: Source) -> Table:
        """Make the table of the files."""
        xs, ys = [], []
        for part, rows in (("train", 2000), ("valid", 600)):
            xs.append(matrix(source.find(f"madelon_{part}.data"), (rows, 500)))
            path = source.find(f"madelon_{part}.labels")
            ys.append(labels(path, (matrix(path, (rows, 1))[:, 0] + 1) / 2, 2))
        columns = [f"feature_{j}" for j in range(500)]
        return numeric_table(self.name, np.concatenate(xs), np.concatenate(ys), columns, ["-1", "1"], "label")


class Spam(Published):
    """Spambase."""

    name = "spam"
    folder = "spambase"
    checksum = "15e826c9bbd447bcfb7a6d6f02768dc312bfa14c94d8a2464a3b255809353ab5"
    remote = {"spambase.data": Remote(f"{UCI}/spambase/spambase.data")}  # noqa: RUF012

    def read(self, source: Source) -> Table:
        """Make the table of the files."""
        path = source.find("spambase.data")
        numbers = matrix(path, (4601, 58), delimiter=",")
        return numeric_table(
            self.name, numbers[:, :-1], labels(path, numbers[:, -1], 2), SPAM_COLUMNS, ["0", "1"], "spam"
        )


class Letter(Published):
    """Letter recognition."""

    name = "letter"
    folder = "letter"
    checksum = "5803c09ee8bffecdce589e22bdb669bed73a27de979289900e78974de2f0bb9c"
    remote = {"letter-recognition.data": Remote(f"{UCI}/letter-recognition/letter-recognition.data")}  # noqa: RUF012

    def read(self, source: Source) -> Table:
        """Make the table of the files."""
        path = source.find("letter-recognition.data")
        numbers = matrix(
            path, (20000, 17), delimiter=",", converters={0: lambda text: ord(text) - ord("A")}, encoding="utf-8"
        )
        classes = [chr(ord("A") + k) for k in range(26)]
        return numeric_table(
            self.name, numbers[:, 1:], labels(path, numbers[:, 0], 26), LETTER_COLUMNS, classes, "lettr"
        )
