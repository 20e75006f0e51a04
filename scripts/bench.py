"""What ganx costs beside a loop of plain PyTorch: time of an outer step, replicas, start-up, memory (`make bench`).

Everything is measured in one go and in turns (A B A B ...), and the least of several repeats counts, because other work
on a machine only ever adds time. A step's time is the difference between a long run and a short one, so that start-up,
final scores and pictures cancel, and what a step brings along stays: logging, validation, checkpoints.
docs/benchmarks.md explains each line.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import mkdtemp

from rich.console import Console
from rich.table import Table

RAW = Path(__file__).with_name("raw_hexagan.py")
ONE = ("protocol.folds=0",)
FIFTY = ("seeds=10", "protocol.folds=5")
PUBLISHED = ("model.n_cg=10",)


@dataclass(frozen=True)
class Seconds:
    """Processor time, of child processes too, and wall-clock time."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Line:
    """One line of the report: what ganx needs, what the reference needs, how they compare, what is aimed at."""

    what: str
    ganx: str
    reference: str = ""
    ratio: str = ""
    target: str = ""
    reached: bool | None = None


# --- (c) start-up and (d) memory: processes of their own ---------------------------------------------------------


def start_up(quick: bool) -> Iterator[Line]:
    """Processor seconds of the two commands that must answer at once."""
    commands = {"--help": 0.1, "train --cfg job model=hexagan": 0.6}
    for command, target in commands.items():
        seconds = min(timed(lambda c=command: in_process(*c.split())).cpu for _ in range(2 if quick else 5))
        yield Line(f"ganx {command}, CPU s", f"{seconds:.3f}", "", "", f"< {target}", seconds < target)


def memory(outputs: Path) -> Iterator[Line]:
    """Peak memory of short trainings, the sum over processes."""
    layouts = {
        "1 replica": ONE,
        "50 replicas, one process": (*FIFTY, "hardware.workers=1"),
        "50 replicas, two workers": (*FIFTY, "hardware.workers=2"),
    }
    reference = peak_memory(sys.executable, str(RAW), "--steps=20")
    for what, overrides in layouts.items():
        peak = peak_memory(*GANX, *training(outputs, 20, *overrides))
        yield Line(f"memory of {what}, MB", f"{peak:.0f}", f"{reference:.0f}", f"{peak / reference:.1f}x")


GANX = (sys.executable, "-m", "ganx")


def in_process(*arguments: str) -> None:
    """Run a ganx command as a process of its own."""
    subprocess.run([*GANX, *arguments], check=True, stdout=subprocess.DEVNULL)


def peak_memory(*command: str) -> float:
    """Return the MB a command and its child processes need, each at its peak; NaN where there is no /proc."""
    peaks: dict[int, float] = {}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            for pid in family(process.pid):
                # The high-water mark only grows, so the last look at a process counts.
                peaks[pid] = high_water_mark(pid) or peaks.get(pid, 0.0)
            time.sleep(0.02)
    if process.returncode:
        raise SystemExit(f"failed: {' '.join(command)}")
    return sum(peaks.values()) if peaks else float("nan")


def family(pid: int) -> Iterator[int]:
    """Yield a process and its descendants."""
    yield pid
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield from family(int(child))


