"""What kind of method it is, is read from its source in one place: nothing else asks a model's class."""

import ast
from collections.abc import Iterator
from pathlib import Path

import ganx

ROOT = Path(ganx.__file__).parent
#: Where the questions are answered: what a method says, and the view that follows from it.
ANSWERS = {ROOT / "targets.py", ROOT / "engine" / "views.py"}
#: The classes of methods, and their bases.
MODELS = [*ROOT.glob("methods/*.py"), *ROOT.glob("baselines/*.py")]
MODELS += [ROOT / "engine" / f"{name}.py" for name in ("module", "generative", "latent", "schedule")]


def classes_of_models() -> set[str]:
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in MODELS]
    return {node.name for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}


def questions(file: Path, models: set[str]) -> Iterator[str]:
    """Yield each `hasattr`, and each `isinstance` or `issubclass` of a model's class."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        names = {part.id for argument in node.args[1:] for part in ast.walk(argument) if isinstance(part, ast.Name)}
        asks = node.func.id in ("isinstance", "issubclass") and names & models
        if asks or node.func.id == "hasattr":
            yield f"{file}:{node.lineno}"


def test_nothing_else_asks_what_kind_of_method_it_is() -> None:
    models = classes_of_models()
    assert {"Module", "GenerativeModule", "HexaGAN", "MICE"} <= models
    assert [q for file in ROOT.rglob("*.py") if file not in ANSWERS for q in questions(file, models)] == []


def test_such_questions_are_found(tmp_path: Path) -> None:
    file = tmp_path / "asking.py"
    file.write_text(
        "def f(m):\n    return hasattr(m, 'impute')\n\n\ndef g(m):\n    return isinstance(m, int | HexaGAN)\n"
    )
    assert [question.rpartition(":")[2] for question in questions(file, {"HexaGAN"})] == ["2", "6"]
