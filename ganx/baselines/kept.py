"""What an estimator keeps: arrays by name, and what each of them has to be before it is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganx.errors import DamagedError

_KINDS = {"f": "floating-point numbers", "i": "signed integers", "b": "truth values"}


@dataclass(frozen=True)
class Form:
    """What an array has to be.

    Attributes:
        kind: of its dtype, as NumPy has it: `f`, `i` or `b`.
        shape: a number, or a name that stands for the same number in every form of an estimator.
        first: least value of an index.
        below: what an index has to be below: a number, or the name of one.
        finite: whether infinity and NaN are refused.
    """

    kind: str
    shape: tuple[str | int, ...]
    first: int = 0
    below: str | int | None = None
    finite: bool = True


Arrays = dict[str, NDArray[Any]]
Forms = dict[str, Form]


def floats(*shape: str | int, finite: bool = True) -> Form:
    """Return the form of an array of floating-point numbers."""
    return Form("f", shape, finite=finite)


def indices(*shape: str | int, below: str | int, first: int = 0) -> Form:
    """Return the form of an array of integers from `first` to one less than `below`."""
    return Form("i", shape, first, below)


def flags(*shape: str | int) -> Form:
    """Return the form of an array of truth values."""
    return Form("b", shape)


def damaged(what: str) -> DamagedError:
    """Return the error that says what is wrong with kept arrays."""
    return DamagedError(f"what was kept of the estimator is damaged: {what}")


def check(arrays: Mapping[str, Any], forms: Mapping[str, Form], **sizes: int) -> None:
    """Check names, dtypes, shapes, ranges and finite values.

    Args:
        sizes: numbers that the forms know by name and that no array has as its shape.

    Raises:
        DamagedError: an array is not what its form says.
    """
    if set(arrays) != set(forms):
        raise damaged(f"arrays {', '.join(sorted(set(arrays) ^ set(forms)))} are missing or foreign")
    for name, form in forms.items():
        _check_shape(name, arrays[name], form, sizes)
    for name, form in forms.items():
        _check_values(name, arrays[name], form, sizes)


def _check_shape(name: str, array: Any, form: Form, sizes: dict[str, int]) -> None:
    if not isinstance(array, np.ndarray) or array.dtype.kind != form.kind:
        raise damaged(f"{name} is no array of {_KINDS[form.kind]}")
    expected = [sizes.get(size, size) if isinstance(size, str) else size for size in form.shape]
    if array.ndim != len(expected) or any(
        isinstance(size, int) and size != length for size, length in zip(expected, array.shape, strict=True)
    ):
        raise damaged(f"{name} has shape {array.shape}, not ({', '.join(map(str, expected))})")
    sizes.update((size, length) for size, length in zip(form.shape, array.shape, strict=True) if isinstance(size, str))


def _check_values(name: str, array: NDArray[Any], form: Form, sizes: dict[str, int]) -> None:
    if form.kind == "f" and form.finite and not np.isfinite(array).all():
        raise damaged(f"{name} is not finite")
    if form.below is not None and array.size:
        below = sizes[form.below] if isinstance(form.below, str) else form.below
        if array.min() < form.first or array.max() >= below:
            raise damaged(f"{name} has values outside {form.first} ... {below - 1}")
