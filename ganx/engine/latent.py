"""What goes into a generator: continuous z, and a category c of which the probabilities are known or learned."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal

import torch
from torch import Tensor

from ganx.engine.module import Module
from ganx.engine.setting import Setting

IN_USE = 0.01  # a category with a smaller probability counts as given up, as in the VCAGAN paper


class LatentCode(Module):
    """A generator G(z, c) of whole rows: z continuous, c one of K categories, one-hot; K may be 0.

    Args:
        setting: what the engine tells.
        n_z: how many numbers z is.
        latent_law: `normal`, N(0, 1), or `uniform`, U(-1, 1).
        n_categories: K.

    Attributes:
        p_c: P(C), (R, K), uniform to start with; a buffer, so that it may be given or learned.
    """

    reads = "examples"
    p_c: Tensor

    def __init__(
        self, setting: Setting, n_z: int, latent_law: Literal["normal", "uniform"] = "normal", n_categories: int = 0
    ) -> None:
        super().__init__(setting)
        self.n_z, self.latent_law, self.n_categories = n_z, latent_law, n_categories
        p_c = torch.full((len(setting.replicas), n_categories), 1 / max(n_categories, 1))
        self.register_buffer("p_c", p_c.to(setting.device))

    def latent(self, n: int) -> Tensor:
        """Draw z, (R, n, n_z)."""
        return (
            self.noise.normal(n, self.n_z) if self.latent_law == "normal" else self.noise.uniform(n, self.n_z) * 2 - 1
        )

    def draw_categories(self, n: int) -> Tensor:
        """Draw c from P(C), one-hot (R, n, K)."""
        return self.noise.one_hot(self.p_c, n) if self.n_categories else self.p_c.unsqueeze(1).expand(-1, n, -1)

    @abstractmethod
    def generate(self, z: Tensor, c: Tensor) -> Tensor:
        """Return G(z, c). (R, n, n_z), (R, n, K) -> (R, n, *shape)."""

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Return n generated rows (R, n, *shape) and their categories (R, n, K)."""
        z, c = self.latent(n), self.draw_categories(n)
        return self.generate(z, c), c


class LearnedPrior(LatentCode):
    """Training finds P(C) without labels."""

    def prior(self) -> Tensor:
        """Return P(C), (R, K)."""
        return self.p_c

    def monitor(self) -> dict[str, Tensor]:
        """Return the entropy of P(C) and the number of categories in use, (R,) each."""
        p = self.prior()
        return {"prior_entropy": -torch.xlogy(p, p).sum(1), "categories": (p >= IN_USE).sum(1).float()}


class ClassCode(Module):
    """A method over cells with a generator G(z, c) of complete rows of a class: z is uniform in [0, 1), c the class.

    Attributes:
        n_z: how many numbers z is; the method says it.
    """

    conditional = True
    latent_law: ClassVar[str] = "uniform"
    n_z: int

    @property
    def n_categories(self) -> int:
        """K, the number of classes."""
        return self.setting.n_classes

    def latent(self, n: int) -> Tensor:
        """Draw z, (R, n, n_z), in [0, 1)."""
        return self.noise.uniform(n, self.n_z)

    def draw_categories(self, n: int) -> Tensor:
        """Draw classes in their shares among known labels, as far as the setting tells them, one-hot (R, n, K)."""
        shares = self.setting.class_shares
        if shares is None:
            shares = torch.full((len(self.setting.replicas), self.n_categories), 1 / self.n_categories)
        return self.noise.one_hot(shares.to(self.setting.device, torch.float32), n)

    @abstractmethod
    def generate(self, z: Tensor, c: Tensor) -> Tensor:
        """Return scaled rows of the classes c. (R, n, n_z), (R, n, K) -> (R, n, d)."""
