"""The gradient penalty of critics that give each row several scores: exact, or of random sums of scores."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ganx.engine.noise import Noise
from ganx.errors import UserError
from ganx.losses.elementwise import cell_weights
from ganx.nets.stacked import StackedMLP

# auto: multiplications that an exact penalty may take for one replica, just beyond those of 500 columns, 64 rows and a
# critic half as wide (B J h^2 + n h^2 for one hidden layer); and probes where it would take more.
MOST_EXACT, PROBES = 2**31, 1


class ScorePenalty:
    """The penalty that `loss.penalty` names, of each score's gradient by the critic's whole first argument.

    `zero_centered` (HexaGAN's L_GP) is taken at the rows that are judged, WGAN-GP's where rows and their fake
    counterparts are mixed; with all others, it is 0.

    Args:
        name: `loss.penalty`.
        probes: `exact`, `auto` or a number of random sums of scores for each row (`StackedMLP.with_probed_penalty`).
        reduction: of scores, `sum` or `mean` (`ganx.losses.elementwise`).

    Raises:
        UserError: a number of probes, and a penalty that cannot be estimated.
    """

    def __init__(self, name: str | None, probes: Literal["auto", "exact"] | int, reduction: str) -> None:
        if probes not in ("auto", "exact") and name != "zero_centered":
            raise UserError(
                f"model.penalty_probes={probes} is for loss.penalty=zero_centered, which can be estimated; "
                f"with loss.penalty={name or 'null'} set model.penalty_probes=auto"
            )
        self.name, self.probes, self.reduction = name, probes, reduction

    def __call__(
        self, critic: StackedMLP, rows: Tensor, weights: Tensor, fake: Tensor, noise: Noise
    ) -> tuple[Tensor, Tensor]:
        """Return the critic's scores (R, B, .) of `rows` (R, B, .), and the penalty (R,).

        Args:
            weights: (R, B, J) of real scores.
            fake: (R, b, n), as wide as the critic's first argument.
        """
        n = fake.shape[2]
        if self.name == "zero_centered":
            signs = self._signs(critic, n, weights, noise)
            if signs is None:
                return critic.with_penalty(rows, n, weights)
            return critic.with_probed_penalty(rows, n, weights, signs)
        scores = critic(rows)
        if self.name != "wgan_gp":
            return scores, torch.zeros_like(scores[:, 0, 0])
        real = rows[:, : fake.shape[1]]
        mixed = torch.lerp(fake, real[..., :n], noise.uniform(fake.shape[1], 1))
        _, squares = critic.with_gradient_norms(torch.cat([mixed, real[..., n:]], 2), n, weights.shape[2])
        everywhere = cell_weights(torch.ones_like(squares), self.reduction)
        return scores, (((squares + 1e-12).sqrt() - 1).square() * everywhere).sum((1, 2))

    def _signs(self, critic: StackedMLP, n: int, weights: Tensor, noise: Noise) -> Tensor | None:
        """Return the signs (R, B, P, J) that mix scores; None, and no draw, where the penalty is exact."""
        n_rows, n_scores = weights.shape[1:]
        probes = self.probes
        if probes == "auto":
            probes = "exact" if critic.penalty_cost(n, n_rows, n_scores) <= MOST_EXACT else PROBES
        if probes == "exact":
            return None
        if n_scores == 1:  # a single score has nothing to be mixed with: its sign is squared away
            return torch.ones_like(weights).unsqueeze(2)
        return noise.signs(n_rows, probes, n_scores)
