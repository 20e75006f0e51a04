"""A method that lives outside ganx; only its constructor is read."""

from __future__ import annotations

from typing import Any, Literal

from ganx.types import Fraction, NonNegativeFloat, PositiveInt

Player = Literal["g", "d"]


class Toy:
    """A GAN with two players."""

    def __init__(
        self,
        setting: Any,
        *,
        n_critic: PositiveInt,
        dropout: Fraction,
        penalty: NonNegativeFloat | None,
        hidden: dict[Player, list[PositiveInt]],
        activation: Literal["relu", "tanh"],
        conditional: bool,
        title: str = "toy",
    ) -> None: ...

    def outer_step(self, batch: Any) -> None: ...


class Mean:
    """A baseline: nothing is trained by gradient."""

    def __init__(self, *, shift: float) -> None: ...

    def fit(self, x: Any, m: Any, y: Any) -> None: ...


class Tiny:
    """A data set."""

    def __init__(self, *, path: str | None, target: str | None, drop: list[str]) -> None: ...
