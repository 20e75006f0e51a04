"""What stands in for the missing cells of a row before a network fills them: noise, or the answer of a Gaussian copula.

A network that starts from a good answer has to learn only what that answer leaves. While it trains, a share of the
observed cells is hidden from it. A copula is too slow to be asked at every step: each training row is hidden and filled
beforehand, in as many ways as fit into memory.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ganx.engine.batch import TabularBatch
from ganx.engine.noise import HIDING, Noise
from ganx.engine.setting import Setting
from ganx.engine.views import Cells, Index
from ganx.targets import locate

HIDDEN_OF_COMPLETE = 0.2  # of the cells of a table without gaps
HIDDEN = 0.25  # where a copula fills what is hidden

WIDE, RANK = 200, 20  # features above which correlations have low rank, and theirs
COPULA = "ganx.baselines.copula.Copula"
OPTIONS = {"answer": "mean", "rounds": 30, "wide": WIDE, "rank": RANK}  # as in model=copula
RIDGES = [0.001, 0.03, 0.3, 1, 3, 10]
RIDGES_WIDE = [0.03, 1]  # of a wide table, where each value that is tried takes a while
MOST_QUANTILES = 1 << 20  # numbers that are kept of all columns together
CELLS = 1 << 22  # of a table that is hidden and filled in several ways, ...
WAYS = 32  # ... but no more


class Shown(NamedTuple):
    """What a network sees of rows.

    Attributes:
        m: (R, B, d) 1 = known.
        z: (R, B, d) what stands in for the cells with m = 0; None: it is to be drawn.
    """

    m: Tensor
    z: Tensor | None = None


class NoiseStart:
    """Noise stands in for missing cells, drawn anew at each use.

    Args:
        width: of the noise, about 1/2: 1 is U(0, 1), 0 is none.
        share: of the observed cells that are hidden while training; `auto`: none, unless (nearly) no cell of the table
            is missing, where a network would never see a gap.
        answer: what stands in where a trained network is asked: a `draw` of the noise, or its `mean`.
    """

    carries = False

    def __init__(self, width: float, share: float | Literal["auto"], answer: Literal["draw", "mean"]) -> None:
        self.width, self.share, self.answer = width, share, answer

    def prepare(self, view: Cells) -> None:
        """Nothing is to be learned."""

    def shown(self, view: Cells, batch: TabularBatch) -> Shown:
        """Return what may be seen of a training batch."""
        return Shown(batch.m)

    def shown_in_part(self, view: Cells, batch: TabularBatch, noise: Noise) -> Shown:
        """Return the same with a share of the known cells hidden."""
        share = (HIDDEN_OF_COMPLETE if view.complete else 0.0) if self.share == "auto" else self.share
        return Shown(view.hide(batch.m, share, noise))

    def given(self, x: Tensor, m: Tensor) -> Shown:
        """Return what is seen of rows that are to be filled. (R, B, d), (R, B, d)."""
        return Shown(m, torch.full_like(x, 0.5)) if self.answer == "mean" else Shown(m)

    def z(self, shown: Shown, noise: Noise) -> Tensor:
        """Return noise for the cells with m = 0, (R, B, d), unless `shown` holds what is to stand in."""
        if shown.z is not None:
            return shown.z
        if not self.width:
            return torch.full_like(shown.m, 0.5)
        z = noise.uniform(*shown.m.shape[1:])
        return z if self.width == 1 else 0.5 + self.width * (z - 0.5)


class CopulaStart(nn.Module):
    """A Gaussian copula of the observed training cells, one for each replica, fills missing cells with their mean.

    Args:
        setting: what the engine tells.
        share: of the observed cells that are hidden while training; `auto`: a quarter.

    Attributes:
        values: (R, q, d) quantiles of the columns.
        weights: (R, d, d), or (R, d, RANK), of the copulas.
        group: (R, d) column of each feature.
    """

    carries = True
    values: Tensor
    weights: Tensor
    group: Tensor

    def __init__(self, setting: Setting, share: float | Literal["auto"]) -> None:
        super().__init__()
        n, d = len(setting.replicas), setting.n_features
        self.setting, self.share = setting, HIDDEN if share == "auto" else share
        self.n_quantiles = min(2000, MOST_QUANTILES // d)
        rank = d if d <= WIDE else RANK
        independent = torch.eye(d, dtype=torch.float64) if rank == d else torch.zeros(d, rank, dtype=torch.float64)
        self.register_buffer("values", torch.zeros(n, self.n_quantiles, d, device=setting.device))
        self.register_buffer("weights", independent.repeat(n, 1, 1).to(setting.device))
        self.register_buffer("group", torch.arange(d, device=setting.device).repeat(n, 1))
        self._training: Filled | None = None
        self._last: tuple[bytes, Tensor] | None = None

    def prepare(self, view: Cells) -> None:
        """Fit the copulas to the training rows of a view."""
        self.group.copy_(view.group)
        rows = view.rows_of("all")
        batch = view.batch(_padded(view, rows))
        for r in range(len(rows)):
            x, m = (part[r, : len(rows[r])].cpu().numpy() for part in (batch.x, batch.m))
            copula = self._empty(r)
            copula.fit(x, m > 0, np.full(len(x), -1))
            for name, array in copula.state().items():
                getattr(self, name)[r].copy_(torch.from_numpy(array))

    def _empty(self, r: int) -> Any:
        copula: Any = locate(COPULA)(**OPTIONS, ridge=RIDGES if self.values.shape[2] <= WIDE else RIDGES_WIDE)
        copula.n_quantiles = self.n_quantiles
        copula.seed, copula.group = self.setting.replicas[r][0], self.group[r].cpu().numpy()
        return copula

    def _copula(self, r: int) -> Any:
        copula = self._empty(r)
        copula.load_state({"values": self.values[r].cpu().numpy(), "weights": self.weights[r].cpu().numpy()})
        return copula

    def forward(self, x: Tensor, m: Tensor) -> Tensor:
        """Return x with the cells of m = 0 filled. (R, B, d), (R, B, d) -> (R, B, d)."""
        key = _digest(self.weights, x, m)
        if self._last is None or self._last[0] != key:  # validation asks about the same rows again and again
            rows, masks = x.cpu().numpy(), m.cpu().numpy() > 0
            filled = [self._copula(r).impute(rows[r], masks[r]) for r in range(len(rows))]
            self._last = key, torch.from_numpy(np.stack(filled)).to(x.device)
        return self._last[1]

    def given(self, x: Tensor, m: Tensor) -> Shown:
        """Return what is seen of rows that are to be filled. (R, B, d), (R, B, d)."""
        return Shown(m, self(x, m))

    def z(self, shown: Shown, noise: Noise) -> Tensor:
        """Return the completed rows, (R, B, d)."""
        assert shown.z is not None
        return shown.z

    def shown(self, view: Cells, batch: TabularBatch) -> Shown:
        """Return the known cells of a training batch, and the rows filled."""
        return self._filled(view).at(batch.row, torch.zeros_like(batch.row))

    def shown_in_part(self, view: Cells, batch: TabularBatch, noise: Noise) -> Shown:
        """Return the same with a share of the known cells hidden, in one of several ways."""
        filled = self._filled(view)
        way = noise.uniform(batch.row.shape[1]) * (len(filled.m) - 1)
        return filled.at(batch.row, 1 + way.long())

    def _filled(self, view: Cells) -> Filled:
        """Return the training rows as they are, and with a share of their known cells hidden, all filled, once."""
        if self._training is None:
            rows = view.rows_of("all")
            index = _padded(view, rows)
            batch = view.batch(index)
            ways = int(np.clip(CELLS // (view.table.n_rows * batch.x.shape[2]), 1, WAYS))
            m = torch.stack([batch.m, *(batch.m * kept for kept in self._kept(view, rows, ways))])
            place = np.zeros((len(rows), int(index.max()) + 1), np.int64)
            for r, own in enumerate(rows):
                place[r, own] = np.arange(len(own))
            x_hat = torch.stack([self(batch.x, cells) for cells in m])
            self._training = Filled(m, x_hat, view.tensor(place), view.replica)
        return self._training

    def _kept(self, view: Cells, rows: list[Index], ways: int) -> Tensor:
        """Draw which cells stay, (ways, R, n, d); a replica's do not depend on those beside it."""
        longest = max(map(len, rows))
        kept = np.ones((ways, len(rows), longest, view.seen.shape[2]), np.bool_)
        for r, own in enumerate(rows):
            random = np.random.default_rng([*self.setting.replicas[r], HIDING])
            kept[:, r, : len(own)] = random.random((ways, len(own), kept.shape[3])) >= self.share
        return view.expand(view.tensor(kept))


class Filled(NamedTuple):
    """Training rows, filled in several ways.

    Attributes:
        m, x: (ways, R, n, d).
        place: (R, N) of each row of the data set among the n.
        replica: (R, 1) 0, 1, ...
    """

    m: Tensor
    x: Tensor
    place: Tensor
    replica: Tensor

    def at(self, row: Tensor, way: Tensor) -> Shown:
        """Return rows (R, B) of the data set, each in one of the ways (R, B)."""
        at = way, self.replica, self.place[self.replica, row]
        return Shown(self.m[at], self.x[at])


def _padded(view: Cells, rows: list[Index]) -> Tensor:
    """Return rows of each replica as one tensor; short replicas repeat their last one."""
    longest = max(map(len, rows))
    return view.tensor(np.stack([np.pad(own, (0, longest - len(own)), mode="edge") for own in rows]))


def _digest(*tensors: Tensor) -> bytes:
    digest = blake2b(digest_size=16)
    for tensor in tensors:
        digest.update(tensor.detach().cpu().numpy().tobytes())
    return digest.digest()
