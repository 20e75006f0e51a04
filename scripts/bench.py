"""What ganx costs beside a loop of plain PyTorch: time of an outer step, replicas, start-up, memory (`make bench`).

Everything is measured in one go and in turns (A B A B ...), and the least of several repeats counts, because other work
on a machine only ever adds time. A step's time is the difference between a long run and a short one, so that start-up,
final scores and figures cancel, and what a step brings along stays: logging, validation, checkpoints.
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

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

GANX = str(Path(sys.executable).with_name("ganx"))
RAW_HEXAGAN, RAW_CGAN = (str(Path(__file__).with_name(f"raw_{name}.py")) for name in ("hexagan", "cgan"))
HEXAGAN = ("experiment=hexagan_noise", "dataset=breast")
ONE = (*HEXAGAN, "protocol.folds=0")
FIFTY = (*HEXAGAN, "seeds=10", "protocol.folds=5")
PUBLISHED = ("model.n_cg=10",)
# glibc keeps memory that is freed, as it does by itself in a large process: raw_cgan.py says why.
KEPT = ("env", f"MALLOC_TRIM_THRESHOLD_={1 << 28}", f"MALLOC_MMAP_THRESHOLD_={1 << 25}")
CGAN = ("model=cgan", "dataset=mnist", "dataset.rows=2000", "model.validate_every=200")
VCAGAN = ("model=vcagan", "dataset=gaussians4")
FIVE = ("seeds=5", "hardware.workers=1")


@dataclass(frozen=True)
class Seconds:
    """Processor time, of child processes too, and wall-clock time."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Line:
    """One line of the report: what ganx takes, what the plain loop takes, ganx / loop, what is aimed at."""

    what: str
    unit: str
    ganx: str
    loop: str = ""
    ratio: str = ""
    target: str = ""
    met: bool | None = None


# --- (c) start-up and (d) memory: processes of their own ---------------------------------------------------------


def start_up(quick: bool) -> Iterator[Line]:
    """Processor time of the two commands that must answer at once."""
    for command, target in {"--help": 0.1, "train --cfg job model=hexagan": 0.6}.items():
        seconds = min(timed(run, [GANX, *command.split()]).cpu for _ in range(2 if quick else 5))
        yield Line(
            f"ganx {command.removesuffix(' model=hexagan')}",
            "CPU s",
            f"{seconds:.3f}",
            target=f"< {target}",
            met=seconds < target,
        )


def memory(outputs: Path) -> Iterator[Line]:
    """Peak memory of short trainings, summed over processes."""
    layouts = {
        "1 replica": ONE,
        "50 replicas, one process": (*FIFTY, "hardware.workers=1"),
        "50 replicas, two workers": (*FIFTY, "hardware.workers=2"),
    }
    reference = peak_memory([sys.executable, RAW_HEXAGAN, "--steps=20"])
    for what, overrides in layouts.items():
        peak = peak_memory([GANX, *training(outputs, 20, *overrides)])
        yield Line(what, "MB", f"{peak:.0f}", f"{reference:.0f}", f"{peak / reference:.2f}")


def run(command: list[str]) -> str:
    """Run a command and return what it prints."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def peak_memory(command: list[str]) -> float:
    """Return the MB that a command and its child processes need, each at its peak; NaN where there is no /proc."""
    peaks: dict[int, float] = {}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            for pid in family(process.pid):
                # The high-water mark only grows, so the last look at a process counts.
                peaks[pid] = max(high_water_mark(pid), peaks.get(pid, 0.0))
            time.sleep(0.02)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return sum(peaks.values()) or float("nan")


def family(pid: int) -> Iterator[int]:
    """Yield a process and its descendants."""
    yield pid
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield from family(int(child))


def high_water_mark(pid: int) -> float:
    """Return the largest resident memory of a process so far in MB; 0 if it has gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    return 0.0


# --- (a) one step and (b) replicas -------------------------------------------------------------------------------


class GanxStep:
    """An outer step of `ganx train`: the difference between a long run and a short one."""

    def __init__(self, outputs: Path, short: int, long: int, *overrides: str) -> None:
        self.outputs, self.overrides = outputs, overrides
        self.times: dict[int, list[Seconds]] = {short: [], long: []}

    def sample(self) -> None:
        """Train once for each length."""
        for n_steps, seconds in self.times.items():
            seconds.append(timed(train, self.outputs, n_steps, *self.overrides))

    def seconds(self) -> Seconds:
        """Return the time of a step: the least of each length goes into the difference."""
        (short, a), (long, b) = ((n, least(times)) for n, times in self.times.items())
        return Seconds((b.cpu - a.cpu) / (long - short), (b.wall - a.wall) / (long - short))


