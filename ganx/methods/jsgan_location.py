"""The centre of a sample of which a part is contaminated: a GAN whose generator can do nothing but shift noise.

Gao, Liu, Yao, Zhu: "Robust estimation and generative adversarial networks", ICLR 2019 (arXiv 1810.02030). The rows are
(1 - eps) P(. - theta) + eps Q, with P known and Q anything. JS-GAN (their equation 7 and Algorithm 1):

    min over b, max over D of  E log D(x) + E log(1 - D(z + b)),  z ~ P

D has at least one hidden layer: without, only means are compared, and the mean is what contamination moves. As in
the authors' code (github.com/zhuwzh/Robust-GAN-Center) b starts at the median of each coordinate, G climbs log D, both
descend by plain stochastic gradients, and the estimate is the mean of b over the last part of the training.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from ganx.engine.batch import ExampleBatch
from ganx.engine.module import Module
from ganx.engine.setting import Setting
from ganx.errors import UserError
from ganx.losses.gan import adversarial_loss
from ganx.nets.stacked import StackedMLP
from ganx.types import PositiveFraction, Repeats, Units

SWEPT = 4096  # rows at a time when medians are taken


class JSGANLocation(Module):
    """G z -> z + b, with the p numbers b alone to be learned; D row -> one output.

    Args:
        setting: what the engine tells.
        n_critic: steps of D for each step of G, each with a minibatch of its own.
        law: P, the standard normal or the standard Cauchy distribution (a multivariate t with one degree of freedom).
        hidden: widths of D's hidden layers.
        activation: of D's hidden layers.
        average: share of the steps, the last ones, of which the estimate is the mean.

    Raises:
        UserError: the rows are scaled, so that the spread of P is not theirs.
    """

    reads = "examples"
    losses = ("nonsaturating",)
    smoke = ("dataset=contaminated", "dataset.p=4", "dataset.n=200")

    location: Tensor

    def __init__(
        self,
        setting: Setting,
        *,
        n_critic: Repeats,
        law: Literal["normal", "cauchy"],
        hidden: list[Units],
        activation: Literal["relu", "leaky_relu", "tanh", "silu"],
        average: PositiveFraction,
    ) -> None:
        super().__init__(setting)
        if setting.bounded:
            raise UserError(
                "model=jsgan_location estimates the centre of rows in their own units, and this data set is scaled to "
                "[-1, 1]: choose e.g. dataset=contaminated"
            )
        self.minibatches, self.law, self.average_share = n_critic, law, average
        self.f = adversarial_loss(setting.loss)
        p, n_replicas = setting.n_features, len(setting.replicas)
        self.g = Shift(n_replicas, p)
        self.d = StackedMLP(p, hidden, 1, activation=activation, generators=self.weight_generators)
        self.add_player("g", self.g)
        self.add_player("d", self.d)
        self.register_buffer("location", torch.zeros(n_replicas, p, device=setting.device))

    def prepare(self) -> None:
        """Let b be the median of each coordinate."""
        parts = [(batch.x, weight > 0) for batch, weight in self.data.sweep("all", SWEPT)]
        for r in range(len(self.g.b)):
            rows = torch.cat([x[r, known[r]] for x, known in parts])
            self.g.b.data[r] = rows.median(0).values
        self.location.copy_(self.g.b.detach())

    def outer_step(self, batch: ExampleBatch) -> None:
        """Some steps of D, one of b, and the mean of b."""
        for x in batch.x.chunk(self.minibatches, 1):
            x_g = self.shifted(x.shape[1])
            self.update("d", self.f.d(self.judge(x), self.judge(x_g.detach())))
        self.update("g", self.f.g(self.judge(x_g)))
        # The mean of the steps counted from 1: with a weight of 1 the first takes the place of what was there before.
        counted = self.step + 1 - int((1 - self.average_share) * self.setting.steps)
        self.location.lerp_(self.g.b.detach(), 1 / max(counted, 1))

    def shifted(self, n: int) -> Tensor:
        """Return n rows z + b, (R, n, p)."""
        p = self.setting.n_features
        z = self.noise.normal(n, p)
        if self.law == "cauchy":
            z = z / self.noise.normal(n, 1).abs()
        rows: Tensor = self.g(z)
        return rows

    def judge(self, x: Tensor) -> Tensor:
        """The logit of D(x). (R, B, p) -> (R, B)."""
        outputs: Tensor = self.d(x)
        return outputs.squeeze(2)

    # --- what a trained one can do -----------------------------------------------------------------------------

    def estimate(self) -> dict[str, Tensor]:
        """Return the centre, (R, p)."""
        return {"location": self.location}

    def anomaly(self, x: Tensor) -> Tensor:
        """Return how sure D is that a row comes from elsewhere, the logit of D. (R, B, p) -> (R, B).

        Rows of P look like generated ones to D, and rows of Q do not.
        """
        return self.judge(x)


class Shift(nn.Module):
    """z -> z + b, b (R, p)."""

    def __init__(self, n_replicas: int, p: int) -> None:
        super().__init__()
        self.b = nn.Parameter(torch.zeros(n_replicas, p))

    def forward(self, z: Tensor) -> Tensor:
        """(R, B, p) -> (R, B, p)."""
        return z + self.b.unsqueeze(1)
