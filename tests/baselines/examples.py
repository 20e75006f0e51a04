"""Every baseline with options that are quick, and a table for them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ganx.baselines.baseline import Baseline
from ganx.baselines.boosting import Boosting
from ganx.baselines.copula import Copula
from ganx.baselines.dummy import Dummy
from ganx.baselines.knn import KNN
from ganx.baselines.logistic import Logistic
from ganx.baselines.matrix import Matrix
from ganx.baselines.mean import Mean
from ganx.baselines.mice import MICE
from ganx.baselines.missforest import MissForest
from ganx.baselines.zeros import Zeros

CAPS = {"max_rows": 50, "wide": 20, "n_nearest_features": 5, "rounds_when_wide": 1}
COPULA = {"rounds": 30, "ridge": [1e-3, 0.03, 0.3, 1.0, 3.0, 10.0], "wide": 20, "rank": 4}
IMPUTERS: dict[str, Callable[[], Baseline]] = {
    "zeros": Zeros,
    "mean": Mean,
    "matrix": lambda: Matrix(n_thresholds=8, rounds=50, held_out=0.1, max_rows=None),
    "copula": lambda: Copula(answer="mean", **COPULA),
    "copula_median": lambda: Copula(answer="median", **COPULA),
    "copula_draw": lambda: Copula(answer="draw", **COPULA),
    "knn": lambda: KNN(n_neighbors=5, max_rows=None),
    "mice": lambda: MICE(rounds=3, posterior=False, **CAPS | {"max_rows": None}),
    "mice_posterior": lambda: MICE(rounds=3, posterior=True, **CAPS | {"max_rows": None}),
    "missforest": lambda: MissForest(rounds=2, n_trees=5, max_features=0.5, splits="best", **CAPS | {"max_rows": None}),
    "missforest_random": lambda: MissForest(
        rounds=2, n_trees=5, max_features=0.5, splits="random", **CAPS | {"max_rows": None}
    ),
}
CLASSIFIERS: dict[str, Callable[[], Baseline]] = {
    "dummy": Dummy,
    "logistic": lambda: Logistic(c=1.0, class_weight="none"),
    "boosting": lambda: Boosting(trees=10, learning_rate=0.1, class_weight="balanced"),
}


def low_rank_table(rows: int = 120, columns: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of rank 2, float32 in 0 ... 1, and which cells are observed."""
    random = np.random.default_rng(0)
    factors = random.normal(size=(rows, 2)) @ random.normal(size=(2, columns))
    x = (factors - factors.min()) / (factors.max() - factors.min())
    return x.astype(np.float32), random.random(x.shape) < 0.8