class LoopStep:
    """An outer step of a plain loop, in fresh processes that have never seen ganx."""

    def __init__(self, script: str, n_steps: int, *options: str) -> None:
        self.command = [*KEPT, sys.executable, script, f"--steps={n_steps}", *options]
        self.times: list[Seconds] = []

    def sample(self) -> None:
        """Train once."""
        self.times.append(Seconds(**json.loads(run(self.command))))

    def seconds(self) -> Seconds:
        """Return the time of a step."""
        return least(self.times)


def in_turns(repeats: int, *subjects: GanxStep | LoopStep) -> list[Seconds]:
    """Measure A B C A B C ... and return the time of each."""
    for _ in range(repeats):
        for subject in subjects:
            subject.sample()
    return [subject.seconds() for subject in subjects]


def least(times: list[Seconds]) -> Seconds:
    """Return the least of each time: other work on a machine only ever adds."""
    return Seconds(min(t.cpu for t in times), min(t.wall for t in times))


def steps(outputs: Path, quick: bool) -> Iterator[Line]:
    """Time of an outer step: one replica, then fifty, beside the plain loop."""
    train(outputs, 10, *ONE)  # imports
    repeats = 1 if quick else 3
    one, loop = in_turns(
        repeats,
        GanxStep(outputs, 100, 300 if quick else 900, *ONE),
        LoopStep(RAW_HEXAGAN, 200 if quick else 800, "--n-cg=2"),
    )
    yield step_line("step, defaults (n_cg=2)", one.cpu, loop.cpu)
    one, loop, stack, workers = in_turns(
        repeats,
        GanxStep(outputs, 100, 200 if quick else 400, *ONE, *PUBLISHED),
        LoopStep(RAW_HEXAGAN, 100 if quick else 300, "--n-cg=10"),
        GanxStep(outputs, 20, 40 if quick else 100, *FIFTY, *PUBLISHED, "hardware.workers=1"),
        GanxStep(outputs, 20, 60 if quick else 180, *FIFTY, *PUBLISHED, "hardware.workers=2"),
    )
    yield step_line("step, published n_cg=10", one.cpu, loop.cpu)
    yield replica_line("one of 50, one process", "CPU ms", stack.cpu / 50, loop.cpu, 6)
    yield replica_line("one of 50, two workers", "wall ms", workers.wall / 50, loop.wall, 10)
    yield Line("ganx: one of 50 beside 1", "CPU ms", f"{stack.cpu * 20:.2f}", ratio=f"1/{one.cpu * 50 / stack.cpu:.1f}")


def image_steps(outputs: Path, quick: bool) -> Iterator[Line]:
    """Time of an outer step of a conditional GAN of images, beside the plain loop."""
    images = (*CGAN, f"dataset.path={images_of_noise(outputs)}")
    train(outputs, 10, *images)  # imports, and the feature network of these images
    one, loop = in_turns(
        1 if quick else 3,
        GanxStep(outputs, 20, 220, *images),
        LoopStep(RAW_CGAN, 100 if quick else 200),
    )
    yield step_line("cgan step, 28 x 28", one.cpu, loop.cpu, 1.05)


def stacked_steps(outputs: Path, quick: bool) -> Iterator[Line]:
    """Time of an outer step of VCAGAN in the plane: one replica, and one of five."""
    train(outputs, 10, *VCAGAN)  # imports
    one, five = in_turns(
        1 if quick else 3,
        GanxStep(outputs, 100, 900, *VCAGAN),
        GanxStep(outputs, 100, 900, *VCAGAN, *FIVE),
    )
    gain = one.cpu * 5 / five.cpu
    yield Line(
        "vcagan: one of 5 beside 1",
        "CPU ms",
        f"{five.cpu * 200:.2f}",
        ratio=f"1/{gain:.1f}",
        target="<= 1/2.3",
        met=gain >= 2.3,
    )