def high_water_mark(pid: int) -> float:
    """Return the largest resident memory of a process so far in MB, 0 if it has gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    return 0.0


# --- (a) one step and (b) replicas -------------------------------------------------------------------------------


def steps(outputs: Path, quick: bool) -> Iterator[Line]:
    """Time of an outer step: one replica, then fifty, beside the plain loop."""
    one, loop = in_turns(
        1 if quick else 3,
        lambda: ganx_step(outputs, 200, 400 if quick else 1200, *ONE),
        lambda: raw_step(200 if quick else 1000, 2),
    )
    yield step_line("a step, default, CPU ms", one.cpu, loop.cpu)
    one, loop, stack, workers = in_turns(
        1 if quick else 3,
        lambda: ganx_step(outputs, 100, 200 if quick else 500, *ONE, *PUBLISHED),
        lambda: raw_step(100 if quick else 400, 10),
        lambda: ganx_step(outputs, 20, 40 if quick else 120, *FIFTY, *PUBLISHED, "hardware.workers=1"),
        lambda: ganx_step(outputs, 20, 60 if quick else 220, *FIFTY, *PUBLISHED, "hardware.workers=2"),
    )
    yield step_line("a step, n_cg=10, CPU ms", one.cpu, loop.cpu)
    yield replica_line("  per replica of 50, one process, CPU ms", stack.cpu / 50, loop.cpu, 6)
    yield replica_line("  the same beside 1 replica of ganx", stack.cpu / 50, one.cpu)
    yield replica_line("  per replica of 50, two workers, wall ms", workers.wall / 50, loop.wall, 10)


def step_line(what: str, ganx: float, raw: float) -> Line:
    ratio = ganx / raw
    return Line(what, f"{ganx * 1e3:.2f}", f"{raw * 1e3:.2f}", f"{ratio:.2f}x", "<= 1.0x", ratio <= 1)


def replica_line(what: str, ganx: float, reference: float, target: float | None = None) -> Line:
    ratio = reference / ganx
    line = what, f"{ganx * 1e3:.2f}", f"{reference * 1e3:.2f}", f"{ratio:.1f} times less"
    return Line(*line) if target is None else Line(*line, f">= {target}", ratio >= target)


def in_turns(repeats: int, *measures: Callable[[], Seconds]) -> list[Seconds]:
    """Measure A B C A B C ... and return the least of each."""
    rounds = [[measure() for measure in measures] for _ in range(repeats)]
    return [Seconds(min(s.cpu for s in column), min(s.wall for s in column)) for column in zip(*rounds, strict=True)]


def ganx_step(outputs: Path, short: int, long: int, *overrides: str) -> Seconds:
    """Return the time of one outer step of `ganx train`."""
    first, second = (timed(lambda n=n: train(outputs, n, *overrides)) for n in (short, long))
    return Seconds(*((b - a) / (long - short) for a, b in ((first.cpu, second.cpu), (first.wall, second.wall))))


def raw_step(n_steps: int, n_cg: int) -> Seconds:
    """Return the time of one outer step of the plain loop, in a fresh process that has never seen ganx."""
    command = [sys.executable, str(RAW), f"--steps={n_steps}", f"--n-cg={n_cg}"]
    return Seconds(**json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))


def train(outputs: Path, n_steps: int, *overrides: str) -> None:
    """Train through the command line's front door, in this process."""
    from ganx.cli import main

    with contextlib.redirect_stdout(io.StringIO()) as output:
        code = main(training(outputs, n_steps, *overrides))
    if code:
        raise SystemExit(output.getvalue())


def training(outputs: Path, n_steps: int, *overrides: str) -> list[str]:
    """Return a command line that trains into a folder of its own."""
    folder = f"outputs={mkdtemp(dir=outputs)}"
    return ["train", "model=hexagan", "dataset=breast", f"model.steps={n_steps}", *overrides, folder]


def timed(action: Callable[[], None]) -> Seconds:
    """Return what an action takes, child processes that have ended included."""
    before, start = cpu_seconds(), time.perf_counter()
    action()
    return Seconds(cpu_seconds() - before, time.perf_counter() - start)


def cpu_seconds() -> float:
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in usage)


# --- the report --------------------------------------------------------------------------------------------------


def machine() -> str:
    """Return processor, cores, versions and load in one line."""
    cpu = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].partition(":")[2].strip() if names else cpu
    python, torch = platform.python_version(), version("torch")
    load = os.getloadavg()[0]
    return f"{cpu}, {os.cpu_count()} cores, Python {python}, torch {torch}, load at the start {load:.1f}"


def report(lines: list[Line]) -> Table:
    table = Table("", "ganx", "plain loop", "ratio", "target", "reached")
    for line in lines:
        reached = {None: "", True: "[green]yes[/]", False: "[red]no[/]"}[line.reached]
        table.add_row(line.what, line.ganx, line.reference, line.ratio, line.target, reached)
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a fast look, too short for figures to rely on")
    quick = parser.parse_args().quick
    os.environ["OMP_NUM_THREADS"] = "1"
    console = Console()
    console.print(machine(), soft_wrap=True)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="ganx-bench-") as folder, console.status("measuring"):
        outputs = Path(folder)
        lines = [*start_up(quick), *memory(outputs), *steps(outputs, quick)]
    console.print(report(lines))
    console.print(f"measured in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
