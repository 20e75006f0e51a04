"""Random numbers for stacked replicas: each replica draws from its own generator, whoever trains beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

#: What a generator is for. Every purpose has its own stream, so that drawing for one never shifts another.
WEIGHTS, NOISE, ORDER, EVALUATION, TORCH, HIDING = 10, 11, 12, 13, 14, 15

_64_BITS = (1 << 64) - 1
_BUFFER = 1 << 15  # numbers a replica draws at a time; part of the stream's definition, so not an option


def generators(replicas: Sequence[tuple[int, int]], purpose: int, step: int = 0) -> list[torch.Generator]:
    """Return one CPU generator per (seed, fold). The same (seed, fold, purpose, step) always gives the same stream."""
    return [torch.Generator().manual_seed(_number(seed, fold, purpose, step)) for seed, fold in replicas]


def _number(*key: int) -> int:
    """Return a number of 64 bits that stands for a key."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])


class TorchSeed:
    """Seeds torch's own generators, from which plain layers draw (initial weights, dropout), at every step anew.

    What they draw is then a function of (seed, fold, step): a run that goes on from a checkpoint draws what it would
    have drawn. A seed costs 2 microseconds; `torch.manual_seed` costs 130.

    Args:
        replica: (seed, fold) of the first replica of a stack; plain layers hold no other.
        device: the generators of the CPU and of this device are seeded.
    """

    def __init__(self, replica: tuple[int, int], device: torch.device) -> None:
        self._base = _number(*replica, TORCH)
        self._devices = [torch.cuda.current_device()] if device.type == "cuda" else []

    def plant(self, step: int) -> None:
        """Seed for a step, or whatever the number stands for; the steps of a training are not negative."""
        z = (self._base + step * 0x9E3779B97F4A7C15) & _64_BITS  # SplitMix64 (Steele, Lea, Flood, 2014)
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _64_BITS
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _64_BITS
        torch.default_generator.manual_seed(z ^ (z >> 31))
        for index in self._devices:
            torch.cuda.default_generators[index].manual_seed(z ^ (z >> 31))

    @contextmanager
    def aside(self, step: int) -> Iterator[None]:
        """Seed for a step, and put back what was there before."""
        with torch.random.fork_rng(devices=self._devices):
            self.plant(step)
            yield


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

    def signs(self, *shape: int) -> Tensor:
        """Return -1 or 1 with equal probabilities, of shape (R, *shape)."""
        return 1 - 2 * (self.uniform(*shape) < 0.5).to(torch.get_default_dtype())

    def one_hot(self, p: Tensor, n: int) -> Tensor:
        """Draw n categories with the probabilities p (R, K), one-hot (R, n, K)."""
        return self._below(p.cumsum(1).unsqueeze(1), n)

    def categorical(self, p: Tensor) -> Tensor:
        """Draw one category from each distribution of p (R, ..., K), one-hot in the shape of p. No gradient."""
        return self._below(p.detach().cumsum(-1), *p.shape[1:-1])

    def _below(self, thresholds: Tensor, *shape: int) -> Tensor:
        """Draw one-hot categories (R, *shape, K) with cumulated probabilities that broadcast to that shape."""
        k = thresholds.shape[-1]
        at_most = (self.uniform(*shape, 1) >= thresholds).sum(-1)
        index = at_most.clamp_max(k - 1)  # rounding: the probabilities may add up to less than 1
        return F.one_hot(index, k).to(thresholds.dtype)

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
