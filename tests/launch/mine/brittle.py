"""A baseline that breaks on demand."""

from __future__ import annotations

from typing import Any


class Brittle:
    """Fills with `value`; a value of 13 is too much for it."""

    def __init__(self, *, value: float) -> None:
        self.value = value

    def fit(self, x: Any, m: Any, y: Any) -> None:
        if self.value == 13:
            raise ArithmeticError("thirteen\nis too much")

    def impute(self, x: Any, m: Any) -> Any:
        return x * m + self.value * (1 - m)
