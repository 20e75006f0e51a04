"""Consensus optimisation: a GAN whose players step at once, and both away from where their gradients are large.

Mescheder, Nowozin, Geiger: "The Numerics of GANs", NIPS 2017 (arXiv 1705.10461). `Consensus.outer_step` is Algorithm 2.
With v the gradients of both players, the one descends v + gamma grad 1/2 ||v||^2, each player along its own part; the
fixed points of the game stay, and become attractive. gamma = 0 is simultaneous gradient descent, Algorithm 1.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from ganx.engine.batch import ExampleBatch
from ganx.engine.generative import GenerativeModule
from ganx.engine.setting import Setting
from ganx.types import NonNegativeFloat

Gradients = dict[str, tuple[Tensor, ...]]


class Consensus(GenerativeModule):
    """G z -> a row, D row -> one output.

    Args:
        setting: what the engine tells.
        gamma: weight of 1/2 ||v||^2.
        design: see `GenerativeModule`.
    """

    losses = ("nonsaturating", "saturating", "lsgan")
    penalties: ClassVar[tuple[str | None, ...]] = (None,)

    def __init__(self, setting: Setting, *, gamma: NonNegativeFloat, **design: Any) -> None:
        super().__init__(setting, 0, **design)
        self.gamma = gamma
        self.g = self.build_generator(self.n_z)
        self.d = self.build_discriminator(1)

    def outer_step(self, batch: ExampleBatch) -> None:
        """Algorithm 2, one pass through its loop: one step of both players, from the same minibatch."""
        x_g, _ = self.sample(batch.x.shape[1])
        with self.full_precision():
            real, fake = self.judge(batch.x), self.judge(x_g)
            v = {
                "d": self.gradients(self.f.d(real, fake), "d", create_graph=True),
                "g": self.gradients(self.f.g(fake), "g", create_graph=True),
            }
            self.step_players(self.towards_consensus(v))

    def towards_consensus(self, v: Gradients) -> Gradients:
        """Return v + gamma grad 1/2 ||v||^2, the gradient over the parameters of all players."""
        parameters = [parameter for player in v for parameter in self.players[player]]
        # Replicas share no parameter, so that the sum over replicas has the gradient of each.
        squares = [gradient.square().sum() for gradients in v.values() for gradient in gradients]
        remaining = iter(torch.autograd.grad(0.5 * torch.stack(squares).sum(), parameters))
        return {
            player: tuple(gradient.detach() + self.gamma * next(remaining) for gradient in gradients)
            for player, gradients in v.items()
        }

    def judge(self, x: Tensor) -> Tensor:
        """D(x). (R, B, *shape) -> (R, B)."""
        outputs: Tensor = self.d(x)
        return outputs.squeeze(2)
