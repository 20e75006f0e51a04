"""Triple-GAN: a generator of rows for a label and a classifier of rows, both against one discriminator of pairs.

Li, Xu, Zhu, Zhang: "Triple Generative Adversarial Nets", NIPS 2017 (arXiv 1703.02291). Algorithm 1 is
`TripleGAN.outer_step`. The paper is about images; here the three players are perceptrons over rows with unknown cells.
Where its code (zhenxuan00/triple-gan) makes a loss of the paper trainable, that is said at the loss.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from ganx.engine.batch import TabularBatch
from ganx.engine.latent import ClassCode
from ganx.engine.setting import Setting
from ganx.errors import UserError
from ganx.losses.adversarial import binary_cross_entropy, mean_over
from ganx.losses.balance import classification_loss
from ganx.nets.stacked import StackedMLP, width
from ganx.types import Fraction, NonNegativeFloat, NonNegativeInt, Width

Player = Literal["g", "d", "c"]


class TripleGAN(ClassCode):
    """Three players over a table of d features and K classes.

    G   generator       [z, y] -> a complete row of that class
    D   discriminator   [m x, m, y] -> one logit: is this a row of the table with its true label?
    C   classifier      [m x, m] -> K logits

    Generated rows wear the masks of real ones, so that D cannot tell them by being complete.

    Args:
        setting: what the engine tells (replicas, d, K, optimiser).
        latent: how many numbers z ~ U(0, 1) the generator gets.
        hidden: widths of the hidden layers of each network.
        activation: of the hidden layers.
        alpha: share of C, beside G, in what D takes for fake.
        alpha_p: weight of R_P, C's cross-entropy on generated rows.
        pseudo_from: step from which R_P counts; before it, generated rows look like nothing.
        hide: share of the observed cells that are hidden from C and D in a step, so that neither leans on a few of
            them (0: the paper).
        balance: what C's cross-entropy does for rare classes; see `ganx.losses.balance`.

    Raises:
        UserError: the table has no target.
    """

    losses = ("nonsaturating",)

    def __init__(
        self,
        setting: Setting,
        *,
        latent: Width,
        hidden: dict[Player, list[Width]],
        activation: Literal["relu", "leaky_relu", "tanh", "silu"],
        alpha: Fraction,
        alpha_p: NonNegativeFloat,
        pseudo_from: NonNegativeInt,
        hide: Fraction,
        balance: Literal["none", "cs", "crl"],
    ) -> None:
        super().__init__(setting)
        if not setting.n_classes:
            raise UserError("model=triplegan learns classes and the table has no target: name it, dataset.target=NAME")
        d, k = setting.n_features, setting.n_classes
        self.n_z = width(latent, d)
        self.alpha, self.alpha_p, self.pseudo_from = alpha, alpha_p, pseudo_from
        self.hide, self.balance = hide, balance

        def net(name: Player, n_in: int, n_out: int, output=None) -> StackedMLP:  # type: ignore[no-untyped-def]
            mlp = StackedMLP(
                n_in,
                [width(size, d) for size in hidden[name]],
                n_out,
                activation=activation,
                generators=self.weight_generators,
                output=output,
            )
            self.add_player(name, mlp)
            return mlp

        self.g = net("g", self.n_z + k, d, torch.sigmoid)
        self.d = net("d", 2 * d + k, 1)
        self.c = net("c", 2 * d, k)

    # --- Algorithm 1 -------------------------------------------------------------------------------------------

    def outer_step(self, batch: TabularBatch) -> None:
        """Algorithm 1, one pass through its loop. Rows are generated for the labels of the minibatch: y_g = y."""
        batch = batch._replace(m=self.noise.hide(batch.m, self.hide))
        x_g = self.rows_for(batch.y)
        self.update("d", self.loss_d(batch, x_g.detach()))
        self.update("c", self.loss_c(batch, x_g.detach()))
        self.update("g", self.loss_g(batch, x_g))

    def loss_d(self, batch: TabularBatch, x_g: Tensor) -> Tensor:
        """-log D(x, y) - alpha log(1 - D(x_u, y_c)) - (1 - alpha) log(1 - D(x_g, y_g))."""
        with torch.no_grad():
            y_c, _ = self.pseudo_label(batch)
        real = mean_over(binary_cross_entropy(self.judge(batch.x, batch.m, batch.y), 1.0), batch.labelled)
        classified = mean_over(binary_cross_entropy(self.judge(batch.x, batch.m, y_c), 0.0), 1 - batch.labelled)
        generated = mean_over(binary_cross_entropy(self.judge(x_g, batch.m, batch.y), 0.0), batch.labelled)
        return real + self.alpha * classified + (1 - self.alpha) * generated

    def loss_c(self, batch: TabularBatch, x_g: Tensor) -> Tensor:
        """R_L + alpha (adversarial) + alpha_P R_P.

        R_L is the cross-entropy of labelled rows, R_P that of generated ones. A guessed label is no function that could
        be differentiated: the adversarial cost -log D(x_u, y_c) is multiplied by p_c(y_c | x_u), which C lowers where D
        does not believe the pair (Algorithm 1; -log D in place of log(1 - D), and y_c the likeliest class, as in the
        code).
        """
        loss = classification_loss(self.logits(batch.x, batch.m), batch.y, self.balance)
        y_c, confidence = self.pseudo_label(batch)
        with torch.no_grad():
            cost = binary_cross_entropy(self.judge(batch.x, batch.m, y_c), 1.0)
        loss = loss + self.alpha * mean_over(confidence * cost, 1 - batch.labelled)
        if self.step >= self.pseudo_from:
            loss = loss + self.alpha_p * classification_loss(self.logits(x_g, batch.m), batch.y, self.balance)
        return loss

    def loss_g(self, batch: TabularBatch, x_g: Tensor) -> Tensor:
        """-(1 - alpha) log D(x_g, y_g), as in the code; the paper has log(1 - D)."""
        cost = binary_cross_entropy(self.judge(x_g, batch.m, batch.y), 1.0)
        return (1 - self.alpha) * mean_over(cost, batch.labelled)

    def pseudo_label(self, batch: TabularBatch) -> tuple[Tensor, Tensor]:
        """Return C's likeliest class of each row, one-hot (R, B, K), and its probability (R, B, 1)."""
        p = self.classify(batch.x, batch.m)
        confidence, index = p.max(2, keepdim=True)
        return F.one_hot(index.squeeze(2), p.shape[2]).to(p.dtype), confidence

    # --- the networks' inputs ----------------------------------------------------------------------------------

    def judge(self, x: Tensor, m: Tensor, y: Tensor) -> Tensor:
        """D(x, y) of rows of which the cells with m = 1 are seen. Logits (R, B, 1)."""
        return self.d(torch.cat([m * x, m, y], 2))  # type: ignore[no-any-return]

    def logits(self, x: Tensor, m: Tensor) -> Tensor:
        """C(x) of rows of which the cells with m = 1 are seen. Logits (R, B, K)."""
        return self.c(torch.cat([m * x, m], 2))  # type: ignore[no-any-return]

    # --- what a trained Triple-GAN can do ----------------------------------------------------------------------

    def classify(self, x: Tensor, m: Tensor) -> Tensor:
        """Return class probabilities. (R, B, d), (R, B, d) -> (R, B, K)."""
        return self.logits(x, m).softmax(2)

    def rows_for(self, y: Tensor) -> Tensor:
        """Return generated rows of the classes y. (R, B, K) -> (R, B, d)."""
        return self.generate(self.latent(y.shape[1]), y)

    def generate(self, z: Tensor, c: Tensor) -> Tensor:
        """G(z, c). (R, n, n_z), (R, n, K) -> (R, n, d)."""
        return self.g(torch.cat([z, c], 2))  # type: ignore[no-any-return]
