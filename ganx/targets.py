"""The code a configuration may name with `_target_`, and what its constructor wants, read without importing it."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import sysconfig
import typing
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from ganx import types as kinds
from ganx.errors import UserError, nearest

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

Fitter = Literal["gradient", "estimator", "chain"]


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
        raise UserError(f"the configuration folder '{missing[0]}' does not exist")
    return [Path(folder).absolute() for folder in found]


@lru_cache
def _targets_in(folder: str) -> frozenset[str]:
    import yaml  # only here, so that reading a signature stays free of it

    targets: set[str] = set()
    for file in Path(folder).rglob("*.yaml"):
        try:
            targets.update(target for _, target in targets_of(yaml.safe_load(file.read_text(encoding="utf-8"))))
        except (yaml.YAMLError, UnicodeDecodeError):
            continue  # Hydra names the file and line if the run needs it
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
        smoke: overrides under which the tests try it: a data set that it suits, small networks.
        fitter: `gradient` (it defines `outer_step`), `estimator` (`fit`), or `chain` (`stages`).
    """

    parameters: dict[str, Parameter]
    reads: str
    streams: tuple[str, ...]
    losses: tuple[str, ...]
    penalties: tuple[str | None, ...]
    capabilities: frozenset[str]
    conditional: bool
    stages: tuple[str, ...]
    smoke: tuple[str, ...]
    fitter: Fitter


