"""What the fast commands and a plain run may not import, and how much they import at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MINE = str(Path(__file__).parent / "cli" / "mine")
HEAVY = {"torch", "lightning", "pandas", "sklearn", "matplotlib", "scipy"}
HYDRA = {"hydra", "omegaconf", "yaml"}

LOOK = """
import sys
from ganx.cli import main
main(sys.argv[1:])
print("\\n" + " ".join(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


def modules(*argv: str) -> set[str]:
    """Return the top-level packages that a command line has imported."""
    done = subprocess.run([sys.executable, "-c", LOOK, *argv], capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("argv", [[], ["--help"], ["--version"], ["hlep"], ["train", "--help"], ["list", "model"]])
def test_the_door_needs_the_standard_library_alone(argv):
    assert not modules(*argv) & (HEAVY | HYDRA | {"numpy", "rich"})


@pytest.mark.parametrize(
    "argv",
    [
        ["train", "--config-dir", MINE, "model=toy", "dataset=tiny", "--cfg", "job"],
        ["train", "--config-dir", MINE, "model=toy", "dataset=tiny", "seed=-1"],
        ["status"],
        ["-sc", "query=bash"],
    ],
)
def test_configurations_and_status_never_import_torch(argv, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMP_LINE", "ganx train prot")
    assert not modules(*argv) & HEAVY


def test_an_estimator_does_without_the_libraries_of_networks_and_figures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    late = {"lightning", "torchmetrics", "sympy", "tensorboard", "matplotlib", "imblearn", "optuna", "submitit"}
    assert not modules("train", "model=mean", "dataset=wine", "protocol.folds=2") & late


def count(*command: str) -> int:
    """Return how many modules a command imports, its own package's aside."""
    done = subprocess.run([sys.executable, "-X", "importtime", *command], capture_output=True, text=True, check=True)
    names = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    return sum(not name.startswith("ganx") for name in names)


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["--help"], "pass"),
        (["train", "--config-dir", MINE, "model=toy", "dataset=tiny", "--cfg", "job"], "import hydra"),
    ],
)
def test_few_modules_are_imported(argv, code):
    """The help needs little more than Python itself, a configuration than Hydra."""
    assert count("-m", "ganx", *argv) < 1.25 * count("-c", code)
