"""The types of configuration values, with their ranges. Standard library only.

A dataclass of `ganx.schema` and a method's constructor use the same names, so that one check serves both:
`n_critic: PositiveInt` refuses `model.n_critic=-1` before anything is imported or written.
"""

from __future__ import annotations

import math
import types
import typing
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from ganx.errors import UserError, close, nearest
from ganx.text import list_override, shorten, text_override


@dataclass(frozen=True)
class Range:
    """An interval of numbers; the ends belong to it unless they are said to be open.

    `most` is a limit without a meaning: beyond it, a value could only exhaust the machine. Who passes it is told.
    """

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    most: float = math.inf

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below and value <= self.most

    def told(self, value: Any) -> str:
        """Return what is expected instead of a value."""
        if isinstance(value, int | float) and value > self.most:
            return f"<= {self.most:,}"
        return str(self)

    def __str__(self) -> str:
        if self.high == math.inf:
            return f"{'>' if self.open_low else '>='} {self.low:g}"
        return f"in {'(['[not self.open_low]}{self.low:g}, {self.high:g}{')]'[not self.open_high]}"


PositiveInt = Annotated[int, Range(1, most=1_000_000_000)]
NonNegativeInt = Annotated[int, Range(0, most=1_000_000_000)]
Seed = Annotated[int, Range(0, most=10**18)]
Seeds = Annotated[int, Range(1, most=1000)]  # each stands for a replica for every fold
Processes = Annotated[int, Range(1, most=1024)]  # or threads
BatchSize = Annotated[int, Range(1, most=100_000)]
Repeats = Annotated[int, Range(1, most=10_000)]  # within a step, or of a fit: trees, restarts, ...
DrawnRows = Annotated[int, Range(1, most=5_000_000)]  # of a set that is drawn
Units = Annotated[int, Range(1, most=100_000)]  # of a layer or of a code, categories
PositiveFloat = Annotated[float, Range(0, open_low=True)]
NonNegativeFloat = Annotated[float, Range(0)]
Fraction = Annotated[float, Range(0, 1)]
PositiveFraction = Annotated[float, Range(0, 1, open_low=True)]
Share = Annotated[float, Range(0, 1, open_high=True)]
OpenFraction = Annotated[float, Range(0, 1, open_low=True, open_high=True)]
Width = (
    Units | Annotated[float, Range(0, open_low=True, most=1000)]
)  # of a layer: units, or a share of the features (1 and 1.0 stay apart)

#: The names that a constructor's annotations may use; `ganx.targets` reads them without importing the method.
NAMES: dict[str, Any] = {
    "PositiveInt": PositiveInt,
    "NonNegativeInt": NonNegativeInt,
    "Seed": Seed,
    "Seeds": Seeds,
    "Processes": Processes,
    "BatchSize": BatchSize,
    "Repeats": Repeats,
    "DrawnRows": DrawnRows,
    "Units": Units,
    "PositiveFloat": PositiveFloat,
    "NonNegativeFloat": NonNegativeFloat,
    "Fraction": Fraction,
    "PositiveFraction": PositiveFraction,
    "Share": Share,
    "OpenFraction": OpenFraction,
    "Width": Width,
    "int": int,
    "float": float,
    "bool": bool,
    "str": str,
    "list": list,
    "dict": dict,
    "Any": Any,
}

MOST_NUMBERS = 1000  # in a list: layers, rates, ...
_BITS = 63  # of an integer; NumPy and torch take no more

_NAMED = {int: "an integer", float: "a number", bool: "true or false", str: "text", type(None): "null"}


def describe(kind: Any, value: Any = None) -> str:
    """Say in words what a type admits in place of a value, e.g. `an integer >= 1`, `one of relu, tanh or null`."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind in _NAMED:
        return _NAMED[kind]
    if origin is Annotated:
        return " ".join([describe(args[0]), *(bounds.told(value) for bounds in args[1:])])
    if origin is Literal:
        return ("one of " if len(args) > 1 else "") + ", ".join(map(str, args))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(describe(arg, value) for arg in args)
    if origin is list:
        return f"a list in brackets, [{describe(args[0])}, ...]"
    if origin is dict:
        return f"a mapping, each value {describe(args[1])}"
    return "any value"


def check(where: str, value: Any, kind: Any) -> Any:
    """Return `value` as `kind` (an integer where a number is wanted becomes a float, so that 1 and 1.0 are one value).

    Raises:
        UserError: the value does not fit; the message names `where`, the value and what is expected.
    """
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is list and isinstance(value, list):
        if len(value) > MOST_NUMBERS and not any(isinstance(item, str) for item in value):
            raise UserError(f"{where}: a list of {len(value):,} numbers; at most {MOST_NUMBERS:,} are taken")
        return [check(f"{where}[{i}]", item, args[0]) for i, item in enumerate(value)]
    if origin is dict and isinstance(value, dict):
        _check_names(where, value, args[0])
        return {str(key): check(f"{where}.{key}", item, args[1]) for key, item in value.items()}
    if origin in (typing.Union, types.UnionType):
        return _check_union(where, value, kind, args)
    if not _fits(value, kind):
        hint = close(value, map(str, args)) if origin is Literal and isinstance(value, str) else ""
        raise UserError(
            f"{where}={_shown(value)}: expected {describe(kind, value)}{hint or _in_quotes(where, value, (kind,))}"
        )
    base = args[0] if origin is Annotated else kind
    return float(value) if base is float else value


def _check_names(where: str, value: dict[Any, Any], kind: Any) -> None:
    """A mapping whose keys are a Literal has each of them, and no other."""
    names = [str(name) for name in typing.get_args(kind)]
    if not names:
        return
    for key in value:
        if key not in names:
            raise UserError(f"unknown key '{where}.{key}'{nearest(str(key), names)}")
    for name in names:
        if name not in value:
            raise UserError(f"missing key '{where}.{name}'")


def _check_union(where: str, value: Any, kind: Any, members: tuple[Any, ...]) -> Any:
    for member in members:
        try:
            return check(where, value, member)
        except UserError:
            continue
    raise UserError(f"{where}={_shown(value)}: expected {describe(kind, value)}{_in_quotes(where, value, members)}")


def _in_quotes(where: str, value: Any, kinds: tuple[Any, ...]) -> str:
    """Return the hint that a text which looks like another value, such as the name of a column, needs quotes."""
    if str not in kinds or isinstance(value, list | dict):
        return ""
    key, bracket, _ = where.partition("[")
    text = _shown(value)
    return f"; is it a name? {list_override(key, [text]) if bracket else text_override(key, text)}"


def _fits(value: Any, kind: Any) -> bool:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return True
    if origin is Annotated:
        return _fits(value, args[0]) and all(value in bounds for bounds in args[1:])
    if origin is Literal:
        return any(value == arg and type(value) is type(arg) for arg in args)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and _finite(value)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and value.bit_length() <= _BITS
    if kind is type(None):
        return value is None
    return origin is None and isinstance(value, kind)


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that no float comes near
        return False


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return shorten(str(value))