def penalties(quick: bool) -> Iterator[Line]:
    """Time of HexaGAN's element-wise penalty and its gradient at Madelon's width: one probe, beside the exact form."""
    import torch

    from ganx.nets.stacked import StackedMLP

    d, n_rows = 500, 64
    critic = StackedMLP(d + 2, [d // 2], d + 1, activation="silu", generators=[torch.Generator().manual_seed(0)])
    rows, weights = torch.rand(1, n_rows, d + 2), torch.full((1, n_rows, d), 1 / (n_rows * d))
    signs = 1 - 2 * torch.randint(2, (1, n_rows, 1, d)).float()

    def probed() -> None:
        critic.with_probed_penalty(rows, d, weights, signs)[1].sum().backward()

    def exact() -> None:
        critic.with_penalty(rows, d, weights)[1].sum().backward()

    torch.set_num_threads(1)
    one, all_scores = (min(timed(form).cpu for _ in range(2 if quick else 5)) for form in (probed, exact))
    yield Line(
        "penalty, 500 columns", "CPU ms", f"{one * 1e3:.1f}", f"{all_scores * 1e3:.1f}", f"1/{all_scores / one:.0f}"
    )


def images_of_noise(folder: Path) -> Path:
    """Write images as those of MNIST, of random bytes, which take as long as any, and return their folder."""
    rng = np.random.default_rng(0)
    for part, rows in (("train", 60000), ("t10k", 10000)):
        for kind, shape, values in (("images-idx3", (rows, 28, 28), 256), ("labels-idx1", (rows,), 10)):
            header = bytes([0, 0, 8, len(shape)]) + np.array(shape, dtype=">u4").tobytes()
            data = rng.integers(values, size=shape, dtype=np.uint8).tobytes()
            (folder / f"{part}-{kind}-ubyte").write_bytes(header + data)
    return folder


def step_line(what: str, ganx: float, raw: float, target: float = 1) -> Line:
    """Return the line of an outer step with one replica."""
    ratio = ganx / raw
    return Line(
        what, "CPU ms", f"{ganx * 1e3:.2f}", f"{raw * 1e3:.2f}", f"{ratio:.2f}", f"<= {target}", ratio <= target
    )


def replica_line(what: str, unit: str, ganx: float, raw: float, target: int) -> Line:
    """Return the line of one replica's share of an outer step."""
    ratio = raw / ganx
    return Line(
        what, unit, f"{ganx * 1e3:.2f}", f"{raw * 1e3:.2f}", f"1/{ratio:.1f}", f"<= 1/{target}", ratio >= target
    )


def train(outputs: Path, n_steps: int, *overrides: str) -> None:
    """Train through the front door of the command line, in this process."""
    from ganx.cli import main

    with contextlib.redirect_stdout(io.StringIO()) as output:
        code = main(training(outputs, n_steps, *overrides))
    if code:
        raise SystemExit(output.getvalue())


def training(outputs: Path, n_steps: int, *overrides: str) -> list[str]:
    """Return the arguments of a training into a folder of its own."""
    folder = f"outputs={tempfile.mkdtemp(dir=outputs)}"
    return ["train", f"model.steps={n_steps}", *overrides, folder]


def timed(action: Callable[..., object], *args: object) -> Seconds:
    """Return what an action takes, child processes that have ended included."""
    before, start = cpu_seconds(), time.perf_counter()
    action(*args)
    return Seconds(cpu_seconds() - before, time.perf_counter() - start)


def cpu_seconds() -> float:
    """Return the processor time of this process and of its children."""
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
    """Return the lines as a table."""
    table = Table("", "unit", "ganx", "loop", "ratio", "target", "met", box=box.SIMPLE_HEAD)
    for column in table.columns[2:6]:
        column.justify = "right"
    for line in lines:
        met = {None: "", True: "[green]yes[/]", False: "[red]no[/]"}[line.met]
        table.add_row(line.what, line.unit, line.ganx, line.loop, line.ratio, line.target, met)
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
        os.environ["XDG_CACHE_HOME"] = folder  # where ganx keeps the feature network of images: these are of no use
        lines = [
            *start_up(quick),
            *memory(outputs),
            *steps(outputs, quick),
            *image_steps(outputs, quick),
            *stacked_steps(outputs, quick),
            *penalties(quick),
        ]
    console.print(report(lines))
    console.print(f"measured in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