def spec(model: dict[str, Any], where: str = "model") -> MethodSpec:
    """Return what the method of a `model` group says of itself, read from its source without importing it.

    Raises:
        UserError: there is no such class, or it defines none of `outer_step`, `fit` and `stages`.
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
    for node, _ in _lineage(*_class(name, where)):
        for key, value in _literals(node):
            attributes.setdefault(key, value)
        for item in node.body:
            if isinstance(item, ast.FunctionDef):
                methods.setdefault(item.name, not _is_abstract(item))
    defined = {key for key, concrete in methods.items() if concrete}
    fitter: Fitter
    if "stages" in attributes:
        fitter = "chain"
    elif "outer_step" in defined:
        fitter = "gradient"
    elif "fit" in defined:
        fitter = "estimator"
    else:
        raise UserError(f"{where}={name}: no method; it defines none of `outer_step`, `fit` and `stages`")
    return MethodSpec(
        parameters=parameters,
        reads=attributes.get("reads", "cells"),
        streams=attributes.get("streams", ("all",)),
        losses=attributes.get("losses", ()),
        penalties=attributes.get("penalties", (None,)),
        capabilities=frozenset(defined & set(CAPABILITIES)),
        conditional=attributes.get("conditional", False),
        stages=attributes.get("stages", ()),
        smoke=attributes.get("smoke", ()),
        fitter=fitter,
    )


def _literals(node: ast.ClassDef) -> Iterator[tuple[str, Any]]:
    """Yield the class attributes that are literals."""
    for item in node.body:
        match item:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                pass
            case _:
                continue
        with suppress(ValueError):
            yield name, ast.literal_eval(value)


def _is_abstract(method: ast.FunctionDef) -> bool:
    """Whether a method is declared abstract, or raises NotImplementedError and nothing else."""
    if any(isinstance(mark, ast.Name) and mark.id == "abstractmethod" for mark in method.decorator_list):
        return True
    body = [item for item in method.body if not (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant))]
    if len(body) != 1 or not isinstance(body[0], ast.Raise):
        return False
    raised = body[0].exc.func if isinstance(body[0].exc, ast.Call) else body[0].exc
    return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"


@lru_cache
def constructor(name: str, where: str = "_target_") -> dict[str, Parameter]:
    """Read the constructor of the class `name` from its source, without importing it.

    Keyword-only parameters are keys of the configuration; positional ones are given by the engine. A class without an
    own constructor has its bases', and one whose constructor takes `**` has its bases' parameters, too.

    Raises:
        UserError: there is no such class.
    """
    parameters: dict[str, Parameter] = {}
    for node, module in _lineage(*_class(name, where)):
        for item in node.body:
            if isinstance(item, ast.FunctionDef) and item.name == "__init__":
                parameters = _parameters(item.args, module) | parameters
                if item.args.kwarg is None:
                    return parameters
    return parameters


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
    tree = _tree(module)
    for node in tree.body if tree else ():
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            return node.value
    return None


def _items(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple) else [node]


# Finding a class in source files. Only a package's place is looked up (importlib), nothing of it runs.


@lru_cache
def _module_file(module: str) -> Path | None:
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except ValueError:
        return None
    if spec is None:
        return None
    if not rest:
        return Path(spec.origin) if spec.origin and spec.has_location else None  # not built in, nor frozen
    for root in spec.submodule_search_locations or ():
        path = Path(root, *rest)
        for file in (path.with_name(path.name + ".py"), path / "__init__.py"):
            if file.is_file():
                return file
    return None


@lru_cache
def _tree(module: str) -> ast.Module | None:
    file = _module_file(module)
    return ast.parse(file.read_text(encoding="utf-8")) if file else None


def _find_class(name: str, depth: int = 5) -> tuple[ast.ClassDef, str] | None:
    """Return the class and its module, following at most `depth` re-exports."""
    module, _, class_name = name.rpartition(".")
    tree = _tree(module) if module else None
    if tree is None or depth == 0:
        return None
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == class_name:
            return node, module
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == class_name:
                    return _find_class(f"{_absolute(node, module)}.{alias.name}", depth - 1)
    return None


def _absolute(node: ast.ImportFrom, module: str) -> str:
    if node.level == 0:
        return node.module or ""
    file = _module_file(module)
    package = module if file and file.name == "__init__.py" else module.rpartition(".")[0]
    return importlib.util.resolve_name("." * node.level + (node.module or ""), package)


def _class(name: str, where: str) -> tuple[ast.ClassDef, str]:
    found = _find_class(name)
    if found is None:
        raise UserError(f"{where}={name}: there is no such class{_near_class(name)}")
    return found


def _lineage(node: ast.ClassDef, module: str) -> list[tuple[ast.ClassDef, str]]:
    """Return a class and its bases, each before its own bases, as far as they are ganx's or the user's own."""
    found = [(node, module)]
    for base in node.bases:
        parent = _find_class(_dotted(base, module))
        if parent is not None and _is_own(parent[1]):
            found += _lineage(*parent)
    # Of a class that is reached twice the last place counts, as in Python's own order.
    return [entry for i, entry in enumerate(found) if entry not in found[i + 1 :]]


def _dotted(base: ast.expr, module: str) -> str:
    """Return the name of a base class: as the module has it, or through a module that it imports."""
    match base:
        case ast.Name(id=name):
            return f"{module}.{name}"
        case ast.Attribute(value=ast.Name(id=alias), attr=name):
            return f"{_imported(alias, module)}.{name}"
        case ast.Attribute():
            return ast.unparse(base)  # import a.b; class C(a.b.Base)
        case ast.Subscript(value=value):
            return _dotted(value, module)
    return ""


def _imported(alias: str, module: str) -> str:
    """Return the module that `alias` stands for in another one."""
    tree = _tree(module)
    for node in tree.body if tree else ():
        if isinstance(node, ast.Import):
            for name in node.names:
                if (name.asname or name.name) == alias:
                    return name.name
        if isinstance(node, ast.ImportFrom):
            for name in node.names:
                if (name.asname or name.name) == alias:
                    return f"{_absolute(node, module)}.{name.name}"
    return alias


def _is_own(module: str) -> bool:
    """Whether a module is ganx's or the user's own, not one of Python or of an installed package."""
    file = _module_file(module)
    return module.partition(".")[0] == "ganx" or (file is not None and not any(map(file.is_relative_to, _INSTALLED)))


_INSTALLED = [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")]


def _near_class(name: str) -> str:
    module, _, class_name = name.rpartition(".")
    tree = _tree(module) if module else None
    if tree is None:
        return f" (no module '{module}')"
    names = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    names += [alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    return nearest(class_name, names)
