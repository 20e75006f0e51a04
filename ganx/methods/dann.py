"""DANN: features that tell the classes of one domain, and do not tell the domains apart.

Ganin, Ustinova, Ajakan, Germain, Larochelle, Laviolette, Marchand, Lempitsky: "Domain-adversarial training of neural
networks", JMLR 2016 (arXiv 1505.07818). Equation 9, with features F, labels Y and domains D:

    E = L_y(Y(F(x_s)), y_s) - lambda L_d(D(F(x_s)), D(F(x_t))),

which F and Y descend and D climbs. A gradient reversal between F and D makes that one step down one loss (equations
16 and 17), and lambda grows from 0 to 1 in the course of the training (section 5.2.2).
"""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor

from ganx.engine.module import Module
from ganx.engine.setting import Setting
from ganx.errors import UserError
from ganx.losses.adversarial import binary_cross_entropy
from ganx.losses.balance import classification_loss
from ganx.nets.players import Design, discriminator
from ganx.nets.stacked import ACTIVATIONS
from ganx.types import NonNegativeFloat, Units

STEEPNESS = 10.0  # of lambda's growth, gamma in section 5.2.2


class DANN(Module):
    """F row -> features, Y features -> K logits, D features -> the logit of the source.

    Args:
        setting: what the engine tells.
        lambda_max: what lambda grows to (1: the paper; 0: the source alone decides).
        features: how many.
        hidden, channels, net, activation, weights: of F, see `Design`.
        heads: widths of the hidden layers of Y and of D.

    Raises:
        UserError: the source has no classes.
    """

    reads = "domains"
    streams = ("source", "target")
    smoke = ("dataset=two_moons", "dataset.n=200", "dataset.angle=30")

    def __init__(
        self,
        setting: Setting,
        *,
        lambda_max: NonNegativeFloat,
        features: Units,
        net: Literal["auto", "mlp", "cnn"],
        hidden: list[Units],
        channels: list[Units],
        heads: list[Units],
        activation: Literal["relu", "leaky_relu", "tanh", "silu"],
        weights: Literal["xavier", "he", "normal", "equalized"],
    ) -> None:
        super().__init__(setting)
        if not setting.n_classes:
            raise UserError("model=dann learns classes and the data have none: name them, dataset.target=NAME")
        self.lambda_max = lambda_max
        self.activation = ACTIVATIONS[activation].function
        design = Design(net, hidden, channels, 0, "transposed", activation, weights, "none", False)
        head = Design("mlp", heads, [], 0, "transposed", activation, weights, "none", False)
        self.f = discriminator(design, setting.shape, features, self.weight_generators)
        self.y = discriminator(head, (features,), setting.n_classes, self.weight_generators)
        self.d = discriminator(head, (features,), 1, self.weight_generators)
        self.add_player("f", self.f)
        self.add_player("y", self.y)
        self.add_player("d", self.d)

    def outer_step(self, batch: Any) -> None:
        """One step of all three down L_y + L_d, with the gradient of L_d reversed on its way into F."""
        source, target = self.features(batch.source.x), self.features(batch.target.x)
        of_labels = classification_loss(self.y(source), batch.source.y, "none")
        self.update_together(["f", "y", "d"], of_labels + self.loss_domains(source, target))

    def loss_domains(self, source: Tensor, target: Tensor) -> Tensor:
        """L_d, the cross-entropy of the domains, through the gradient reversal."""
        weight = self.lambda_now()
        real, fake = (self.d(Reversal.apply(f, weight)).squeeze(2) for f in (source, target))  # type: ignore[no-untyped-call]
        return 0.5 * binary_cross_entropy(real, 1.0).mean(1) + 0.5 * binary_cross_entropy(fake, 0.0).mean(1)

    def lambda_now(self) -> float:
        """Lambda of this step: lambda_max (2 / (1 + exp(-10 p)) - 1), p the share of the steps that are done."""
        return self.lambda_max * math.tanh(STEEPNESS / 2 * self.step / self.setting.steps)

    def features(self, x: Tensor) -> Tensor:
        """F(x). (R, B, *shape) -> (R, B, features)."""
        return self.activation(self.f(x))

    # --- what a trained DANN can do ----------------------------------------------------------------------------

    def classify(self, x: Tensor) -> Tensor:
        """Return class probabilities. (R, B, *shape) -> (R, B, K)."""
        logits: Tensor = self.y(self.features(x))
        return logits.softmax(2)

    def embed(self, x: Tensor) -> Tensor:
        """Return the features. (R, B, *shape) -> (R, B, features)."""
        return self.features(x)


class Reversal(torch.autograd.Function):
    """x -> x, and a gradient g -> -lambda g on the way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: float) -> Tensor:
        """Pass the features on."""
        ctx.weight = weight
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Turn the gradient round."""
        return -ctx.weight * gradients[0], None
