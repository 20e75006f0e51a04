"""Classes as their source files have them. Only a package's place is looked up (importlib), nothing of it runs."""

from __future__ import annotations

import ast
import importlib.util
import sysconfig
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from ganx.errors import UserError, nearest

_INSTALLED = [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")]


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
def tree_of(module: str) -> ast.Module | None:
    """Return the syntax tree of a module; None where it has no file."""
    file = _module_file(module)
    return ast.parse(file.read_text(encoding="utf-8")) if file else None


def _found(name: str, depth: int = 5) -> tuple[ast.ClassDef, str] | None:
    """Return the class and its module, following at most `depth` re-exports."""
    module, _, class_name = name.rpartition(".")
    tree = tree_of(module) if module else None
    if tree is None or depth == 0:
        return None
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == class_name:
            return node, module
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == class_name:
                    return _found(f"{_absolute(node, module)}.{alias.name}", depth - 1)
    return None


def _absolute(node: ast.ImportFrom, module: str) -> str:
    if node.level == 0:
        return node.module or ""
    file = _module_file(module)
    package = module if file and file.name == "__init__.py" else module.rpartition(".")[0]
    return importlib.util.resolve_name("." * node.level + (node.module or ""), package)


def find_class(name: str, where: str) -> tuple[ast.ClassDef, str]:
    """Return the class `name`, a dotted path, and its module.

    Args:
        where: the key that names it, for the message.

    Raises:
        UserError: there is no such class.
    """
    found = _found(name)
    if found is None:
        raise UserError(f"{where}={name}: there is no such class{_near_class(name)}")
    return found


def lineage(node: ast.ClassDef, module: str) -> list[tuple[ast.ClassDef, str]]:
    """Return a class and its bases, each before its own bases, as far as they are ganx's or the user's own."""
    found = [(node, module)]
    for base in node.bases:
        parent = _found(_dotted(base, module))
        if parent is not None and _is_own(parent[1]):
            found += lineage(*parent)
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
    tree = tree_of(module)
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


def _near_class(name: str) -> str:
    module, _, class_name = name.rpartition(".")
    tree = tree_of(module) if module else None
    if tree is None:
        return f" (no module '{module}')"
    names = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    names += [alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    return nearest(class_name, names)


def literals(node: ast.ClassDef) -> Iterator[tuple[str, Any]]:
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


def is_abstract(method: ast.FunctionDef) -> bool:
    """Whether a method is declared abstract, or raises NotImplementedError and nothing else."""
    if any(isinstance(mark, ast.Name) and mark.id == "abstractmethod" for mark in method.decorator_list):
        return True
    body = [item for item in method.body if not (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant))]
    if len(body) != 1 or not isinstance(body[0], ast.Raise):
        return False
    raised = body[0].exc.func if isinstance(body[0].exc, ast.Call) else body[0].exc
    return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
