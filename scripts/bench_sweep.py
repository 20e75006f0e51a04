"""What a sweep costs beside what one would do without it (`make bench-sweep`).

Planning beside Hydra's own composing of every run, a run in a packed job beside `ganx train` of its own, eight runs in
one job beside eight jobs (on SLURM where there is one, else in processes of this machine). Columns as in bench.py:
`loop` is the way one does without. docs/benchmarks.md explains each line.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench import GANX, Line, Seconds, machine, report, run, timed
from rich.console import Console

TRIVIAL = ("train", "model=zeros", "dataset=wine")
COMPOSE = """
import sys
from ganx.compose import compose
for seed in range(int(sys.argv[1])):
    compose("train", [*sys.argv[2:], f"seed={seed}"])
"""
SMALL = ("train", "model=gain", "dataset=wine", "model.steps=200")


def planning(outputs: Path, runs: int) -> Iterator[Line]:
    """Plan a sweep, beside composing each of its runs as Hydra does, in one process, without anything else."""
    words = [*TRIVIAL[1:], f"outputs={outputs}"]
    ours = timed(run, [GANX, "train", *words, f"seed=range({runs})", "plan=true"])
    theirs = timed(run, [sys.executable, "-c", COMPOSE, str(runs), *words])
    yield line(f"plan of {runs} runs", ours, theirs, 15)


def packed(outputs: Path, runs: int) -> Iterator[Line]:
    """Do trivial runs in one job, beside a process for each; then ask for the status of all."""
    folder = f"outputs={outputs / 'packed'}"
    words = [*TRIVIAL, f"seed=range({runs})", "hydra/launcher=submitit_local", "launcher.n_jobs=1", folder]
    run([GANX, *words])
    ended = [json.loads(file.read_text())["seconds"] for file in outputs.glob("packed/sweeps/*/ended/*.json")]
    own = [timed(run, [GANX, *TRIVIAL, f"outputs={outputs / f'own-{i}'}"]).wall for i in range(3)]
    typical = statistics.median(ended)  # all but the first, which imports torch
    yield line("a run in a packed job", Seconds(0, typical), Seconds(0, min(own)), 1)
    status = [timed(run, [GANX, "status", f"--outputs={outputs / 'packed'}"]).wall for _ in range(3)]
    yield Line(f"ganx status, {runs} runs", "wall s", f"{min(status):.2f}", target="< 1", met=min(status) < 1)


def packing(outputs: Path) -> Iterator[Line]:
    """Do eight small runs in one job, beside eight jobs one after another."""
    slurm = shutil.which("sinfo") is not None and subprocess.run(["sinfo"], capture_output=True).returncode == 0
    seeds = [*SMALL, "seed=range(8)"]
    if slurm:
        packed = [[*seeds, "hydra/launcher=slurm", "launcher.pack=8"]]
        single = [[*seeds, "hydra/launcher=slurm", "launcher.array_parallelism=1"]]
    else:
        local = ["hydra/launcher=submitit_local", "launcher.n_jobs=1"]
        packed, single = [[*seeds, *local]], [[*SMALL, f"seed={seed}", *local] for seed in range(8)]
    ours, theirs = (
        sum(timed(run, [GANX, *command, f"outputs={outputs / name}"]).wall for command in commands)
        for name, commands in (("packed-8", packed), ("single-8", single))
    )
    where = "SLURM" if slurm else "this machine"
    yield Line(f"8 runs: 1 job or 8 ({where})", "wall s", f"{ours:.1f}", f"{theirs:.1f}", f"1/{theirs / ours:.1f}")


def line(what: str, ours: Seconds, theirs: Seconds, target: float) -> Line:
    """Return a line of wall-clock times."""
    ratio = f"1/{theirs.wall / ours.wall:.1f}"
    return Line(what, "wall s", f"{ours.wall:.2f}", f"{theirs.wall:.2f}", ratio, f"< {target:g}", ours.wall < target)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=200, help="how many runs the large sweeps have")
    runs = parser.parse_args().runs
    os.environ["OMP_NUM_THREADS"] = "1"
    console = Console()
    console.print(machine(), soft_wrap=True)
    with tempfile.TemporaryDirectory(prefix="ganx-bench-") as folder, console.status("measuring"):
        outputs = Path(folder)
        lines = [*planning(outputs, runs), *packed(outputs, runs), *packing(outputs)]
    console.print(report(lines))


if __name__ == "__main__":
    main()
