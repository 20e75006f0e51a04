"""The code a configuration may name with `_target_`, and what its constructor wants, read without importing it."""

from __future__ import annotations

import ast
import importlib
import re
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from ganx import types as kinds
from ganx.errors import UserError
from ganx.files import read_bytes
from ganx.source import find_class, is_abstract, lineage, literals, tree_of

ALLOWED = ("ganx.", "torch.optim.", "lightning.")

#: What a method may be able to do, by the name of the method that does it; `ganx.engine.capabilities` says what each is
#: asked and returns.
CAPABILITIES = (
    *("impute", "classify", "cluster", "embed", "reconstruct", "anomaly", "log_likelihood"),
    *("sample", "prior", "estimate"),
    *("latent", "draw_categories", "generate"),  # what goes into a generator, and what comes out
    *("encode", "generate_hidden"),  # which figures of hidden vectors ask for
    *("check", "state"),  # of an estimator: refuses data; what is kept of it
)

Fitter = Literal["gradient", "estimator", "chain", "blend"]


def added_by(argv: Sequence[str]) -> frozenset[str]:
    """Return the targets that the user's own configuration folders add.

    Args:
        argv: the command line. `--config-dir DIR` (`-cd DIR`) and `hydra.searchpath=[file://DIR, ...]` count: naming a
            folder there is what says that its code is trusted.
    """
    return frozenset(target for folder in config_dirs(argv) for target in _targets_in(str(folder)))


def config_dirs(argv: Sequence[str]) -> list[Path]:
    """Return the user's own configuration folders that `argv` names; raise UserError where one does not exist."""
    found: list[str] = []
    for word, following in zip(argv, [*argv[1:], ""], strict=False):
        if word in ("--config-dir", "-cd"):
            found.append(following)
        elif word.startswith("--config-dir="):
            found.append(word.removeprefix("--config-dir="))
        elif word.startswith("hydra.searchpath="):
            found += re.findall(r"file://([^,\]'\"]+)", word)
    missing = [folder for folder in found if not Path(folder).is_dir()]
    if missing:
        why = "is not a folder" if Path(missing[0]).exists() else "does not exist"
        raise UserError(f"the configuration folder '{missing[0]}' {why}")
    return [Path(folder).absolute() for folder in found]


@lru_cache
def _targets_in(folder: str) -> frozenset[str]:
    import yaml  # only here, so that reading a signature stays free of it

    from ganx import config_file

    targets: set[str] = set()
    for file in Path(folder).rglob("*.yaml"):
        try:
            content = config_file.load(read_bytes(file, config_file.MOST_BYTES))
        except config_file.OutOfBounds as error:  # before Hydra reads it
            raise UserError(f"{file}: {error}") from error
        except (yaml.YAMLError, ValueError):
            continue  # Hydra names the file and line if the run needs it
        targets.update(target for _, target in targets_of(content))
    return frozenset(targets)


