"""Random numbers for stacked replicas: each replica draws from its own generator, whoever trains beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

#: What a generator is for. Every purpose has its own stream, so that drawing for one never shifts another.
WEIGHTS, NOISE, ORDER, EVALUATION = 10, 11, 12, 13

_BUFFER = 1 << 15  # numbers a replica draws at a time; part of the stream's definition, so not an option


def generators(replicas: Sequence[tuple[int, int]], purpose: int, step: int = 0) -> list[torch.Generator]:
    """Return one CPU generator per (seed, fold). The same (seed, fold, purpose, step) always gives the same stream."""
    streams = []
    for seed, fold in replicas:
        state = np.random.SeedSequence([seed, fold, purpose, step]).generate_state(1, np.uint64)
        streams.append(torch.Generator().manual_seed(int(state[0])))
    return streams


class Noise:
    """Uniform numbers in [0, 1) of shape (R, *shape), drawn from R generators through one buffer.

    Numbers are drawn on the CPU and copied, so a run on a GPU sees the numbers a run on the CPU sees.
    The state is the generators as they were before the last refill and the place in the buffer: going on from a
    stored state gives the numbers that would have come.
    """

    def __init__(self, generators: Sequence[torch.Generator], device: torch.device | str = "cpu") -> None:
        self.generators = generators
        self.device = torch.device(device)
        self._before_refill = [g.get_state() for g in generators]
        self._buffer = torch.empty(len(generators), 0)
        self._place = 0

    def uniform(self, *shape: int) -> Tensor:
        """Return fresh numbers of shape (R, *shape)."""
        count = math.prod(shape)
        if self._place + count > self._buffer.shape[1]:
            self._refill(max(_BUFFER, count))
        drawn = self._buffer[:, self._place : self._place + count]
        self._place += count
        return drawn.reshape(len(self.generators), *shape)

    def normal(self, *shape: int) -> Tensor:
        """Return standard normal numbers of shape (R, *shape), by Box and Muller's transform."""
        count = math.prod(shape)
        pairs = self.uniform(2, (count + 1) // 2)
        radius, angle = (-2 * torch.log1p(-pairs[:, 0])).sqrt(), 2 * math.pi * pairs[:, 1]
        numbers = torch.cat([radius * angle.cos(), radius * angle.sin()], 1)
        return numbers[:, :count].reshape(len(self.generators), *shape)

    def one_hot(self, p: Tensor, n: int) -> Tensor:
        """Draw n categories with the probabilities p (R, K), one-hot (R, n, K)."""
        at_most = (self.uniform(n, 1) >= p.cumsum(1).unsqueeze(1)).sum(2)
        index = at_most.clamp_max(p.shape[1] - 1)  # rounding: the probabilities may add up to less than 1
        return F.one_hot(index, p.shape[1]).to(p.dtype)

    def hide(self, m: Tensor, share: float) -> Tensor:
        """Return m (R, B, d) without about `share` of its ones: observed cells that count as missing for once."""
        return m * (self.uniform(*m.shape[1:]) >= share) if share else m

    def _refill(self, size: int) -> None:
        self._before_refill = [g.get_state() for g in self.generators]
        numbers = torch.empty(len(self.generators), size)
        for row, generator in zip(numbers, self.generators, strict=True):
            row.uniform_(generator=generator)
        self._buffer, self._place = numbers.to(self.device), 0

    def state_dict(self) -> dict[str, Any]:
        """Return the state, from which `load_state_dict` goes on."""
        return {"generators": torch.stack(self._before_refill), "size": self._buffer.shape[1], "place": self._place}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a stored state."""
        for generator, stored in zip(self.generators, state["generators"], strict=True):
            generator.set_state(stored.clone())  # a view, with its offset, crashes torch 2.13
        self._refill(state["size"])
        self._place = state["place"]
