"""SGAN: a classifier of K classes and of "generated", taught by few labels and many rows without.

Salimans, Goodfellow, Zaremba, Cheung, Radford, Chen: "Improved techniques for training GANs", NIPS 2016 (arXiv
1606.03498), sections 3.1 and 5; Odena: "Semi-supervised learning with generative adversarial networks" (arXiv
1606.01583). K logits l do for K + 1 classes, since one of them is free: with Z = sum_k exp l_k

    D(x) = Z / (Z + 1),   p(y | x) = softmax(l)

so that log Z is the logit of D. G matches the mean of D's last hidden layer, and so tells no class.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from ganx.engine.latent import LatentCode
from ganx.engine.schedule import LinearDecay
from ganx.engine.setting import Setting
from ganx.errors import UserError
from ganx.losses.balance import cross_entropy
from ganx.losses.gan import adversarial_loss
from ganx.nets.layers import Dense
from ganx.nets.players import Design, discriminator, generator
from ganx.nets.stacked import ACTIVATIONS
from ganx.types import Fraction, NonNegativeFloat, Units


class SGAN(LatentCode, LinearDecay):
    """G z -> a row; D row -> features f -> K logits.

    Args:
        setting: what the engine tells.
        lambda_unlabelled: weight of the loss without labels (1: the paper).
        input_noise: sd of normal noise on the rows that D sees while it trains (images in the authors' code: 0.3).
        features: width of f.
        latent, latent_law: of z.
        net, hidden, channels, activation, weights, batch_norm: see `Design`.
        linear_decay: see `LinearDecay`.

    Raises:
        UserError: the data have no classes.
    """

    streams = ("labelled", "unlabelled")
    losses = ("nonsaturating",)
    smoke = ("dataset=two_moons", "dataset.n=200", "protocol.labels_per_class=5")

    def __init__(
        self,
        setting: Setting,
        *,
        lambda_unlabelled: NonNegativeFloat,
        input_noise: NonNegativeFloat,
        features: Units,
        latent: Units,
        latent_law: Literal["normal", "uniform"],
        net: Literal["auto", "mlp", "cnn"],
        hidden: list[Units],
        channels: list[Units],
        activation: Literal["relu", "leaky_relu", "tanh", "silu"],
        weights: Literal["xavier", "he", "normal", "equalized"],
        batch_norm: Literal["none", "generator", "both"],
        linear_decay: Fraction,
    ) -> None:
        super().__init__(setting, latent, latent_law)
        if not setting.n_classes:
            raise UserError("model=sgan learns classes and the data have none: name them, dataset.target=NAME")
        self.lambda_unlabelled, self.input_noise = lambda_unlabelled, input_noise
        self.linear_decay = linear_decay
        self.f = adversarial_loss(setting.loss)
        self.activation = ACTIVATIONS[activation].function
        design = Design(net, hidden, channels, 0, "transposed", activation, weights, batch_norm, False)
        output = torch.tanh if setting.bounded else None
        self.g = generator(design, self.n_z, setting.shape, self.weight_generators, output)
        self.d = nn.ModuleDict(
            {
                "features": discriminator(design, setting.shape, features, self.weight_generators),
                "logits": Dense(features, setting.n_classes, weights=weights, generators=self.weight_generators),
            }
        )
        self.add_player("g", self.g)
        self.add_player("d", self.d)

    def outer_step(self, batch: Any) -> None:
        """One step of D, from labelled, unlabelled and generated rows, and one of G."""
        x = batch.unlabelled.x
        x_g, _ = self.sample(x.shape[1])
        labelled = self.logits(self.features(self.noisy(batch.labelled.x)))
        of_labels = cross_entropy(labelled, batch.labelled.y).mean(1)
        self.update("d", of_labels + self.lambda_unlabelled * self.loss_unlabelled(x, x_g.detach()))
        self.update("g", self.feature_matching(x, x_g))

    def loss_unlabelled(self, x: Tensor, x_g: Tensor) -> Tensor:
        """-1/2 E log D(x) - 1/2 E log(1 - D(G(z)))."""
        real, fake = (self.logits(self.features(self.noisy(rows))).logsumexp(2) for rows in (x, x_g))
        return 0.5 * self.f.d(real, fake)

    def feature_matching(self, x: Tensor, x_g: Tensor) -> Tensor:
        """||E f(x) - E f(G(z))||^2, as a mean over the features."""
        real, fake = (self.features(self.noisy(rows)).mean(1) for rows in (x, x_g))
        return (real.detach() - fake).square().mean(1)

    def noisy(self, x: Tensor) -> Tensor:
        """Return the rows with noise on them."""
        return x + self.input_noise * self.noise.normal(*x.shape[1:]) if self.input_noise else x

    def features(self, x: Tensor) -> Tensor:
        """f(x). (R, B, *shape) -> (R, B, features)."""
        return self.activation(self.d["features"](x))

    def logits(self, f: Tensor) -> Tensor:
        """l. (R, B, features) -> (R, B, K)."""
        logits: Tensor = self.d["logits"](f)
        return logits

    # --- what a trained SGAN can do ----------------------------------------------------------------------------

    def generate(self, z: Tensor, c: Tensor) -> Tensor:
        """Return G(z); there are no categories. (R, n, n_z), (R, n, 0) -> (R, n, *shape)."""
        rows: Tensor = self.g(z)
        return rows

    def classify(self, x: Tensor) -> Tensor:
        """Return p(y | x). (R, B, *shape) -> (R, B, K)."""
        return self.logits(self.features(x)).softmax(2)