def targets_of(config: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Yield (key, value) of every `_target_` in nested containers."""
    children: Iterable[tuple[Any, Any]] = ()
    if isinstance(config, dict):
        children = config.items()
    elif isinstance(config, list):
        children = enumerate(config)
    for key, value in children:
        path = f"{where}.{key}" if where else str(key)
        if key == "_target_":
            yield path, str(value)
        else:
            yield from targets_of(value, path)


def check_target(name: str, extra: frozenset[str] = frozenset(), where: str = "_target_") -> None:
    """Refuse code outside ganx, torch.optim, lightning and `extra` (see `added_by`).

    Raises:
        UserError: `name` may not be named by a configuration.
    """
    if name in extra or (name.startswith(ALLOWED) and all(part.isidentifier() for part in name.split("."))):
        return
    raise UserError(
        f"{where}={name}: a configuration may only name code of ganx, torch.optim and lightning, "
        "and what a folder given with --config-dir adds"
    )


def locate(name: str, extra: frozenset[str] = frozenset()) -> type:
    """Import and return the class `name`, after `check_target`.

    Raises:
        UserError: it may not be named, does not exist, or is not a class of the package it is named in.
    """
    check_target(name, extra)
    module_name, _, class_name = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise UserError(f"_target_={name} cannot be imported: {error}") from error
    # A module's own imports are attributes of it too: `ganx.some.module.Popen` must not pass.
    if not isinstance(found, type) or found.__module__.partition(".")[0] != name.partition(".")[0]:
        raise UserError(f"_target_={name} is not a class of {name.partition('.')[0]}")
    return found


@dataclass(frozen=True)
class Parameter:
    """One key of a constructor: the type its values must have (`ganx.types`), and whether it may be left out."""

    kind: Any
    required: bool


@dataclass(frozen=True)
class MethodSpec:
    """What a method says of itself, by class attributes (literals) and by the methods that it defines.

    Attributes:
        parameters: keyword-only parameters of its constructor, which are keys of the configuration.
        reads: how rows reach it, a key of `ganx.engine.views.VIEWS`.
        streams: the streams of minibatches that a step reads.
        losses, penalties: `loss.name` and `loss.penalty` it can be trained with; no losses: nothing adversarial.
        capabilities: which of `CAPABILITIES` it has; those of a chain are its stages'.
        conditional: whether what it generates has the class that it is told.
        stages: of a chain, the keys that hold its models, in order.
        selects_itself: whether an estimator is fitted on what validation would keep back, too.
        blends: of a blend, {key that lists names of its `models`: the capability that these are blended for}.
        smoke: overrides under which the tests try it: a data set that it suits, small networks.
        fitter: `gradient` (it defines `outer_step`), `estimator` (`fit`), `chain` (`stages`), or `blend` (`blends`).
    """

    parameters: dict[str, Parameter]
    reads: str
    streams: tuple[str, ...]
    losses: tuple[str, ...]
    penalties: tuple[str | None, ...]
    capabilities: frozenset[str]
    conditional: bool
    stages: tuple[str, ...]
    selects_itself: bool
    blends: Mapping[str, str]
    smoke: tuple[str, ...]
    fitter: Fitter


def spec(model: dict[str, Any], where: str = "model") -> MethodSpec:
    """Return what the method of a `model` group says of itself, read from its source without importing it.

    Raises:
        UserError: there is no such class, or it defines none of `outer_step`, `fit`, `stages` and `blends`.
    """
    own = _spec(str(model.get("_target_", "")), f"{where}._target_")
    parts = [spec(model[stage], f"{where}.{stage}") for stage in own.stages if isinstance(model.get(stage), dict)]
    return replace(own, capabilities=own.capabilities.union(*(part.capabilities for part in parts)))


def last_stage(model: dict[str, Any]) -> dict[str, Any]:
    """Return the model that ends a chain; any other model itself."""
    stages = spec(model).stages
    return last_stage(model[stages[-1]]) if stages else model


@lru_cache
def _spec(name: str, where: str) -> MethodSpec:
    parameters = constructor(name, where)
    attributes: dict[str, Any] = {}
    methods: dict[str, bool] = {}  # whether there is something to call
    for node, _ in lineage(*find_class(name, where)):
        for key, value in literals(node):
            attributes.setdefault(key, value)
        for item in node.body:
            if isinstance(item, ast.FunctionDef):
                methods.setdefault(item.name, not is_abstract(item))
    defined = {key for key, concrete in methods.items() if concrete}
    fitter: Fitter
    if "stages" in attributes:
        fitter = "chain"
    elif "blends" in attributes:
        fitter = "blend"
    elif "outer_step" in defined:
        fitter = "gradient"
    elif "fit" in defined:
        fitter = "estimator"
    else:
        raise UserError(f"{where}={name}: no method; it defines none of `outer_step`, `fit`, `stages` and `blends`")
    return MethodSpec(
        parameters=parameters,
        reads=attributes.get("reads", "cells"),
        streams=attributes.get("streams", ("all",)),
        losses=attributes.get("losses", ()),
        penalties=attributes.get("penalties", (None,)),
        capabilities=frozenset(defined & set(CAPABILITIES)) | {*attributes.get("blends", {}).values()},
        conditional=attributes.get("conditional", False),
        stages=attributes.get("stages", ()),
        selects_itself=attributes.get("selects_itself", False),
        blends=attributes.get("blends", {}),
        smoke=attributes.get("smoke", ()),
        fitter=fitter,
    )


@lru_cache
def constructor(name: str, where: str = "_target_") -> dict[str, Parameter]:
    """Read the constructor of the class `name` from its source, without importing it.

    Keyword-only parameters are keys of the configuration; positional ones are given by the engine. A class without an
    own constructor has its bases', and one whose constructor takes `**` has its bases' parameters, too.

    Raises:
        UserError: there is no such class.
    """
    parameters: dict[str, Parameter] = {}
    for node, module in lineage(*find_class(name, where)):
        for item in node.body:
            if isinstance(item, ast.FunctionDef) and item.name == "__init__":
                parameters = _parameters(item.args, module) | parameters
                if item.args.kwarg is None:
                    return parameters
    return parameters


@lru_cache
def attribute(name: str, key: str) -> Any:
    """Return an attribute of the class `name` that is a literal, read from its source; None where it has none.

    Raises:
        UserError: there is no such class.
    """
    for node, _ in lineage(*find_class(name, "_target_")):
        for attribute_name, value in literals(node):
            if attribute_name == key:
                return value
    return None


def _parameters(arguments: ast.arguments, module: str) -> dict[str, Parameter]:
    parameters = {
        argument.arg: Parameter(_kind(argument.annotation, module), default is None)
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    }
    positional = arguments.args[1:]
    if positional and positional[0].arg == "params":  # torch.optim: `params` is the engine's, the rest has defaults
        parameters |= {item.arg: Parameter(_kind(item.annotation, module), False) for item in positional[1:]}
    return parameters


def _kind(node: ast.expr | None, module: str) -> Any:
    """Turn an annotation into a type of `ganx.types`; `Any` for what it does not know."""
    match node:
        case ast.Constant(value=None):
            return type(None)
        case ast.Constant(value=str(text)):
            return _kind(ast.parse(text, mode="eval").body, module)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return kinds.NAMES[name] if name in kinds.NAMES else _kind(_alias(name, module), module)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            members = _kind(left, module), _kind(right, module)
            return Any if Any in members else typing.Union[members]  # noqa: UP007
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
            return Literal[tuple(ast.literal_eval(item) for item in _items(inner))]
        case ast.Subscript(value=ast.Name(id="list"), slice=inner):
            return list[_kind(inner, module)]  # type: ignore[misc]
        case ast.Subscript(value=ast.Name(id="dict"), slice=ast.Tuple(elts=[key, value])):
            return dict[_kind(key, module), _kind(value, module)]  # type: ignore[misc]
    return Any


def _alias(name: str, module: str) -> ast.expr | None:
    """Return what the module itself calls `name`, as in `Player = Literal["g", "d"]`."""
    tree = tree_of(module)
    for node in tree.body if tree else ():
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            return node.value
    return None


def _items(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple) else [node]
