"""`model=pipeline`: impute, level the classes, classify, one after another, on the same splits and masks as ever."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC
from numpy.typing import NDArray

from ganx.data.encoding import Encoding
from ganx.data.splits import Split
from ganx.data.table import Table
from ganx.engine.views import Completed
from ganx.errors import UserError

Filled = NDArray[np.float32]


class Pipeline:
    """An imputer, a balancer and a classifier (the comparisons of HexaGAN's classification table).

    The imputer may be any model that imputes, the classifier any that classifies. Replicas are batched in both stages.
    The classifier is shown the imputer's rows with every cell filled, and is selected on its own.

    Args:
        imputer: a whole model configuration.
        balancer: against rare classes. `cs`: class-weighted cross-entropy; `crl`: class rectification loss (both are
            the classifier's `balance`); `smote`: synthetic rows between neighbours of a class (Chawla et al., 2002),
            with the category that most of a row's neighbours have.
        classifier: a whole model configuration.
    """

    stages = ("imputer", "classifier")

    def __init__(
        self,
        *,
        imputer: dict[str, Any],
        balancer: Literal["none", "cs", "smote", "crl"],
        classifier: dict[str, Any],
    ) -> None:
        self.imputer, self.balancer, self.classifier = imputer, balancer, classifier

    def models(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the model groups of both stages.

        Raises:
            UserError: the balancer is a loss that the classifier does not have.
        """
        if self.balancer not in ("cs", "crl"):
            return self.imputer, self.classifier
        if "balance" not in self.classifier:
            raise UserError(
                f"model.balancer={self.balancer}: the classifier '{self.classifier['name']}' has no such loss; "
                "use mlp or triplegan, or model.balancer=smote"
            )
        return self.imputer, {**self.classifier, "balance": self.balancer}

    def complete(self, table: Table, split: Split, x: Filled) -> Completed:
        """Return the filled rows (N, d) of a replica, and those that SMOTE adds to training rows of rare classes."""
        y = table.y
        known = np.intersect1d(split.train, np.flatnonzero(split.shown_labels()))
        if self.balancer != "smote" or y is None:
            return Completed(x, np.empty(0, dtype=np.int64))
        known = known[y[known] >= 0]
        counts = np.bincount(y[known])
        neighbours = min(5, int(counts[counts > 0].min()) - 1)  # 5: the default of the paper
        if neighbours < 1 or (counts > 0).sum() < 2:
            return Completed(x, np.empty(0, dtype=np.int64))  # a class of one row has no neighbour
        # Numbers stay in units of the replica, so that distances are those of the classifier's rows.
        encoding = Encoding(table.columns, np.zeros(table.n_columns), np.ones(table.n_columns))
        smote = _smote(encoding.numeric, k_neighbors=neighbours, random_state=1000 * split.seed + split.fold)
        more_x, more_y = smote.fit_resample(encoding.decode(x[known]), y[known])
        new = slice(len(known), None)
        return Completed(np.concatenate([x, encoding.encode(more_x[new])]), more_y[new].astype(np.int64))


def _smote(numeric: NDArray[np.bool_], **keywords: Any) -> Any:
    """Return the form of SMOTE for columns of which some are `numeric` (D,)."""
    if numeric.all():
        return SMOTE(**keywords)
    return SMOTENC(np.flatnonzero(~numeric), **keywords) if numeric.any() else SMOTEN(**keywords)
