"""HexaGAN: missing cells, class imbalance and missing labels, solved by one model of six networks.

Hwang, Jung, Yoon: "HexaGAN: Generative Adversarial Nets for Real World Classification", ICML 2019 (arXiv 1902.09913).
Algorithm 2 is `HexaGAN.outer_step`. Where slides and the authors' code differ in a way that changes results, an
option says which reading is taken; docs/hexagan.md lists the rest.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from ganx.engine.batch import TabularBatch
from ganx.engine.latent import ClassCode
from ganx.engine.penalty import ScorePenalty
from ganx.engine.scale import Scale
from ganx.engine.setting import Setting
from ganx.engine.start import CopulaStart, NoiseStart, Shown
from ganx.losses.balance import cross_entropy
from ganx.losses.elementwise import cell_weights, expected_score
from ganx.nets.stacked import StackedMLP, width
from ganx.types import Fraction, NonNegativeFloat, Repeats, Width

Player = Literal["e", "g_mi", "d_mi", "g_cg", "d_cg", "c"]
ActivationName = Literal["relu", "leaky_relu", "tanh", "silu"]

CLIPPING_BOUND = 0.01  # Arjovsky, Chintala, Bottou (2017), and the authors' code for MNIST


class HexaGAN(ClassCode):
    """Six players over a table of d features and K classes.

    E       encoder            [x-tilde, m] -> hidden vector h; x-tilde is x where m = 1, the start elsewhere
    G_MI    imputer            h -> x-bar, every cell
    D_MI    element-wise critic  [x-hat, y] -> one score per cell, and one for the label
    G_CG    conditional generator  [y_c, z] -> h_c
    D_CG    critic of hidden vectors  [h, y] -> one score
    C       classifier         x-hat -> K logits

    Args:
        setting: what the engine tells (replicas, d, K, optimiser).
        latent: width of h.
        hidden: widths of the hidden layers of each network.
        activation: activation of each network's hidden layers.
        n_critic: critic updates per generator update.
        n_cg: rounds of conditional generation per outer step; 0 leaves generated rows out of C's loss too.
        together: whether E and G_MI take their steps down their common loss from one gradient. The paper updates E
            first and G_MI afterwards, which at higher rates makes one overshoot what the other has just corrected.
        start: what stands in for missing cells: `noise` (the paper), or the answer of a Gaussian `copula`
            (`ganx.engine.start`). Then h carries the completed row along, and G_MI adds to it.
        noise: width of the noise that stands in, about 1/2: 1 is U(0, 1), as published; 0 is none.
        hide: share of the observed cells that are hidden from E while it and G_MI learn, and reconstructed with the
            others (0: the paper). What a network sees it can copy; what it does not see it has to infer. `auto`: 0.25
            with a copula; none with noise, unless (nearly) no cell of the table is missing, where E would never see a
            gap: 0.2.
        reconstruction: error of a row in the reconstruction loss: the `mse` of its observed cells (the paper), or its
            root, the `rmse`, which forgives large errors and is what tables of imputation report.
        lambda_1: weight of D_MI's gradient penalty.
        lambda_2: weight of D_CG's gradient penalty.
        penalty_probes: how the zero-centred penalties are taken. `exact`: the gradient of each score; a number: of as
            many random sums of scores per row, which give the same value on average, at a cost that does not grow with
            the square of a critic's width; `auto`: exact unless that takes too long
            (`ganx.engine.penalty`).
        alpha_1: weight of the reconstruction loss for E and G_MI.
        alpha_2: weight of G_MI's loss on generated rows, for G_CG.
        alpha_3: weight of C's cross-entropy on generated rows, for G_CG.
        alpha_4: weight of C's adversarial loss.
        reduction: how scores of cells are added up. `sum`: slides, sum over cells of expectations; `mean`: authors'
            code, mean over the cells that count (`ganx.losses.elementwise`).
        critic: what D_MI judges. `slides`: the cells of x-hat, and the label with one score, D_MI(.)_(d+1).
            `authors`: one score per class; generated rows count as fake throughout; G_MI answers for all scores.
        judge_cells: whether E, G_MI and G_CG answer to D_MI's scores of cells; without, E and G_MI have the
            reconstruction loss alone.
        judge_labels: whether D_MI scores labels at all, D_MI(.)_(d+1); without, C has no adversarial loss.
        pseudo_label: what stands for a label that C guessed. `straight_through`: one-hot, with the gradient of the
            probabilities; `soft`: the probabilities; `hard`: one-hot without gradient, as in the authors' code.
        weight_decay_c: factor on half the squared norm of C's parameters (authors' code: 0.001).
        impute_noise: what stands in for missing cells when a trained model imputes: a `draw` of the noise, as in
            training, or its `mean` (1/2), which gives one answer and a better one.
        inputs, output_bias: how E reads features and where the outputs of G_MI start (`ganx.engine.scale`).
        inputs_c: how C reads them.
    """

    losses = ("wgan",)
    penalties = ("zero_centered", "wgan_gp", "clipping", None)

    def __init__(
        self,
        setting: Setting,
        *,
        latent: Width,
        hidden: dict[Player, list[Width]],
        activation: dict[Player, ActivationName],
        n_critic: Repeats,
        n_cg: Literal[0] | Repeats,
        together: bool,
        start: Literal["noise", "copula"],
        noise: Fraction,
        hide: Fraction | Literal["auto"],
        reconstruction: Literal["mse", "rmse"],
        lambda_1: NonNegativeFloat,
        lambda_2: NonNegativeFloat,
        penalty_probes: Literal["auto", "exact"] | Repeats,
        alpha_1: NonNegativeFloat,
        alpha_2: NonNegativeFloat,
        alpha_3: NonNegativeFloat,
        alpha_4: NonNegativeFloat,
        reduction: Literal["sum", "mean"],
        critic: Literal["slides", "authors"],
        judge_cells: bool,
        judge_labels: bool,
        pseudo_label: Literal["straight_through", "soft", "hard"],
        weight_decay_c: NonNegativeFloat,
        impute_noise: Literal["draw", "mean"],
        inputs: Literal["range", "standard"],
        output_bias: Literal["zero", "mean"],
        inputs_c: Literal["range", "standard"],
    ) -> None:
        super().__init__(setting)
        self.d, self.k = setting.n_features, setting.n_classes
        self.n_z = self.d
        self.n_critic, self.n_cg = n_critic, n_cg
        self.penalty = setting.loss["penalty"]
        self.score_penalty = ScorePenalty(self.penalty, penalty_probes, reduction)
        self.lambda_1, self.lambda_2 = lambda_1, lambda_2
        self.alpha_1, self.alpha_2, self.alpha_3, self.alpha_4 = alpha_1, alpha_2, alpha_3, alpha_4
        self.reduction, self.pseudo_label = reduction, pseudo_label
        self.together, self.reconstruction = together, reconstruction
        self.critic, self.weight_decay_c = critic, weight_decay_c
        self.judge_cells = judge_cells
        self.scale = Scale(setting, inputs, output_bias)
        self.start = CopulaStart(setting, hide) if start == "copula" else NoiseStart(noise, hide, impute_noise)
        self.scale_c = Scale(setting, inputs_c, "zero")

        def net(name: Player, n_in: int, n_out: int, output=None) -> StackedMLP:  # type: ignore[no-untyped-def]
            mlp = StackedMLP(
                n_in,
                [width(size, self.d) for size in hidden[name]],
                n_out,
                activation=activation[name],
                generators=self.weight_generators,
                output=output,
            )
            self.add_player(name, mlp)
            return mlp

        n_code = width(latent, self.d)
        n_latent = self.d + n_code if self.start.carries else n_code
        self.n_label_scores = (min(self.k, 1) if critic == "slides" else self.k) if judge_labels else 0
        self.e = net("e", 2 * self.d, n_code, torch.relu)
        self.g_mi = net("g_mi", n_code, self.d, None if self.start.carries else torch.sigmoid)
        self.d_mi = net("d_mi", self.d + self.k, self.d + self.n_label_scores)
        self.g_cg = net("g_cg", self.k + self.d, n_latent, self.row_and_code if self.start.carries else torch.relu)
        self.d_cg = net("d_cg", n_latent + self.k, 1)
        self.c = net("c", self.d, self.k)

    def prepare(self) -> None:
        """Take start, scales and output bias from the observed training cells."""
        self.start.prepare(self.data)
        self.scale.prepare(self.data, self.g_mi)
        self.scale_c.prepare(self.data, self.c)
        if self.start.carries:
            self.g_mi.start_at_zero()

    # --- Algorithm 2 -------------------------------------------------------------------------------------------

    def outer_step(self, batch: TabularBatch) -> None:
        """Algorithm 2, one pass through its `while`."""
        # (1) Missing-data imputation
        if self.judge_cells or self.n_label_scores:
            for _ in range(self.n_critic):
                self.update_critic("d_mi", self.loss_d_mi(batch))
        shown = self.start.shown_in_part(self.data, batch, self.noise)
        if self.together:
            self.update_together(["e", "g_mi"], self.loss_imputation(batch, self.encode_shown(batch.x, shown)))
        else:
            self.update("e", self.loss_imputation(batch, self.encode_shown(batch.x, shown)))
            self.update("g_mi", self.loss_imputation(batch, self.hidden(batch, shown)))

        if not self.k:
            return  # a table without a target: (2) and (3) are about classes

        # (2) Conditional generation
        h = self.hidden(batch, self.start.shown(self.data, batch))
        for _ in range(self.n_cg):
            for _ in range(self.n_critic):
                h_c, y_c = self.hidden_for(batch, class_counts(batch))
                self.update_critic("d_cg", self.loss_d_cg(batch, h, h_c.detach(), y_c))
            self.update("g_cg", self.loss_g_cg(batch, h_c, y_c))

        # (3) Semi-supervised classification
        self.update("c", self.loss_c(batch, h))

    def update_critic(self, player: Player, loss: Tensor) -> None:
        """One step of a critic; with `loss.penalty=clipping`, its weights are brought back within bounds."""
        self.update(player, loss)
        if self.penalty == "clipping":
            self.clip(player, CLIPPING_BOUND)

    # --- (1) imputation ----------------------------------------------------------------------------------------

    def loss_d_mi(self, batch: TabularBatch) -> Tensor:
        """L_DMI + L_DMI^(d+1) + lambda_1 L_GP_MI: observed cells and known labels are real, filled-in ones fake."""
        with torch.no_grad():
            x_bar = self.decode(self.hidden(batch, self.start.shown(self.data, batch)))
            rows, real, fake = self.judged(batch, self.complete(batch, x_bar))
        weights = cell_weights(real[..., : self.d], self.reduction, n_own=self.d)
        scores, penalty = self.with_penalty(self.d_mi, rows, weights, x_bar)
        return self.expected(scores, fake) - self.expected(scores, real) + self.lambda_1 * penalty

    def expected(self, scores: Tensor, cells: Tensor) -> Tensor:
        """Return the expected score of cells and labels. (R, B, J), (R, B, J) -> (R,)."""
        return expected_score(scores, cells, self.reduction, n_own=max(scores.shape[2] - self.d, 0))

    def with_penalty(self, critic: StackedMLP, rows: Tensor, weights: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return the critic's scores of `rows` (R, B, .) and its gradient penalty (R,)."""
        return self.score_penalty(critic, rows, weights, fake, self.noise)

    def loss_imputation(self, batch: TabularBatch, h: Tensor) -> Tensor:
        """L_GMI + alpha_1 L_recon, the loss of both E and G_MI."""
        x_bar = self.decode(h)
        loss = self.alpha_1 * self.loss_recon(batch, x_bar)
        return loss + self.loss_g_mi(batch, self.complete(batch, x_bar)) if self.judge_cells else loss

    def loss_g_mi(self, batch: TabularBatch, x_hat: Tensor) -> Tensor:
        """L_GMI = -sum_j E[(1 - m_j) D_MI(x-hat, y)_j]."""
        rows, _, fake = self.judged(batch, x_hat)
        n_scores = self.d if self.critic == "slides" else self.d + self.n_label_scores
        return -self.expected(self.d_mi(rows)[..., :n_scores], fake[..., :n_scores])

    def judged(self, batch: TabularBatch, x_hat: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what D_MI judges: rows [x-hat, y], and which of their scores count as real and as fake."""
        with torch.no_grad():
            y = self.labels(batch, x_hat)
        rows = torch.cat([x_hat, y], 2)
        if self.judges_generated:
            with torch.no_grad():
                h_c, y_c = self.hidden_for(batch, class_counts(batch))
            rows = torch.cat([rows, torch.cat([self.decode(h_c), y_c], 2)], 1)
        return rows, *self.real_and_fake(batch)

    @property
    def judges_generated(self) -> bool:
        """Whether D_MI sees generated rows behind those of the table."""
        return self.critic == "authors" and bool(self.k and self.n_cg)

    def real_and_fake(self, batch: TabularBatch) -> tuple[Tensor, Tensor]:
        """Return which scores of D_MI count as real and as fake, (R, B, J); with generated rows (R, 2 B, J)."""
        known = batch.labelled.expand(-1, -1, self.n_label_scores)
        real, fake = torch.cat([batch.m, known], 2), torch.cat([batch.missing, 1 - known], 2)
        if self.judges_generated:
            real, fake = torch.cat([real, torch.zeros_like(real)], 1), torch.cat([fake, torch.ones_like(fake)], 1)
        return real, fake

    def loss_recon(self, batch: TabularBatch, x_bar: Tensor) -> Tensor:
        """L_recon: squared error over the observed cells of a row, averaged over rows. No hidden truth enters."""
        errors = ((batch.x - x_bar).square() * batch.m).sum(2) / batch.m.sum(2).clamp_min(1e-10)
        return errors.mean(1) if self.reconstruction == "mse" else (errors + 1e-6).sqrt().mean(1)

    # --- (2) conditional generation ----------------------------------------------------------------------------

    def loss_d_cg(self, batch: TabularBatch, h: Tensor, h_c: Tensor, y_c: Tensor) -> Tensor:
        """L_DCG + lambda_2 L_GP_CG: hidden vectors of labelled rows are real, generated ones fake."""
        fake = self.d_cg(torch.cat([h_c, y_c], 2)).mean((1, 2))
        labelled = cell_weights(batch.labelled, "mean")
        scores, penalty = self.with_penalty(self.d_cg, torch.cat([h, batch.y], 2), labelled, h_c)
        loss: Tensor = fake - (scores * labelled).sum((1, 2))
        return loss + self.lambda_2 * penalty

    def loss_g_cg(self, batch: TabularBatch, h_c: Tensor, y_c: Tensor) -> Tensor:
        """L_GCG + alpha_2 L_GMI(x_c) + alpha_3 L_CE(x_c, y_c). Every cell of a generated row is missing: m_c = 0."""
        x_c = self.decode(h_c)
        loss_g_cg: Tensor = -self.d_cg(torch.cat([h_c, y_c], 2)).mean((1, 2))
        loss = loss_g_cg + self.alpha_3 * cross_entropy(self.logits(x_c), y_c).mean(1)
        if not self.judge_cells:
            return loss
        weights = self.weights_of_generated(batch)
        loss_g_mi: Tensor = -(self.d_mi(torch.cat([x_c, y_c], 2))[..., : weights.shape[2]] * weights).sum((1, 2))
        return loss + self.alpha_2 * loss_g_mi

    def weights_of_generated(self, batch: TabularBatch) -> Tensor:
        """Return the weights of generated rows in L_GMI, (R, B, J).

        The authors' L_GMI is over all d + K scores, and its means over the table's fake cells, too. Those cells are
        constants to G_CG, so that they are left out here and counted in the denominators alone.
        """
        if not self.judges_generated:
            return cell_weights(torch.ones_like(batch.x), self.reduction)
        _, fake = self.real_and_fake(batch)
        return cell_weights(fake, self.reduction, self.n_label_scores)[:, batch.x.shape[1] :]

    def hidden_for(self, batch: TabularBatch, shares: Tensor) -> tuple[Tensor, Tensor]:
        """Return hidden vectors h_c (R, B, latent) for labels y_c (R, B, K) drawn in proportion to `shares` (R, K)."""
        n_rows = batch.x.shape[1]
        thresholds = shares.cumsum(1).unsqueeze(1)
        drawn = self.noise.uniform(n_rows, 1) * thresholds[..., -1:]
        classes = (drawn >= thresholds).sum(2).clamp_max(self.k - 1)
        y_c = F.one_hot(classes, self.k).to(batch.x.dtype)
        z = self.noise.uniform(n_rows, self.d)
        return self.g_cg(torch.cat([y_c, z], 2)), y_c

    # --- (3) classification ------------------------------------------------------------------------------------

    def loss_c(self, batch: TabularBatch, h: Tensor) -> Tensor:
        """L_CE on labelled and generated rows + alpha_4 L_C. Just enough rows are generated to level the classes."""
        with torch.no_grad():
            x_hat = self.complete(batch, self.decode(h))
        x, y, weight = x_hat, batch.y, batch.labelled.squeeze(2)
        if self.n_cg:
            x_c, y_c, lacking = self.lacking_rows(batch)
            x, y, weight = torch.cat([x, x_c], 1), torch.cat([y, y_c], 1), torch.cat([weight, lacking], 1)
        loss = (cross_entropy(self.logits(x), y) * weight).sum(1) / weight.sum(1).clamp_min(1e-8)
        if self.alpha_4 and self.n_label_scores:
            loss = loss + self.alpha_4 * self.loss_pseudo_label(batch, x_hat)
        if self.weight_decay_c:
            loss = loss + self.weight_decay_c / 2 * sum(p.square().sum((1, 2)) for p in self.players["c"])
        return loss

    @torch.no_grad()
    def lacking_rows(self, batch: TabularBatch) -> tuple[Tensor, Tensor, Tensor]:
        """Return generated rows x_c of the classes that the batch lacks, their labels y_c, and their weights (R, B).

        B rows are generated whatever is lacking; together they weigh as much as the rows that would level the classes.
        """
        counts = class_counts(batch)
        deficit = counts.amax(1, keepdim=True) - counts
        h_c, y_c = self.hidden_for(batch, deficit)
        lacking = (deficit.sum(1, keepdim=True) / y_c.shape[1]).expand(-1, y_c.shape[1])
        return self.decode(h_c), y_c, lacking

    def loss_pseudo_label(self, batch: TabularBatch, x_hat: Tensor) -> Tensor:
        """L_C = -E[D_MI(x-hat_u, y_u)_(d+1)]: C wants its labels of unlabelled rows to pass for real ones."""
        scores = self.d_mi(torch.cat([x_hat, self.labels(batch, x_hat)], 2))[..., self.d :]
        unlabelled = (1 - batch.labelled).expand(-1, -1, self.n_label_scores)
        return -expected_score(scores, unlabelled, self.reduction, n_own=self.n_label_scores)

    def labels(self, batch: TabularBatch, x_hat: Tensor) -> Tensor:
        """Return known labels as they are and C's pseudo-labels elsewhere, (R, B, K)."""
        if not self.k:
            return batch.y
        soft = self.logits(x_hat).softmax(2)
        if self.pseudo_label == "soft":
            guess = soft
        else:
            guess = F.one_hot(soft.argmax(2), self.k).to(soft.dtype)
            if self.pseudo_label == "straight_through":
                guess = guess + soft - soft.detach()
        return torch.lerp(guess, batch.y, batch.labelled)

    # --- the networks' inputs and outputs ----------------------------------------------------------------------

    def encode(self, x: Tensor, m: Tensor) -> Tensor:
        """Return h of any rows. (R, B, d), (R, B, d) -> (R, B, latent)."""
        return self.encode_shown(x, self.start.given(x, m))

    def encode_shown(self, x: Tensor, shown: Shown) -> Tensor:
        """h = E(x-tilde, m), where z stands in for missing cells. (R, B, d) -> (R, B, latent).

        Of a copula, z is a complete row, and h carries it along.
        """
        m, z = shown.m, self.start.z(shown, self.noise)
        if not self.start.carries:
            return self.e(torch.cat([torch.lerp(self.scale.noise(z), self.scale(x), m), m], 2))  # type: ignore[no-any-return]
        return torch.cat([z, self.e(torch.cat([self.scale(z), m], 2))], 2)

    @torch.no_grad()
    def hidden(self, batch: TabularBatch, shown: Shown) -> Tensor:
        """Return h of a batch, without a gradient to E."""
        return self.encode_shown(batch.x, shown)

    def row_and_code(self, h: Tensor) -> Tensor:
        """What G_CG gives after a start: a row in [0, 1], and the rest of h as E has it. (R, B, latent)."""
        return torch.cat([h[..., : self.d].sigmoid(), h[..., self.d :].relu()], 2)

    def decode(self, h: Tensor) -> Tensor:
        """x-bar = G_MI(h); after a start, what G_MI adds to the row that h carries. (R, B, latent) -> (R, B, d)."""
        if not self.start.carries:
            return self.g_mi(h)  # type: ignore[no-any-return]
        x_tilde, code = h[..., : self.d], h[..., self.d :]
        return x_tilde + self.scale.unit * self.g_mi(code)  # type: ignore[no-any-return]

    def logits(self, x: Tensor) -> Tensor:
        """C(x), with x in the units of `inputs_c`. (R, B, d) -> (R, B, K)."""
        return self.c(self.scale_c(x))  # type: ignore[no-any-return]

    def complete(self, batch: TabularBatch, x_bar: Tensor) -> Tensor:
        """x-hat = m x + (1 - m) x-bar."""
        return torch.lerp(x_bar, batch.x, batch.m)

    # --- what a trained HexaGAN can do -------------------------------------------------------------------------

    def impute(self, x: Tensor, m: Tensor) -> Tensor:
        """Fill the cells with m = 0. (R, B, d), (R, B, d) -> (R, B, d)."""
        return torch.lerp(self.decode(self.encode(x, m)).clamp(0, 1), x, m)

    def classify(self, x: Tensor, m: Tensor) -> Tensor:
        """Return class probabilities of imputed rows. (R, B, d), (R, B, d) -> (R, B, K)."""
        return self.logits(self.impute(x, m)).softmax(2)

    def generate_hidden(self, y: Tensor) -> Tensor:
        """Return generated hidden vectors h_c for labels y. (R, B, K) -> (R, B, latent)."""
        return self.g_cg(torch.cat([y, self.noise.uniform(y.shape[1], self.d)], 2))  # type: ignore[no-any-return]

    def generate(self, z: Tensor, c: Tensor) -> Tensor:
        """Return rows x_c = G_MI(G_CG(c, z)) of the classes c. (R, n, d), (R, n, K) -> (R, n, d)."""
        return self.decode(self.g_cg(torch.cat([c, z], 2)))


def class_counts(batch: TabularBatch) -> Tensor:
    """Return the labelled rows per class, (R, K)."""
    return batch.y.sum(1)
