"""Fill missing cells with the mean of the column: what every imputer has to beat."""

from __future__ import annotations

from sklearn.impute import SimpleImputer

from ganx.baselines.baseline import Baseline, Labels, Mask, Rows, with_gaps, without_gaps


class Mean(Baseline):
    """scikit-learn's `SimpleImputer`: the mean of the observed training cells, 0 where a column has none."""

    def fit(self, x: Rows, m: Mask, y: Labels) -> None:
        """Learn the column means."""
        self.imputer = SimpleImputer(keep_empty_features=True).fit(with_gaps(x, m))

    def impute(self, x: Rows, m: Mask) -> Rows:
        """Return x with its unknown cells filled, (n, d)."""
        return without_gaps(x, m, self.imputer.transform(with_gaps(x, m)))
