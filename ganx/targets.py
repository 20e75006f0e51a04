"""The code a configuration may name with `_target_`, and what its constructor wants, read without importing it."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import typing
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from ganx import types as kinds
from ganx.errors import UserError, nearest

ALLOWED = ("ganx.", "torch.optim.", "lightning.")

#: A class that inherits from one of these is trained by gradient; everything else is a baseline.
TRAINED = frozenset({"Module", "LightningModule"})

#: A class that inherits from it reads and makes whole rows or images.
GENERATIVE = "GenerativeModule"


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
    except (ModuleNotFoundError, AttributeError) as error:
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
class Constructor:
    """What a class wants.

    Attributes:
        parameters: keyword-only parameters, or all that follow `params` for torch's optimisers.
        trained: whether the class is trained by gradient (see `TRAINED`).
        generative: whether it generates whole rows (see `GENERATIVE`).
        abilities: which of `impute` and `classify` it defines.
    """

    parameters: dict[str, Parameter]
    trained: bool
    generative: bool
    abilities: frozenset[str]


@lru_cache
def constructor(name: str, where: str = "_target_") -> Constructor:
    """Read the constructor of the class `name` from its source, without importing it.

    Keyword-only parameters are keys of the configuration; positional ones are given by the engine. A class without an
    own constructor has its first base's, and one whose constructor takes `**` has its first base's parameters, too.

    Raises:
        UserError: there is no such class.
    """
    found = _find_class(name)
    if found is None:
        raise UserError(f"{where}={name}: there is no such class{_near_class(name)}")
    lineage = list(_lineage(*found))
    names = {base for node, _ in lineage for base in (node.name, *_base_names(node))}
    methods = [(item, module) for node, module in lineage for item in node.body if isinstance(item, ast.FunctionDef)]
    parameters: dict[str, Parameter] = {}
    for item, module in methods:
        if item.name == "__init__":
            parameters = _parameters(item.args, module) | parameters
            if item.args.kwarg is None:
                break
    abilities = {item.name for item, _ in methods} & {"impute", "classify"}
    return Constructor(parameters, not TRAINED.isdisjoint(names), GENERATIVE in names, frozenset(abilities))


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
        return Path(spec.origin) if spec.origin else None
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


def _lineage(node: ast.ClassDef, module: str, depth: int = 8) -> Iterator[tuple[ast.ClassDef, str]]:
    yield node, module
    for base in node.bases[:1] if depth else ():
        found = _find_class(f"{module}.{base.id}") if isinstance(base, ast.Name) else None
        if found and found[0].name not in TRAINED:
            yield from _lineage(*found, depth=depth - 1)


def _base_names(node: ast.ClassDef) -> list[str]:
    return [base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "") for base in node.bases]


def _near_class(name: str) -> str:
    module, _, class_name = name.rpartition(".")
    tree = _tree(module) if module else None
    if tree is None:
        return f" (no module '{module}')"
    names = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    names += [alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    return nearest(class_name, names)
