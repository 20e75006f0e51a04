"""The base class of adversarial methods that generate whole rows or images."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from ganx.engine.batch import ExampleBatch
from ganx.engine.latent import LatentCode
from ganx.engine.schedule import LinearDecay
from ganx.engine.setting import Setting
from ganx.errors import UserError
from ganx.losses.gan import adversarial_loss
from ganx.losses.penalties import CLIP, line_penalty, squared_gradient
from ganx.nets.players import ConvDiscriminator, Design, Perceptron, discriminator, generator
from ganx.types import Fraction, NonNegativeFloat, PositiveInt, Share, Units


class GenerativeModule(LatentCode, LinearDecay):
    """A generator G(z, c) of rows (d,) or images (C, H, W), and a discriminator of them.

    `f` has the adversarial loss, f_d and f_g, that `loss.name` names.

    Args:
        setting: what the engine tells (replicas, shape of a row, classes, loss, optimiser).
        n_categories: K, of the latent code; see `LatentCode`.
        latent, latent_law: z.
        net, hidden, channels, dense, upsampling, activation, batch_norm, spectral_norm: see `Design`.
        weights: how they start, see `Stacked`.
        penalty_weight: of the gradient penalty that `loss.penalty` names.
        penalty_every: gradient penalties are taken every so many steps, and count so many times as much (Karras et al.,
            2020: lazy regularisation; 1: the papers).
        linear_decay: see `LinearDecay`.
        ema: decay of the generator's moving average, which samples come from; 0: there is none.

    Raises:
        UserError: a choice that does not fit the data or another choice.
    """

    losses: ClassVar[tuple[str, ...]] = ("nonsaturating", "saturating", "lsgan", "hinge", "wgan", "own")
    penalties: ClassVar[tuple[str | None, ...]] = ("r1", "r2", "zero_centered", "wgan_gp", "clipping", None)

    g: nn.Module
    d: nn.Module

    def __init__(
        self,
        setting: Setting,
        n_categories: int,
        *,
        latent: Units,
        latent_law: Literal["normal", "uniform"],
        net: Literal["auto", "mlp", "cnn"],
        hidden: list[Units],
        channels: list[Units],
        dense: Literal[0] | Units,
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
        super().__init__(setting, latent, latent_law, n_categories)
        if self.conditional and not setting.n_classes:
            raise UserError("this model learns classes and the data have none: choose e.g. model=gan or model=vcagan")
        if n_categories == 1 and not self.conditional:
            raise UserError("model.categories=1: nothing to tell apart; give 2 or more, or choose model=gan")
        self.design = Design(net, hidden, channels, dense, upsampling, activation, weights, batch_norm, spectral_norm)
        if setting.loss["penalty"] not in (None, "clipping"):
            self.need_rows_judged_alone()
        self.f = setting.own_loss or adversarial_loss(setting.loss)
        self.penalty_weight, self.penalty_every, self.ema = penalty_weight, penalty_every, ema
        self.linear_decay = linear_decay

    # --- building ----------------------------------------------------------------------------------------------

    def build_generator(self, n_in: int) -> nn.Module:
        """Return the player `g`, from (R, B, n_in) to rows, and keep its moving average if there is to be one."""
        output = torch.tanh if self.setting.bounded else None
        g = generator(self.design, n_in, self.setting.shape, self.weight_generators, output)
        self.add_player("g", g, averaged=self.ema > 0)
        return g

    def build_discriminator(self, n_out: int, n_labels: int = 0, name: str = "d") -> Perceptron | ConvDiscriminator:
        """Return the player `name`, from rows and labels (R, B, n_labels) to (R, B, n_out)."""
        d = discriminator(self.design, self.setting.shape, n_out, self.weight_generators, n_labels)
        self.add_player(name, d)
        return d

    def need_rows_judged_alone(self) -> None:
        """Refuse batch normalisation in the discriminator, where its gradient by a row is taken.

        Raises:
            UserError: `batch_norm` is `both`.
        """
        if self.design.batch_norm == "both":
            raise UserError(
                "a gradient penalty needs a discriminator that judges each row by itself: model.batch_norm=generator "
                "or none, not both"
            )

    # --- training ----------------------------------------------------------------------------------------------

    def each_minibatch(self, batch: ExampleBatch) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield x and y of the minibatches of an outer step, one for each step of the discriminator."""
        yield from zip(batch.x.chunk(self.minibatches, 1), batch.y.chunk(self.minibatches, 1), strict=True)

    def update_d(self, loss: Tensor) -> None:
        """One step of the discriminator; with `loss.penalty=clipping`, its weights are brought back within bounds."""
        self.update("d", loss)
        if self.setting.loss["penalty"] == "clipping":
            self.clip("d", CLIP)

    def update_g(self, loss: Tensor) -> None:
        """One step of the generator, and of its moving average."""
        self.update("g", loss)
        self._average_g()

    def update_both(self, loss_d: Tensor, loss_g: Tensor) -> None:
        """One step of both by losses of one forward pass: each player is judged by the other as it was before."""
        of_d = self.gradients(loss_d, "d", retain_graph=True)
        self.step_players({"d": of_d, "g": self.gradients(loss_g, "g")})
        self._average_g()

    def _average_g(self) -> None:
        if self.ema:
            # At first the average follows closely: the initial weights are worth nothing.
            self.average("g", min(self.ema, (self.step + 1) / (self.step + 10)))

    def beside(self, judge: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, ...]:
        """Return what f_g compares D(x_g) with: D(x) where a loss of one's own is relativistic, nothing elsewhere."""
        if not self.f.relativistic:
            return ()
        with torch.no_grad():
            return (judge(x),)

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

    def generate(self, z: Tensor, c: Tensor) -> Tensor:
        """Return G(z, c), from the moving average while nothing is trained. (R, n, n_z), (R, n, K) -> (R, n, *shape).

        G sees (K c - 1) / sqrt(K - 1), of mean 0 and variance 1 where categories are equally common, so that c weighs
        as much as z, however large K is.
        """
        g = self.g if self.training else self.averaged("g")
        k = self.n_categories
        rows: Tensor = g(torch.cat([z, (k * c - 1) / math.sqrt(max(k - 1, 1))], 2))
        return rows
