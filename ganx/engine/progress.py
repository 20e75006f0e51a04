"""What a user sees while a run trains: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.text import Text

from ganx.engine.chunk import Progress
from ganx.text import duration

_SECONDS_BETWEEN_LINES = 10.0
_FIRST_ESTIMATE = 2.0  # seconds of training before the rate is worth telling
_WORTH_TELLING = 3.0  # a shorter wait needs no word
_BAR_WIDTH = 64  # of everything but the figures


class Display:
    """Shows the progress of all chunks of a run as one figure.

    Args:
        console: where to print.
        steps: length of the training.
        done: per chunk, the step it starts from.
        workers: how many chunks train at a time.
    """

    def __init__(self, console: Console, steps: int, done: list[int], workers: int) -> None:
        self.console, self.steps = console, steps
        self.reached = list(done)
        self.workers = workers
        self._start, self._first = time.monotonic(), sum(done)
        self._memory = [0.0] * len(done)
        self._said_estimate = False
        self._last_line = time.monotonic()
        self._latest: dict[int, Progress] = {}
        self._bar = Bar(
            TextColumn("training"),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            _Left(self),
            TextColumn("{task.fields[figures]}"),
            console=console,
            transient=True,
            refresh_per_second=5,
        )

    def __enter__(self) -> Display:
        if self.console.is_terminal:
            self._task = self._bar.add_task("", total=self.steps * len(self.reached), completed=self._first, figures="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.console.is_terminal:
            self._bar.stop()

    def update(self, progress: Progress) -> None:
        """Take note of a chunk's sign of life."""
        first = progress.chunk not in self._latest
        self.reached[progress.chunk] = progress.step
        self._memory[progress.chunk] = progress.memory_mb
        self._latest[progress.chunk] = progress
        if first and len(self._latest) <= min(self.workers, len(self.reached)):
            # What comes before the first steps comes once; the clock of the estimate runs when all processes train.
            self._start, self._first = time.monotonic(), sum(self.reached)
            return
        if not self._said_estimate and self.elapsed > _FIRST_ESTIMATE:
            self._said_estimate = True
            if self.left < _WORTH_TELLING:
                return
            self.console.print(f"about {duration(self.left)} to go, {self.memory_mb:.0f} MB of memory so far")
        if self.console.is_terminal:
            self._bar.update(self._task, completed=sum(self.reached), figures=self.figures()[: self._room])
        elif time.monotonic() - self._last_line > _SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            total = self.steps * len(self.reached)
            self.console.print(
                f"step {sum(self.reached)}/{total} ({sum(self.reached) / total:.0%}), "
                f"{duration(self.left)} left  {self.figures()}",
                soft_wrap=True,
            )

    @property
    def elapsed(self) -> float:
        """Seconds since all processes train."""
        return time.monotonic() - self._start

    @property
    def left(self) -> float:
        """Seconds to go at the rate so far."""
        done = sum(self.reached) - self._first
        return self.elapsed / max(done, 1) * (self.steps * len(self.reached) - sum(self.reached))

    @property
    def memory_mb(self) -> float:
        """Memory of the processes that train at the same time."""
        return sum(sorted(self._memory)[-self.workers :])

    @property
    def _room(self) -> int:
        """Characters that the figures may take on this terminal."""
        return max(0, self.console.width - _BAR_WIDTH)

    def figures(self) -> str:
        """Mean losses and validation figures of the chunks heard of, in a few characters."""
        latest = list(self._latest.values())
        losses = _means([progress.losses for progress in latest])
        scores = _means([progress.scores for progress in latest])
        return " ".join(
            [f"{name} {value:.4f}" for name, value in scores.items()]
            + [f"{name} {value:.3g}" for name, value in losses.items()]
        )


class _Left(ProgressColumn):
    """Time left, from the rate of this session: resumed steps do not count."""

    def __init__(self, display: Display) -> None:
        super().__init__()
        self.display = display

    def render(self, task: Task) -> Text:
        known = self.display.elapsed > _FIRST_ESTIMATE
        return Text(f"{duration(self.display.left)} left" if known else "", style="progress.remaining")


def _means(figures: list[dict[str, float]]) -> dict[str, float]:
    names = [name for name in (figures[0] if figures else {}) if all(name in f for f in figures)]
    return {name: sum(f[name] for f in figures) / len(figures) for name in names}
