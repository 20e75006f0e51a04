"""A GAN of layers of plain torch.nn, with batch normalisation and dropout, and a loss of its own."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganx.engine.batch import ExampleBatch
from ganx.engine.latent import LatentCode
from ganx.engine.setting import Setting
from ganx.losses.gan import adversarial_loss
from ganx.types import NonNegativeFloat, OpenFraction, PositiveInt


class Relativistic:
    """Real rows against the mean of generated ones, and the other way round (Jolicoeur-Martineau, 2018)."""

    def __init__(self, *, margin: NonNegativeFloat) -> None:
        self.margin = margin

    def d(self, real: Tensor, fake: Tensor) -> Tensor:
        """(R, B), (R, B) -> (R,)."""
        return (self._less(fake, real) + self._less(-real, -fake)).mean(1)

    def g(self, fake: Tensor, real: Tensor) -> Tensor:
        """(R, B), (R, B) -> (R,)."""
        return (self._less(real, fake) + self._less(-fake, -real)).mean(1)

    def _less(self, a: Tensor, b: Tensor) -> Tensor:
        return F.softplus(a - b.mean(1, keepdim=True) + self.margin)


class PlainGAN(LatentCode):
    """G z -> a row, D row -> one output; one replica, so that the replica axis is taken off and put back here."""

    losses = ("nonsaturating", "hinge", "own")

    def __init__(self, setting: Setting, *, latent: PositiveInt, width: PositiveInt, dropout: OpenFraction) -> None:
        super().__init__(setting, latent)
        d = math.prod(setting.shape)
        self.f = setting.own_loss or adversarial_loss(setting.loss)
        self.g = nn.Sequential(nn.Linear(latent, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, d))
        self.d = nn.Sequential(nn.Linear(d, width), nn.LeakyReLU(0.2), nn.Dropout(dropout), nn.Linear(width, 1))
        self.add_player("g", self.g, averaged=True)
        self.add_player("d", self.d)

    def outer_step(self, batch: ExampleBatch) -> None:
        x, n = batch.x, batch.x.shape[1]
        x_g = self.generate(self.latent(n), self.draw_categories(n))
        self.update("d", self.f.d(self.judge(x), self.judge(x_g.detach())))
        real = (self.judge(x).detach(),) if self.f.relativistic else ()
        self.update("g", self.f.g(self.judge(x_g), *real))
        self.average("g", 0.9)

    def judge(self, x: Tensor) -> Tensor:
        return self.d(x.squeeze(0).flatten(1)).squeeze(1).unsqueeze(0)

    def generate(self, z: Tensor, c: Tensor) -> Tensor:
        g = self.g if self.training else self.averaged("g")
        rows = g(z.squeeze(0)).view(-1, *self.setting.shape)
        return (torch.tanh(rows) if self.setting.bounded else rows).unsqueeze(0)
