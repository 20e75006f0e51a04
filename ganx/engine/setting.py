"""What the engine tells a method about the run it is part of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from ganx.losses.gan import AdversarialLoss


@dataclass(frozen=True)
class Setting:
    """The parts of a run that a method does not choose: data shape, replicas, optimiser.

    Attributes:
        replicas: (seed, fold) of each replica in the stack.
        n_features: width d of the model's table.
        shape: of a row as generative methods see it: (d,), or (C, H, W) for images.
        bounded: whether the values of such rows lie in [-1, 1].
        n_classes: K, 0 for a table without a target.
        steps: length of the training, in outer steps.
        loss: the resolved `loss` group: its name and its penalty.
        optimizer: the resolved `optimizer` group (class path under `_target_`, its options beside it).
        lr_scale: factor on `optimizer.lr` for the players that need another rate.
        lr_decay: factor on every rate per outer step.
        clip_norm: largest gradient norm per player and replica; None = no clipping.
        device: where tensors live.
        precision: of what networks compute while they train.
        class_shares: (R, K) share of each class, for a trained method that generates rows by class; None: not known.
        own_loss: the loss whose class the `loss` group names with `_target_`; None: it names none.
    """

    replicas: Sequence[tuple[int, int]]
    n_features: int
    shape: tuple[int, ...]
    bounded: bool
    n_classes: int
    steps: int
    loss: dict[str, Any]
    optimizer: dict[str, Any]
    lr_scale: dict[str, float] = field(default_factory=dict)
    lr_decay: float = 1.0
    clip_norm: float | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    precision: torch.dtype = torch.float32
    class_shares: torch.Tensor | None = None
    own_loss: AdversarialLoss | None = None
