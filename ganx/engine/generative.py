"""The base class of methods that generate whole rows or images."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from ganx.engine.batch import SampleBatch
from ganx.engine.module import Module, flatten
from ganx.engine.setting import Setting
from ganx.errors import UserError
from ganx.losses.gan import adversarial_loss
from ganx.losses.penalties import CLIP, line_penalty, squared_gradient
from ganx.nets.players import ConvDiscriminator, Design, Perceptron, discriminator, generator
from ganx.types import Fraction, NonNegativeFloat, NonNegativeInt, PositiveInt, Share

IN_USE = 0.01  # a category with a smaller probability counts as given up, as in the VCAGAN paper


class GenerativeModule(Module):
    """A generator G(z, c) of rows (d,) or images (C, H, W), and a discriminator of them.

    z is continuous, c one of K categories, one-hot; K may be 0. What a trained method can do beyond `generate`:
    `cluster(x)`, the probabilities of the categories of rows, (R, B, *shape) -> (R, B, K).

    Args:
        setting: what the engine tells (replicas, shape of a row, classes, loss, optimiser).
        n_categories: K.
        latent: how many numbers z the generator gets.
        latent_law: `normal`, N(0, 1), or `uniform`, U(-1, 1).
        net, hidden, channels, dense, upsampling, activation, batch_norm, spectral_norm: see `Design`.
        weights: how they start, see `Stacked`.
        penalty_weight: of the gradient penalty that `loss.penalty` names.
        penalty_every: gradient penalties are taken every so many steps, and count so many times as much (Karras et al.,
            2020: lazy regularisation; 1: the papers).
        linear_decay: share of the steps, the last ones, in which all learning rates fall to 0 along a line.
        ema: decay of the generator's moving average, which samples come from; 0: there is none.

    Raises:
        UserError: a choice that does not fit the data or another choice.
    """

    reads = "examples"
    losses = ("nonsaturating", "saturating", "lsgan", "hinge", "wgan")
    penalties: ClassVar[tuple[str | None, ...]] = ("r1", "r2", "zero_centered", "wgan_gp", "clipping", None)

    g: nn.Module
    d: nn.Module
    p_c: Tensor

    #: Whether the categories are the classes of the data, so that every label has to be known.
    uses_labels: ClassVar[bool] = False

    #: Whether training finds P(C) without labels.
    learns_prior: ClassVar[bool] = False

    def __init__(
        self,
        setting: Setting,
        n_categories: int,
        *,
        latent: PositiveInt,
        latent_law: Literal["normal", "uniform"],
        net: Literal["auto", "mlp", "cnn"],
        hidden: list[PositiveInt],
        channels: list[PositiveInt],
        dense: NonNegativeInt,
        upsampling: Literal["transposed", "resize"],
        activation: Literal["relu", "leaky_relu", "tanh", "silu"],
        weights: Literal["xavier", "he", "normal", "equalized"],
        batch_norm: Literal["none", "generator", "both"],
        spectral_norm: bool,
        penalty_weight: NonNegativeFloat,
        penalty_every: PositiveInt,
        linear_decay: Fraction,
        ema: Share,
    ) -> None:
        super().__init__(setting)
        if self.uses_labels and not setting.n_classes:
            raise UserError("this model learns classes and the data have none: choose e.g. model=gan or model=vcagan")
        if batch_norm == "both" and (self.learns_prior or setting.loss["penalty"] not in (None, "clipping")):
            raise UserError(
                "a gradient penalty needs a discriminator that judges each row by itself: model.batch_norm=generator "
                "or none, not both"
            )
        if n_categories == 1 and not self.uses_labels:
            raise UserError("model.categories=1: nothing to tell apart; give 2 or more, or choose model=gan")
        self.n_z, self.latent_law, self.n_categories = latent, latent_law, n_categories
        self.design = Design(net, hidden, channels, dense, upsampling, activation, weights, batch_norm, spectral_norm)
        self.f = adversarial_loss(setting.loss)
        self.penalty_weight, self.penalty_every, self.ema = penalty_weight, penalty_every, ema
        self.linear_decay = linear_decay
        p_c = torch.full((len(setting.replicas), n_categories), 1 / max(n_categories, 1))
        self.register_buffer("p_c", p_c.to(setting.device))
        self._average: nn.Module | None = None

    # --- building ----------------------------------------------------------------------------------------------

    def build_generator(self, n_in: int) -> nn.Module:
        """Return the player `g`, from (R, B, n_in) to rows, and keep its moving average if there is to be one."""
        output = torch.tanh if self.setting.bounded else None
        g = generator(self.design, n_in, self.setting.shape, self.weight_generators, output)
        if self.ema:
            self._average = copy.deepcopy(g).to(self.setting.device).requires_grad_(False)
            self._flat_average = flatten(list(self._average.parameters()))
        self.add_player("g", g)
        return g

    def build_discriminator(self, n_out: int, n_labels: int = 0, name: str = "d") -> Perceptron | ConvDiscriminator:
        """Return the player `name`, from rows and labels (R, B, n_labels) to (R, B, n_out)."""
        d = discriminator(self.design, self.setting.shape, n_out, self.weight_generators, n_labels)
        self.add_player(name, d)
        return d

    # --- training ----------------------------------------------------------------------------------------------

    def rate_factor(self) -> float:
        """Return what every learning rate is multiplied by in this step."""
        left = 1 - self.step / self.setting.steps
        line = min(1.0, left / self.linear_decay) if self.linear_decay else 1.0
        return super().rate_factor() * line

    def each_minibatch(self, batch: SampleBatch) -> Iterator[SampleBatch]:
        """Yield the minibatches of an outer step, one for each step of the discriminator."""
        for x, y in zip(batch.x.chunk(self.minibatches, 1), batch.y.chunk(self.minibatches, 1), strict=True):
            yield SampleBatch(x, y)

    def update_d(self, loss: Tensor) -> None:
        """One step of the discriminator; with `loss.penalty=clipping`, its weights are brought back within bounds."""
        self.update("d", loss)
        if self.setting.loss["penalty"] == "clipping":
            self.clip("d", CLIP)

    def update_g(self, loss: Tensor) -> None:
        """One step of the generator, and of its moving average."""
        self.update("g", loss)
        if self._average is None:
            return
        # At first the average follows closely: the initial weights are worth nothing.
        decay = min(self.ema, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            self._flat_average.lerp_(self._flat["g"], 1 - decay)
            for own, buffer in zip(self._average.buffers(), self.g.buffers(), strict=True):
                own.copy_(buffer)

    @property
    def penalty_due(self) -> int:
        """What a gradient penalty is multiplied by in this step: `penalty_every`, or 0 in the steps between."""
        return 0 if self.step % self.penalty_every else self.penalty_every

    @contextmanager
    def watching(self, x: Tensor, x_g: Tensor) -> Iterator[None]:
        """Where a critic judges real and generated rows, so that the penalties r1 and r2 can look back at its outputs.

        They need no second pass of the critic then.
        """
        rows = {"r1": x, "r2": x_g}.get(self.setting.loss["penalty"]) if self.penalty_due else None
        if rows is not None:
            rows.requires_grad_()
        with nullcontext() if rows is None else self.full_precision():
            yield

    def penalty(
        self, critic: Callable[[Tensor], Tensor], x: Tensor, x_g: Tensor, real: Tensor, fake: Tensor
    ) -> Tensor | float:
        """Return the weighted gradient penalty of a critic, (R,), near real and generated rows.

        Args:
            critic: (R, B, *shape) -> (R, B).
            x, x_g: (R, B, *shape), real and generated rows.
            real, fake: (R, B), what the critic said of them while `watching`.
        """
        name = self.setting.loss["penalty"]
        if name in (None, "clipping") or not self.penalty_due:
            return 0.0
        if name in ("r1", "r2"):
            penalty = squared_gradient(*((real, x) if name == "r1" else (fake, x_g))).mean(1)
        else:
            penalty = line_penalty(name, critic, x, x_g, self.noise.uniform(x.shape[1]))
        return self.penalty_due * self.penalty_weight * penalty

    def full_precision(self) -> AbstractContextManager[None]:
        """Where gradients of gradients are taken: they overflow in less than float32."""
        return torch.autocast(self.setting.device.type, enabled=False)

    def learn_shares(self, y: Tensor) -> None:
        """Let P(C) be the mean of all labels (R, B, K) that training has seen so far."""
        self.p_c.lerp_(y.mean(1), 1 / (self.step + 1))

    # --- what every one of them can do -------------------------------------------------------------------------

    def latent(self, n: int) -> Tensor:
        """Draw z, (R, n, n_z)."""
        return (
            self.noise.normal(n, self.n_z) if self.latent_law == "normal" else self.noise.uniform(n, self.n_z) * 2 - 1
        )

    def prior(self) -> Tensor:
        """Return P(C), (R, K)."""
        return self.p_c

    def draw_categories(self, n: int) -> Tensor:
        """Draw c from P(C), one-hot (R, n, K)."""
        return self.noise.one_hot(self.prior(), n) if self.n_categories else self.p_c.unsqueeze(1).expand(-1, n, -1)

    def generate(self, z: Tensor, c: Tensor) -> Tensor:
        """Return G(z, c), from the moving average once training is over. (R, n, n_z), (R, n, K) -> (R, n, *shape).

        G sees (K c - 1) / sqrt(K - 1), of mean 0 and variance 1 where categories are equally common, so that c weighs
        as much as z, however large K is.
        """
        g = self.g if self.training or self._average is None else self._average
        k = self.n_categories
        rows: Tensor = g(torch.cat([z, (k * c - 1) / math.sqrt(max(k - 1, 1))], 2))
        return rows

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Return n generated rows (R, n, *shape) and their categories (R, n, K)."""
        z, c = self.latent(n), self.draw_categories(n)
        return self.generate(z, c), c

    def monitor(self) -> dict[str, Tensor]:
        """Return entropy and number of categories in use of a P(C) that is learned, (R,) each."""
        if not self.learns_prior:
            return {}
        p = self.prior()
        return {"prior_entropy": -torch.xlogy(p, p).sum(1), "categories": (p >= IN_USE).sum(1).float()}
