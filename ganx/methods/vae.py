"""VAE: a latent code that is inferred, and rows that are generated from it, by one bound on the likelihood.

Kingma, Welling: "Auto-encoding variational Bayes", ICLR 2014 (arXiv 1312.6114). `elbo` is equation 10 with L = 1, the
divergence in closed form (appendix B); the reparameterisation z = mu + sigma eps is `draw`.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from ganx.engine.batch import ExampleBatch
from ganx.engine.latent import LatentCode
from ganx.engine.schedule import LinearDecay
from ganx.engine.setting import Setting
from ganx.losses.adversarial import binary_cross_entropy
from ganx.nets.players import Design, discriminator, generator
from ganx.types import Fraction, Units


class VAE(LatentCode, LinearDecay):
    """E row -> mean and log variance of z; G z -> the mean of a row.

    Images are brought from [-1, 1] to [0, 1], a pixel being the probability that it is lit (Bernoulli). Other rows
    are normal, with a variance of each column that is learned.

    Args:
        setting: what the engine tells.
        latent: length of z ~ N(0, I).
        net, hidden, channels, activation, weights: of both networks, see `Design`.
        linear_decay: see `LinearDecay`.
    """

    smoke = ("dataset=digits", "model.hidden=[16]")

    def __init__(
        self,
        setting: Setting,
        *,
        latent: Units,
        net: Literal["auto", "mlp", "cnn"],
        hidden: list[Units],
        channels: list[Units],
        activation: Literal["relu", "leaky_relu", "tanh", "silu"],
        weights: Literal["xavier", "he", "normal", "equalized"],
        linear_decay: Fraction,
    ) -> None:
        super().__init__(setting, latent)
        self.linear_decay = linear_decay
        self.image = len(setting.shape) == 3
        design = Design(net, hidden, channels, 0, "transposed", activation, weights, "none", False)
        self.encoder = discriminator(design, setting.shape, 2 * latent, self.weight_generators)
        self.decoder = Decoder(design, latent, setting, self.weight_generators)
        self.add_player("encoder", self.encoder)
        self.add_player("decoder", self.decoder)

    def outer_step(self, batch: ExampleBatch) -> None:
        """One step of both networks up the bound (Algorithm 1)."""
        self.update_together(["encoder", "decoder"], -self.elbo(batch.x).mean(1))

    def elbo(self, x: Tensor) -> Tensor:
        """E_q(z|x) log p(x | z) - KL(q(z | x) || p(z)) in nats, by one draw of z. (R, B, *shape) -> (R, B)."""
        mean, log_variance = self.encode(x)
        return self.log_p(x, self.decoder(self.draw(mean, log_variance))) - divergence(mean, log_variance)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of q(z | x). (R, B, *shape) -> (R, B, n_z) each."""
        mean, log_variance = self.encoder(x).chunk(2, 2)
        return mean, log_variance

    def draw(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        """Return z = mu + sigma eps, (R, B, n_z)."""
        return mean + (0.5 * log_variance).exp() * self.noise.normal(*mean.shape[1:])

    def log_p(self, x: Tensor, output: Tensor) -> Tensor:
        """log p(x | z), from what the decoder says. (R, B, *shape) each -> (R, B)."""
        if self.image:
            return -binary_cross_entropy(output, (x + 1) / 2).flatten(2).sum(2)
        log_sd = self.decoder.log_sd.unsqueeze(1)
        return (-0.5 * ((x - output) * (-log_sd).exp()).square() - log_sd - 0.5 * math.log(2 * math.pi)).sum(2)

    # --- what a trained VAE can do -----------------------------------------------------------------------------

    def embed(self, x: Tensor) -> Tensor:
        """Return the mean of q(z | x). (R, B, *shape) -> (R, B, n_z)."""
        return self.encode(x)[0]

    def reconstruct(self, x: Tensor) -> Tensor:
        """Return the mean of p(x | z) at the mean of q(z | x), of the shape of x."""
        return self.mean_of(self.embed(x))

    def log_likelihood(self, x: Tensor) -> Tensor:
        """Return the bound, by one draw of z. (R, B, *shape) -> (R, B)."""
        return self.elbo(x)

    def generate(self, z: Tensor, c: Tensor) -> Tensor:
        """Return the mean of p(x | z); there are no categories. (R, n, n_z), (R, n, 0) -> (R, n, *shape)."""
        return self.mean_of(z)

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Return n rows: of images the mean, as usual; of other rows a draw from p(x | z). See `LatentCode`."""
        rows, c = super().sample(n)
        if not self.image:
            rows = rows + self.decoder.log_sd.exp().unsqueeze(1) * self.noise.normal(*rows.shape[1:])
        return rows, c

    def mean_of(self, z: Tensor) -> Tensor:
        """Return the mean of p(x | z) in the units of the data."""
        output: Tensor = self.decoder(z)
        return 2 * output.sigmoid() - 1 if self.image else output


class Decoder(nn.Module):
    """z -> logits of pixels, or means of columns, beside which their log sd (R, d) is learned."""

    log_sd: nn.Parameter

    def __init__(self, design: Design, n_z: int, setting: Setting, generators: list[torch.Generator]) -> None:
        super().__init__()
        self.net = generator(design, n_z, setting.shape, generators, None)
        if len(setting.shape) != 3:
            self.log_sd = nn.Parameter(torch.zeros(len(generators), setting.n_features))

    def forward(self, z: Tensor) -> Tensor:
        """(R, B, n_z) -> (R, B, *shape)."""
        outputs: Tensor = self.net(z)
        return outputs


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, exp log_variance) || N(0, I)) in nats. (R, B, n_z) each -> (R, B)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(2)
