"""Whoever reads metrics knows none by name: a new metric is a function and a line of the registry."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import ganx
from ganx.metrics.registry import METRICS

GANX = Path(ganx.__file__).parent
READERS = [*(GANX / "tables").glob("*.py"), *(GANX / "launch").glob("*.py"), *(GANX / "commands").glob("*.py")]
READERS += [GANX / "run" / "report.py"]

#: The same words for other things: the accuracy of the feature network itself, `hardware.precision`.
ALLOWED = {("report.py", "accuracy"), ("check.py", "precision")}


def literals(file: Path) -> Iterator[str]:
    """Yield the strings of a module that are no documentation."""
    tree = ast.parse(file.read_text())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = {id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, documented) and _has_doc(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def _has_doc(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return ast.get_docstring(node) is not None


def test_no_reader_names_a_metric() -> None:
    names = [metric.pattern for metric in METRICS]
    word = re.compile(rf"(?<![\w.])({'|'.join(names)})(?![\w=])")
    found = {(file.name, match[0]) for file in READERS for text in literals(file) for match in word.finditer(text)}
    assert found - ALLOWED == set()
