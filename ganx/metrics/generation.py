"""How well generated rows follow the data: modes of a known mixture, use of categories, distances between features.

`x`, `real` and `generated` hold a row per sample. NaN stands where there are too few samples to score.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.distance import cdist
from sklearn.metrics import pairwise_distances_chunked
from sklearn.neighbors import NearestNeighbors

Floats = NDArray[np.floating]

_HIGH_QUALITY = 3.0  # standard deviations, as in PacGAN
_SUBSETS, _SUBSET_SIZE = 100, 1000  # as in the authors' code of KID
_CHUNK = 16  # MiB of distances at a time: a block that stays in the cache takes a third of the time


def modes_covered(x: Floats, centres: Floats, sd: float) -> int:
    """Return how many modes have a high-quality sample (PacGAN, Lin et al., NeurIPS 2018; authors' code).

    Args:
        x: (n, d) samples.
        centres: (M, d) centres of the modes, in the same units.
        sd: standard deviation of each mode in each dimension; high quality is within 3 sd of the nearest centre.
    """
    return int(np.count_nonzero(_mode_counts(x, centres, sd)))


def high_quality(x: Floats, centres: Floats, sd: float) -> float:
    """Return the share of high-quality samples: 1 - exp(-9/2) = 0.989 for 2-D modes themselves. See `modes_covered`."""
    return float(_mode_counts(x, centres, sd).sum() / len(x)) if len(x) else float("nan")


def reverse_kl(x: Floats, centres: Floats, sd: float, weights: Floats) -> float:
    """Return KL(generated || target) in nats, both as histograms over modes (PacGAN). See `modes_covered`.

    Only high-quality samples are counted. A mode that was never generated adds nothing, so this is finite.

    Args:
        x, centres, sd: as in `modes_covered`.
        weights: (M,) positive probabilities of the modes.
    """
    counts = _mode_counts(x, centres, sd)
    return float(stats.entropy(counts, weights)) if counts.any() else float("nan")


def entropy(p: Floats) -> float:
    """Return the entropy of the probabilities p (K,) in nats."""
    return float(stats.entropy(p))


def categories_in_use(p: Floats, least: float = 0.01) -> int:
    """Return how many of the probabilities p (K,) are at least `least`; VCAGAN leaves out categories below 1 %."""
    return int(np.count_nonzero(p >= least))


def frechet_distance(real: Floats, generated: Floats) -> float:
    """Return the squared Fréchet distance of two Gaussians fitted to features: FID (Heusel et al., NeurIPS 2017).

    It falls with the number of samples; compare only figures from equal numbers.

    Args:
        real: (n, f) features of data.
        generated: (m, f) features of samples.
    """
    if min(len(real), len(generated)) < 2:
        return float("nan")
    (mean_r, root_r), (mean_g, root_g) = _gaussian(real), _gaussian(generated)
    # With S = R'R, tr (S_r S_g)^1/2 is the sum of the singular values of R_r R_g': no root of a rounding error.
    shared = np.linalg.norm(root_r @ root_g.T, "nuc")
    distance = np.sum((mean_r - mean_g) ** 2) + np.sum(root_r**2) + np.sum(root_g**2) - 2 * shared
    return max(float(distance), 0.0)


def kernel_distance(real: Floats, generated: Floats) -> float:
    """Return the squared MMD under (x'y / f + 1)^3: KID (Bińkowski et al., ICLR 2018). Unbiased, so it may be below 0.

    The mean over 100 pairs of subsets of 1,000 rows (all rows where there are fewer), always the same ones.
    Arguments as in `frechet_distance`.
    """
    size = min(_SUBSET_SIZE, len(real), len(generated))
    if size < 2:
        return float("nan")
    if size == len(real) == len(generated):
        return _squared_mmd(real, generated)  # every subset is the whole
    rng = np.random.default_rng(0)

    def subset(features: Floats) -> Floats:
        return features[rng.choice(len(features), size, replace=False)]

    return float(np.mean([_squared_mmd(subset(real), subset(generated)) for _ in range(_SUBSETS)]))


def precision(real: Floats, generated: Floats, k: int = 3) -> float:
    """Return the precision of Kynkäänniemi et al. (NeurIPS 2019).

    The share of samples that lie within the k-th nearest-neighbour distance of some row of data.

    Args:
        real: (n, f) features of data, n > k.
        generated: (m, f) features of samples, m > k.
        k: neighbours, the row itself not counted.
    """
    return _share_inside(generated, real, k) if min(len(real), len(generated)) > k else float("nan")


def recall(real: Floats, generated: Floats, k: int = 3) -> float:
    """Return the share of rows of data that lie within the k-th nearest-neighbour distance of some sample.

    See `precision`.
    """
    return precision(generated, real, k)


def _mode_counts(x: Floats, centres: Floats, sd: float) -> NDArray[np.int64]:
    """(M,) high-quality samples of each mode."""
    distance = cdist(x, centres)
    good = distance.min(axis=1) < _HIGH_QUALITY * sd
    return np.bincount(distance.argmin(axis=1)[good], minlength=len(centres))


def _gaussian(features: Floats) -> tuple[Floats, Floats]:
    """The mean (f,) and an upper triangle R of the features' covariance R'R."""
    mean = np.asarray(features.mean(axis=0, dtype=np.float64))
    return mean, np.linalg.qr(features - mean, mode="r") / np.sqrt(len(features) - 1)


def _squared_mmd(x: Floats, y: Floats) -> float:
    """The unbiased estimate of two sets (size, f)."""
    size = len(x)

    def kernel(a: Floats, b: Floats) -> Floats:
        product = a @ b.T / a.shape[1] + 1
        return np.asarray(product * product * product)  # far faster than a power

    within = [np.sum(k) - np.trace(k) for k in (kernel(x, x), kernel(y, y))]
    return float(sum(within) / (size * (size - 1)) - 2 * kernel(x, y).mean())


def _share_inside(points: Floats, centres: Floats, k: int) -> float:
    """The share of points within the balls that reach from each centre to its k-th neighbour among the centres."""
    radius = NearestNeighbors(n_neighbors=k).fit(centres).kneighbors()[0][:, -1]
    parts = pairwise_distances_chunked(
        points, centres, reduce_func=lambda d, start: (d <= radius).any(axis=1), working_memory=_CHUNK
    )
    return float(np.concatenate(list(parts)).mean())
