"""Chunks in processes: one chunk here, or several at once in processes of their own."""

from __future__ import annotations

import ctypes
import multiprocessing
import signal
import sys
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from ganx.engine.chunk import Chunk, Interrupted, Progress, Report, hear_stop_signals, signals_put_back
from ganx.engine.trainer import train_chunk
from ganx.errors import RunError, UserError


def train_chunks(chunks: Sequence[Chunk], workers: int, report: Report) -> None:
    """Train all chunks, `workers` at a time. A single worker is this process.

    Raises:
        Interrupted: one of `STOP_SIGNALS` came; every chunk has saved a checkpoint, if there was time.
        RunError: a worker died. What the others had is saved.
    """
    if workers == 1:
        for chunk in chunks:
            train_chunk(chunk, report)
        return
    with signals_put_back(), _Pool(report) as pool:
        waiting = list(chunks)
        while waiting or pool.running:
            while waiting and len(pool.running) < workers and pool.signal is None:
                pool.start(waiting.pop(0))
            if not pool.running:
                break
            pool.listen()
        if pool.signal is not None:
            raise Interrupted(pool.signal)


class _Pool:
    """Worker processes, and the pipes on which they report."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.running: dict[Connection, BaseProcess] = {}
        self.signal: int | None = None
        self._context = multiprocessing.get_context("spawn")

    def __enter__(self) -> _Pool:
        hear_stop_signals(self._pass_on, self._kill)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            process.join()

    def _pass_on(self, number: int) -> None:
        """A signal asks every worker to save and stop. SIGTERM serves both: Ctrl-C may have reached them already."""
        self.signal = number
        for process in self.running.values():
            process.terminate()

    def _kill(self) -> None:
        """End workers that have not answered Ctrl-C; their last checkpoints stand."""
        for process in self.running.values():
            process.kill()

    def start(self, chunk: Chunk) -> None:
        here, there = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_work, args=(chunk, there), name=f"ganx-chunk-{chunk.number}")
        # SLURM sends its warning to every process of a job; workers hear of it from this one, by SIGTERM.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
        process.start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR2})
        there.close()
        self.running[here] = process

    def listen(self) -> None:
        """Handle what workers have said; a closed pipe means that one has ended."""
        for connection in wait(list(self.running), timeout=1.0):
            assert isinstance(connection, Connection)
            try:
                message = connection.recv()
            except EOFError:
                process = self.running.pop(connection)
                process.join()
                if process.exitcode not in (0, None) and self.signal is None:
                    raise RunError(
                        f"{process.name} ended with exit code {process.exitcode} (-9 is often a lack of memory); "
                        "the same command goes on from the last checkpoint"
                    ) from None
                continue
            if isinstance(message, Progress):
                self.report(message)
            else:
                raise message


def _work(chunk: Chunk, connection: Connection) -> None:
    """The life of a worker process."""
    _die_with_parent()
    try:
        train_chunk(chunk, connection.send)
    except Interrupted:
        pass
    except (UserError, RunError) as error:
        connection.send(error)
    except Exception:
        connection.send(RunError(f"chunk {chunk.number} failed:\n{traceback.format_exc()}"))
        sys.exit(1)


def _die_with_parent() -> None:
    """Ask Linux to kill this process when its parent goes; elsewhere the trainer looks at every block boundary."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
