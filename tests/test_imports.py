"""What the fast commands may not import, and what they may cost."""

from __future__ import annotations

import resource
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


def cpu_seconds(*command: str) -> float:
    """Return the best of three: the machine may be busy."""
    costs = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *command], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        costs.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(costs)


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["--help"], "pass"),
        (["train", "--config-dir", MINE, "model=toy", "dataset=tiny", "--cfg", "job"], "import hydra"),
    ],
)
def test_cpu_seconds(argv, code):
    """The help costs little more than Python, a configuration than Hydra, whatever the machine."""
    assert cpu_seconds("-m", "ganx", *argv) < 3 * cpu_seconds("-c", code)
