"""The space of a search: overrides that leave a value open, in Hydra's own syntax for sweeps.

    model.hide: interval(0, 0.5)                    any number between
    optimizer.lr: tag(log, interval(1e-4, 1e-2))    the same, evenly over its logarithm
    model.n_cg: range(1, 5)                         1, 2, 3, 4 (range(0, 1, 0.25): steps)
    model.alpha_2: tag(log, int(interval(1, 100)))  any integer between
    model.reconstruction: choice(mse, rmse)         one of these (also: mse, rmse)

They stand in conf/search/NAME.yaml, under `params`, and on the command line, which has the last word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException, OverrideParseException
from hydra.types import RunMode
from omegaconf import OmegaConf
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from ganx.checks import check_keys
from ganx.errors import UserError, nearest

#: {key of an override, with its + if it has one: what it may be}
Space = dict[str, BaseDistribution]


@dataclass(frozen=True)
class SearchFile:
    """What conf/search/NAME.yaml says."""

    params: dict[str, str | int | float | bool]


def present_config(loader: Any, arguments: Sequence[str]) -> dict[str, Any]:
    """Return the configuration of a command line, without what it leaves open; of open groups it has one option."""
    words = _starting(loader, _parse(loader, arguments))
    config: dict[str, Any] = loader.plain(loader.load_configuration(loader.command, words, RunMode.RUN))
    return config


def read_space(
    loader: Any, arguments: Sequence[str], name: str | None, model: str
) -> tuple[list[str], list[str], Space]:
    """Return the overrides of every trial, those that the search starts from, and the space of the others.

    Args:
        loader: composes, and knows the files.
        arguments: the overrides of the command line.
        name: of the file; None takes the one named like the model, if there is one.

    Raises:
        UserError: there is no such file, nothing is left open, or a value is not in the syntax.
    """
    spaces, given = loader.get_group_options("search"), _parse(loader, arguments)
    name = name or (model if model in spaces else "none")
    if name not in spaces:
        raise UserError(f"search={name}: no such search{nearest(name, spaces)}")
    try:
        content: Any = OmegaConf.to_container(loader.load_configuration(f"search/{name}", [], RunMode.MULTIRUN))
        params = check_keys("", content["search"] or {}, SearchFile)["params"]
        committed = _parse(loader, [f"{key}={value}" for key, value in params.items()])
    except UserError as error:
        raise UserError(f"search={name}: {error}") from error
    words = {word.key_or_group: word for word in [*committed, *given]}
    space = {word.get_key_element(): _distribution(word) for word in words.values() if word.is_sweep_override()}
    if not space:
        raise UserError(
            f"nothing to search: name a space (search=NAME; {', '.join(spaces)}), or leave values open, as in "
            "'optimizer.lr=tag(log,interval(1e-4,1e-2))'"
        )
    return _fixed(words.values()), _starting(loader, list(words.values())), space


def check_space(loader: Any, fixed: Sequence[str], space: Space) -> list[dict[str, Any]]:
    """Return the configurations of the ends of every range and of every choice; groups in every combination.

    Raises:
        UserError: an unknown key, or a value that it does not take.
    """
    first = {key: _extremes(distribution)[0] for key, distribution in space.items()}
    groups = [key for key in space if loader.is_group(key)]
    trials = [
        dict(zip(groups, options, strict=True)) for options in product(*(_extremes(space[key]) for key in groups))
    ]
    trials += [{key: value} for key in space if key not in groups for value in _extremes(space[key])]
    return [loader.plain(loader.compose([*fixed, *as_words(first | trial)])) for trial in trials]


def as_words(values: Mapping[str, Any]) -> list[str]:
    """Return values as overrides. Four digits of a number are enough, and can be read."""
    return [
        f"{key}={float(f'{value:.4g}')}" if isinstance(value, float) else f"{key}={value}"
        for key, value in values.items()
    ]


def present_values(space: Space, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that a configuration has now, where the space has them, too."""
    found: dict[str, Any] = {}
    for key, distribution in space.items():
        value: Any = config
        for part in key.lstrip("+").split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        value = value.get("name") if isinstance(value, Mapping) else value  # of a group
        if isinstance(distribution, CategoricalDistribution):
            value = str(value).replace(", ", ",")
            if value in distribution.choices:
                found[key] = value
        elif isinstance(value, int | float) and min(_extremes(distribution)) <= value <= max(_extremes(distribution)):
            found[key] = value
    return found


def describe(distribution: BaseDistribution) -> str:
    """Say what a value may be, in a few characters."""
    if isinstance(distribution, CategoricalDistribution):
        return " | ".join(map(str, distribution.choices))
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    step = "" if distribution.step in (None, 1) else f", step {distribution.step}"
    return f"{distribution.low} ... {distribution.high}{step}{', log' if distribution.log else ''}"


def _parse(loader: Any, words: Sequence[str]) -> list[Override]:
    try:
        return OverridesParser.create(config_loader=loader).parse_overrides(list(words))
    except OverrideParseException as error:
        raise UserError(f"cannot read '{error.override}': write e.g. interval(0, 1), range(1, 5) or a, b") from error


def _starting(loader: Any, words: Sequence[Override]) -> list[str]:
    """Return the fixed words, and an option of every group that is left open: the present one, or else the first."""
    fixed = _fixed(words)
    groups = [word for word in words if word.is_sweep_override() and loader.is_group(word.get_key_element())]
    if groups:
        base = loader.load_configuration(loader.command, fixed, RunMode.MULTIRUN)
        missing = OmegaConf.missing_keys(base.hydra.runtime.choices)
        for word in groups:
            options, key = list(word.sweep_string_iterator()), word.key_or_group
            present = None if key in missing else base.hydra.runtime.choices.get(key)
            fixed.append(f"{word.get_key_element()}={present if present in options else options[0]}")
    return fixed


def _fixed(words: Any) -> list[str]:
    return [word.input_line for word in words if not word.is_sweep_override()]


def _distribution(word: Override) -> BaseDistribution:
    sweep: Any = word.value()
    try:
        if not isinstance(sweep, IntervalSweep | RangeSweep):
            return CategoricalDistribution(list(word.sweep_string_iterator()))
        if unknown := sweep.tags - {"log", "int"}:
            raise ValueError(f"unknown tag {min(unknown)}; there are log and int")
        log = "log" in sweep.tags
        if isinstance(sweep, IntervalSweep):
            low: Any = sweep.start
            high: Any = sweep.end
            if "int" in sweep.tags or isinstance(low, int):
                return IntDistribution(int(low), int(high), log=log)
            return FloatDistribution(low, high, log=log)
        values, step = sorted(sweep.range()), abs(sweep.step)
        if not values:
            raise ValueError("the range is empty")
        if isinstance(values[0], int):
            return IntDistribution(values[0], values[-1], log=log, step=int(step))
        return FloatDistribution(values[0], values[-1], log=log, step=float(step))
    except (ValueError, HydraException) as error:
        raise UserError(f"{word.input_line}: {error}") from error


def _extremes(distribution: BaseDistribution) -> list[Any]:
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    return [distribution.low, distribution.high]
