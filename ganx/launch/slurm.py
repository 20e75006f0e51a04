"""SLURM, through submitit: jobs arrive as an array, and come back to it when they are preempted or run out of time."""

from __future__ import annotations

import getpass
import shutil
import signal
from collections.abc import Sequence
from contextlib import redirect_stderr
from io import StringIO
from typing import Any

from ganx.errors import UserError
from ganx.launch import settings
from ganx.launch.folder import SweepFolder, SweepJob
from ganx.launch.launcher import SweepLauncher
from ganx.launch.plan import Plan
from ganx.launch.queue import cancel
from ganx.launch.tell import Teller
from ganx.launch.wait import wait_for_runs
from ganx.text import duration, plural

_LARGEST_ARRAY = 1000  # SLURM's own limit, unless a cluster has another one (MaxArraySize)


class _Submitted(SweepLauncher):
    """Jobs that live without the command that started them."""

    here = False

    @property
    def at_once(self) -> int:
        """Few enough for a search to learn from one batch to the next."""
        return int(getattr(self.settings, "n_jobs", 8))

    def work(self, folder: SweepFolder, jobs: Sequence[SweepJob], teller: Teller) -> None:
        """Wait."""
        wait_for_runs(folder, [number for job in jobs for number in job.runs], teller.end)


class SubmititLocal(_Submitted):
    """Processes of this machine, started as a cluster would start them."""

    keys = settings.SubmititLocal
    workers = 1

    def pack(self, count: int) -> list[list[int]]:
        """Deal the runs to as many jobs as may run at a time."""
        jobs = min(self.settings.n_jobs, count)
        return [list(range(job, count, jobs)) for job in range(jobs)]

    def describe(self, jobs: int) -> str:
        """Say where."""
        return f"{plural(jobs, 'process')} of their own, here"

    def submit(self, folder: SweepFolder, jobs: Sequence[SweepJob]) -> str:
        """Start the processes."""
        from submitit import LocalExecutor

        from ganx.launch.job import SubmittedJob

        executor = LocalExecutor(folder.logs.absolute(), max_num_timeout=self.settings.max_num_timeout)
        executor.update_parameters(
            timeout_min=self.settings.timeout_min,
            signal_delay_s=self.settings.signal_delay_s,
            setup=self.settings.setup,
        )
        # Ctrl-C and the end of a terminal concern this command; the processes inherit that they never hear of either.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
        try:
            for job in jobs:
                executor.submit(SubmittedJob(folder.path.absolute(), job.number))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return "started"


class Slurm(_Submitted):
    """An array of SLURM jobs."""

    keys = settings.Slurm

    def pack(self, count: int) -> list[list[int]]:
        """Put `pack` runs into each job."""
        return [list(pack) for pack in _portions(range(count), self.settings.pack)]

    def describe(self, jobs: int) -> str:
        """Say what each job asks for."""
        asked = self.settings
        words = [f"partition {asked.partition}"] if asked.partition else []
        words += [f"{asked.gpus_per_node} GPU"] if asked.gpus_per_node else []
        words += [plural(asked.cpus_per_task, "CPU"), f"{asked.mem_gb:g} GB"] if asked.mem_gb else []
        words += [f"at most {duration(60 * asked.timeout_min)}"]
        packed = f" of up to {plural(asked.pack, 'run')}" if asked.pack > 1 else ""
        return f"SLURM: {plural(jobs, 'job')}{packed}, each with {', '.join(words)}"

    def hint(self, plan: Plan) -> str:
        """Say when a GPU is asked for in vain."""
        idle = any(item.config["hardware"]["accelerator"] == "cpu" for item in plan.todo)
        return (
            "the jobs ask for a GPU that hardware=cpu does not use: add hardware=gpu"
            if self.settings.gpus_per_node and idle
            else ""
        )

    def submit(self, folder: SweepFolder, jobs: Sequence[SweepJob]) -> str:
        """Submit the jobs as an array (as several, where there are more than SLURM takes).

        Raises:
            UserError: there is no SLURM here, or it refuses.
        """
        if shutil.which("sbatch") is None:
            raise UserError(
                f"hydra/launcher={self.name}: there is no sbatch here; log in to the cluster, or choose joblib"
            )
        from submitit.core.utils import FailedJobError, FailedSubmissionError

        from ganx.launch.job import SubmittedJob

        ids: dict[int, str] = {}
        try:
            for array in _portions(jobs, _LARGEST_ARRAY):
                calls = [SubmittedJob(folder.path.absolute(), job.number) for job in array]
                with redirect_stderr(StringIO()):  # submitit prints there what it raises, too
                    sent = self._executor(folder).submit_array(calls)
                ids |= {job.number: one.job_id for job, one in zip(array, sent, strict=True)}
            folder.name_jobs(ids)
        except (FailedJobError, FailedSubmissionError) as error:
            if ids:  # an array before this one
                cancel(*ids.values())
            raise UserError(f"SLURM refuses: {_of_sbatch(str(error))}") from error
        except BaseException:  # Ctrl-C, a full disk: jobs may be there by now, and nobody would know of them
            cancel(f"--name={_job_name(folder)}", f"--user={getpass.getuser()}")
            raise
        arrays = sorted({one.partition("_")[0] for one in ids.values()}, key=int)
        return f"sent as SLURM job{'s' if len(arrays) > 1 else ''} {', '.join(arrays)}"

    def _executor(self, folder: SweepFolder) -> Any:
        from submitit import SlurmExecutor

        asked = self.settings
        executor = SlurmExecutor(folder.logs.absolute(), max_num_timeout=asked.max_num_timeout)
        executor.update_parameters(
            job_name=_job_name(folder),
            time=asked.timeout_min,
            mem=None if asked.mem_gb is None else f"{round(1024 * asked.mem_gb)}MB",
            wckey=None,  # submitit's own would be refused where such keys are checked
            additional_parameters={"requeue": True} | asked.additional_parameters,  # whatever the cluster's default is
            **{key: getattr(asked, key) for key in _PASSED_ON if getattr(asked, key) not in (None, [], {})},
        )
        return executor


def _job_name(folder: SweepFolder) -> str:
    return f"ganx-{folder.path.name}"


def _of_sbatch(text: str) -> str:
    """Return what sbatch itself has said, without submitit's words around it."""
    said = [line.partition("sbatch: error: ")[2].strip() for line in text.splitlines() if "sbatch: error: " in line]
    return "; ".join(said) or " ".join(text.split())


def _portions(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


#: Keys that submitit knows by the same name.
_PASSED_ON = (
    "partition",
    "account",
    "qos",
    "constraint",
    "comment",
    "gpus_per_node",
    "cpus_per_task",
    "signal_delay_s",
    "array_parallelism",
    "setup",
)
