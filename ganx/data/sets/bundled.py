"""Data sets that come with scikit-learn: no file, no network. `checksum` is `Table.checksum` of all their rows."""

from __future__ import annotations

from sklearn import datasets as bundled

from ganx.data.sets.numeric import numeric_table, pixels
from ganx.data.table import Table


class Breast:
    """Breast cancer Wisconsin (diagnostic)."""

    checksum = "8d1d792b77dcbe70c897c1e63a890516f0972e47073139eaccb48262272d738a"

    def load(self) -> Table:
        """Return the table."""
        data = bundled.load_breast_cancer()
        # scikit-learn counts malignant as 0; as usual in the field, the rarer and graver class is number 1 here.
        classes = ["benign", "malignant"]
        table = numeric_table("breast", data.data, 1 - data.target, data.feature_names, classes, "diagnosis")
        return table.compared(self.checksum, "scikit-learn")


class Wine:
    """Wine recognition."""

    checksum = "98db8ded2b73e93f3ee8af92ee3e921e23c738be50350910e5d3ab92e49b948b"

    def load(self) -> Table:
        """Return the table."""
        data = bundled.load_wine()
        table = numeric_table("wine", data.data, data.target, data.feature_names, data.target_names, "cultivar")
        return table.compared(self.checksum, "scikit-learn")


class Digits:
    """Handwritten digits of 8 x 8 pixels."""

    checksum = "ce0292e8ef15a634c1304cdcfd326cfa209a1c3daa69d2474cc8cf18803ae56f"

    def load(self) -> Table:
        """Return the table."""
        data = bundled.load_digits()
        table = numeric_table("digits", data.data, data.target, pixels(1, 8, 8), data.target_names, "digit", (1, 8, 8))
        return table.compared(self.checksum, "scikit-learn")
