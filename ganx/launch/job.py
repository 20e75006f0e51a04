"""What a job does: its runs, one after another, each from its frozen configuration."""

from __future__ import annotations

import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import FrameType
from typing import Any

from ganx.errors import LockedError, RunError, UserError
from ganx.files import refuse_links, refusing
from ganx.launch.folder import Ended, SweepFolder, SweepRun, run_folder
from ganx.run.lock import RunLock, is_alive

#: Seconds for which a job waits for a run that another process holds: longer than it takes until SLURM knows of a dead
#: host's job, or a network file system drops its locks.
PATIENCE = 120.0


def _ignore(folder: SweepFolder, number: int) -> None:
    pass


#: What is called with the sweep and the number of a run.
Hook = Callable[[SweepFolder, int], None]


def do_job(
    folder: SweepFolder, number: int, *, loud: bool = False, begun: Hook = _ignore, ended: Hook = _ignore
) -> int:
    """Do the runs of job `number`; return the worst of their exit codes, or at once that of a signal.

    Args:
        loud: the runs print here, not into a log each.
        begun, ended: called before and after each run.
    """
    sweep, configs, worst = folder.read(), folder.read_configs(), 0
    for place in (folder.path, folder.logs, folder.end_of(0).parent, folder.sign_of_life(number).parent):
        refuse_links(place, inside=False)  # logs/ has links of submitit's
    with RunLock(folder.sign_of_life(number), patience=PATIENCE):
        for n in sweep.jobs[number].runs:
            if (earlier := folder.ended(n)) and earlier.code <= 128:  # the job was requeued; this one is through
                worst = max(worst, earlier.code)
                continue
            begun(folder, n)
            code = do_run(folder, sweep.runs[n], configs[n], loud=loud)
            ended(folder, n)
            if code > 128:
                return code
            worst = max(worst, code)
    return worst


def do_run(folder: SweepFolder, run: SweepRun, frozen: dict[str, Any], *, loud: bool = False) -> int:
    """Do one run of a sweep, note how it ended, and return its exit code. Whatever goes wrong stays in this run."""
    start = time.monotonic()
    folder.begin(run.number)
    with ExitStack() as stack:
        if not loud:
            refuse_links(folder.log(run.number))
            with refusing(folder.logs):
                log = stack.enter_context(folder.log(run.number).open("a", buffering=1))
            stack.enter_context(redirect_stdout(log))
            stack.enter_context(redirect_stderr(log))
        try:
            with stopped_by_signals():
                code, error = _train(run, frozen)
        except LockedError as held:  # whoever has the run will bring it to an end; it is not this sweep's to judge
            print(f"ganx: {held}")
            if not is_alive(run_folder(run).heartbeat):  # or nobody will
                folder.end(run.number, Ended(1, round(time.monotonic() - start, 3), str(held)))
            return 1
        if error and not loud:
            print(f"ganx: {error}")
    if loud and error:
        print(f"ganx: {error}", file=sys.stderr)
    folder.end(run.number, Ended(code, round(time.monotonic() - start, 3), error))
    return code


def _train(run: SweepRun, frozen: dict[str, Any]) -> tuple[int, str]:
    """Return the exit code, and one line on what went wrong."""
    from ganx.run.life import train  # torch

    for path in frozen["modules"]:
        if path not in sys.path:  # so that DIR/mygan.py can be named by DIR/model/mygan.yaml
            sys.path.append(path)
    watch = None
    if frozen.get("trial"):
        from ganx.launch.study import Watch  # Optuna

        watch = Watch(**frozen["trial"])
    try:
        code = train(
            frozen["config"],
            run.argv,
            targets=frozenset(frozen["targets"]),
            expected=run_folder(run),
            patience=PATIENCE,
            watch=watch,
        )
    except LockedError:
        raise
    except (UserError, RunError) as error:
        return (2 if isinstance(error, UserError) else 1), " ".join(str(error).split())
    except SystemExit as error:  # of `stopped_by_signals`
        code = error.code if isinstance(error.code, int) else 1
    except Exception as error:  # a bug in one method must not cost the other runs
        traceback.print_exc()
        return 1, f"{type(error).__name__}: {' '.join(str(error).split())}"
    if code == 128 + signal.SIGUSR2:
        return code, "stopped by SLURM, for lack of time or for another job"
    if watch is not None and watch.pruned_at is not None:
        return 0, f"pruned at step {watch.pruned_at}"
    result = run_folder(run).read_result() if code == 1 else None
    return code, str(result.get("error", "")) if result else ""


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Raise SystemExit on SIGTERM and on submitit's signal, where no training is there to save a checkpoint first."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGUSR2)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class SubmittedJob:
    """A job as submitit carries it to another process: two words, since everything else lies in the sweep's folder."""

    def __init__(self, folder: Path, number: int) -> None:
        self.folder, self.number = folder, number

    def __call__(self) -> None:
        """Do the job; a failure is the process's own, so that SLURM sees it.

        On submitit's signal the run has saved a checkpoint when `do_job` returns; then submitit requeues the job.
        """
        requeue: Any = signal.getsignal(signal.SIGUSR2)
        code = do_job(SweepFolder(self.folder), self.number)
        if code == 128 + signal.SIGUSR2:
            requeue(signal.SIGUSR2, None)
        if code:
            sys.exit(code)

    def checkpoint(self) -> Any:
        """Return what submitit starts again: the same job, whose finished runs are only looked at."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)
