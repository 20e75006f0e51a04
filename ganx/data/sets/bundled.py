"""Data sets that come with scikit-learn: no file, no network."""

from __future__ import annotations

from sklearn import datasets as bundled

from ganx.data.sets.numeric import numeric_table, pixels
from ganx.data.table import Table


class Breast:
    """Breast cancer Wisconsin (diagnostic)."""

    def load(self) -> Table:
        """Return the table."""
        data = bundled.load_breast_cancer()
        # scikit-learn counts malignant as 0; as usual in the field, the rarer and graver class is number 1 here.
        classes = ["benign", "malignant"]
        return numeric_table("breast", data.data, 1 - data.target, data.feature_names, classes, "diagnosis")


class Wine:
    """Wine recognition."""

    def load(self) -> Table:
        """Return the table."""
        data = bundled.load_wine()
        return numeric_table("wine", data.data, data.target, data.feature_names, data.target_names, "cultivar")


class Digits:
    """Handwritten digits of 8 x 8 pixels."""

    def load(self) -> Table:
        """Return the table."""
        data = bundled.load_digits()
        return numeric_table("digits", data.data, data.target, pixels(1, 8, 8), data.target_names, "digit", (1, 8, 8))
