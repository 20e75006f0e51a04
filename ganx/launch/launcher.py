"""Launchers: what does, or sends away, the runs of a sweep. Hydra finds them by conf/hydra/launcher/NAME.yaml."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, ClassVar

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from ganx.checks import check_keys
from ganx.errors import UserError
from ganx.launch import settings
from ganx.launch.check import check_runs
from ganx.launch.folder import SweepFolder, SweepJob, SweepRun, all_sweeps, planning
from ganx.launch.plan import Config, Item, Plan, Request, identify, make_plan, unfinished
from ganx.launch.state import queue_of
from ganx.launch.tell import Teller, Told, show_metrics, show_plan
from ganx.launch.wait import wait_for_others
from ganx.run.lock import RunLock
from ganx.targets import config_dirs
from ganx.types import check


class SweepLauncher(Launcher):
    """Plans a sweep, freezes its configurations, and has its runs done. What differs is `pack`, `submit` and `work`."""

    keys: ClassVar[type]
    #: What `hardware.workers=auto` means, where the launcher brings processes of its own.
    workers: ClassVar[int | None] = None
    #: Whether the command itself does the runs.
    here: ClassVar[bool] = True
    #: Whether a run of `ganx train -m` says itself what it does.
    loud: ClassVar[bool] = False

    def __init__(self, **values: Any) -> None:
        """Hydra gives the keys here; they are checked in `setup`, whose complaints it passes on as they are."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Check the keys, and take note of what Hydra knows.

        Raises:
            UserError: a key has a wrong value.
        """
        values: Any = OmegaConf.to_container(config.hydra.launcher, resolve=True)
        del values["_target_"]
        self.settings: Any = self.keys(**check_keys("launcher", values, self.keys))
        self.loader: Any = hydra_context.config_loader
        self.name: str = config.hydra.runtime.choices["hydra/launcher"]
        self.plan_only: bool = check("plan", config.hydra.sweeper.get("plan", False), bool)

    @property
    def detached(self) -> bool:
        """Whether the command ends when the runs are sent away."""
        return bool(getattr(self.settings, "detach", False))

    @property
    def at_once(self) -> int:
        """How many trials a search has under way, unless it is told."""
        return 1

    # --- what differs between launchers ------------------------------------------------------------------------

    @abstractmethod
    def pack(self, count: int) -> list[list[int]]:
        """Share the runs 0 ... count - 1 among jobs."""

    @abstractmethod
    def describe(self, jobs: int) -> str:
        """Say what the jobs are and ask for."""

    def hint(self, plan: Plan) -> str:
        """Say what looks like a mistake; empty when nothing does."""
        return ""

    def submit(self, folder: SweepFolder, jobs: Sequence[SweepJob]) -> str:
        """Send jobs away, if that is what the launcher does, and say so. Whatever it raises, no job is left behind.

        Raises:
            UserError: they are refused.
        """
        return ""

    @abstractmethod
    def work(self, folder: SweepFolder, jobs: Sequence[SweepJob], teller: Teller) -> None:
        """Do the runs of jobs, or wait for them, and tell how each ended."""

    # --- what all do -------------------------------------------------------------------------------------------

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Do a sweep of `ganx train -m`; each JobReturn holds an exit code."""
        names = _names(job_overrides)
        requests = [Request(name, list(words)) for name, words in zip(names, job_overrides, strict=True)]
        return [_returned(code) for code in self.do(requests, strict=True, loud=self.loud)]

    def do(
        self,
        requests: Sequence[Request],
        *,
        title: str = "",
        command: str = "train",
        strict: bool = False,
        loud: bool = False,
        sweep: SweepFolder | None = None,
        told: Told | None = None,
    ) -> list[int]:
        """Do the runs that are asked for; return the exit code of each. Empty: they are planned or sent away only.

        Args:
            title: of the sweep; empty: method and data set of the first run.
            command: of ganx, which the sweep remembers.
            strict: refuse all where one is impossible, and show the metrics of all in the end.
            loud: each run says what it does; else there is a line for each.
            sweep: goes on with that sweep instead of a new one.
            told: tells of each run, once or more; neither plan nor lines are printed.

        Raises:
            UserError: a run is impossible, or the jobs are refused.
            SystemExit: a signal stopped a run in this process.
        """
        composed = [self._compose(request) for request in requests]
        items = identify(requests, composed, self.loader.extra, published=command == "tables")
        if strict:
            self._check(items)
        outputs = _outputs(items)
        if self.plan_only:
            self._show(make_plan(items, queue_of(*all_sweeps(outputs))))
            return []
        with ExitStack() as stack:
            with planning(outputs):  # until the runs are claimed
                plan = make_plan(items, queue_of(*all_sweeps(outputs)))
                if told is None:
                    self._show(plan)
                teller = Teller(plan, loud, told)
                if plan.todo:
                    words = ["ganx", command, *self.loader.argv]
                    title = title or _title(plan)
                    folder = sweep or SweepFolder.create(outputs, title, words, self.name, self.here)
                    jobs = self._send(folder, plan, teller, keep=sweep is not None)
                    stack.enter_context(RunLock(folder.heartbeat))
            if self.detached:
                return []
            teller.end_impossible()
            if plan.todo:
                self.work(folder, jobs, teller)
        if abandoned := wait_for_others(plan.elsewhere):
            self.do([item.request for item in abandoned], title=title, command=command, sweep=sweep, told=told)
        if told is not None:
            for item in plan.items:
                if item.state not in ("to run", "impossible"):
                    told(item, None)
        if strict:
            show_metrics(plan, self.loader.flags)
        return [teller.code(item) for item in plan.items]

    def _compose(self, request: Request) -> Config | UserError:
        try:
            config: Config = self.loader.plain(self.loader.compose(request.overrides))
        except UserError as error:
            return error
        if self.workers is not None and config["hardware"]["workers"] == "auto":
            config["hardware"]["workers"] = self.workers
        return config

    def _check(self, items: Sequence[Item]) -> None:
        """Refuse all runs where one is impossible, or left to do and refused by its method.

        Raises:
            UserError: what is wrong with the first such run.
        """
        wrong = [item for item in items if item.state == "impossible"]
        if not wrong:
            todo = unfinished(items)
            refused = check_runs([item.config for item in todo], self.loader.extra)
            wrong = [replace(item, told=str(why)) for item, why in zip(todo, refused, strict=True) if why is not None]
        if wrong:
            where = "" if len(wrong) == len(items) else f" (run {wrong[0].request.name})"
            raise UserError(f"{wrong[0].told}{where}")

    def _show(self, plan: Plan) -> None:
        jobs = len(self.pack(len(plan.todo)))
        show_plan(plan, jobs, self.describe(jobs), self.hint(plan), every=self.plan_only)

    def _send(self, folder: SweepFolder, plan: Plan, teller: Teller, *, keep: bool) -> list[SweepJob]:
        """Freeze the runs into the sweep's folder, and submit the jobs; without a job there is no folder."""
        first = len(folder.read().runs)
        targets, modules = sorted(self.loader.extra), [str(path) for path in config_dirs(self.loader.argv)]
        runs, configs = [], []
        for number, item in enumerate(plan.todo, first):
            argv = [*item.request.overrides, *self.loader.flags]
            runs.append(SweepRun(number, item.request.name, argv, str(item.folder), item.request.metric))
            trial = item.request.trial
            configs.append({"config": item.config, "targets": targets, "modules": modules, "trial": trial})
            teller.expect(number, item)
        packs = [[first + i for i in pack] for pack in self.pack(len(runs))]
        jobs = folder.add(runs, configs, packs)
        try:
            sent = self.submit(folder, jobs)
        except BaseException:
            if not keep:
                folder.remove()
            raise
        if sent:
            name = folder.path.name
            print(f"{sent}; ganx status {name} shows them, ganx cancel {name} stops them", flush=True)
        return folder.read().jobs[-len(jobs) :]


class Local(SweepLauncher):
    """One run after another, in this process."""

    keys = settings.Local
    loud = True

    def pack(self, count: int) -> list[list[int]]:
        """Make one job."""
        return [list(range(count))] if count else []

    def describe(self, jobs: int) -> str:
        """Say where."""
        return "one after another, here"

    def work(self, folder: SweepFolder, jobs: Sequence[SweepJob], teller: Teller) -> None:
        """Do the runs."""
        from ganx.launch.job import do_job  # torch

        for job in jobs:
            code = do_job(folder, job.number, loud=teller.loud, begun=teller.begin, ended=teller.end)
            if code > 128:
                raise SystemExit(code)


class Joblib(SweepLauncher):
    """Processes of this machine, a run each."""

    keys = settings.Joblib
    workers = 1

    def pack(self, count: int) -> list[list[int]]:
        """Make a job of each run."""
        return [[i] for i in range(count)]

    def describe(self, jobs: int) -> str:
        """Say where, and how many at a time."""
        return f"{min(jobs, self.n_jobs)} at a time, here"

    @property
    def at_once(self) -> int:
        """As many as there are processes."""
        return self.n_jobs

    @property
    def n_jobs(self) -> int:
        """How many runs go on at a time."""
        asked: int = self.settings.n_jobs
        return asked if asked > 0 else len(os.sched_getaffinity(0))

    def work(self, folder: SweepFolder, jobs: Sequence[SweepJob], teller: Teller) -> None:
        """Do the runs."""
        from joblib import Parallel, delayed

        from ganx.launch.job import do_job, stopped_by_signals

        parallel = Parallel(n_jobs=self.n_jobs, return_as="generator_unordered", batch_size=1)
        worst = 0
        with stopped_by_signals():  # joblib ends its processes then; their runs go on from checkpoints
            for code, runs in parallel(delayed(_with_runs)(do_job, folder, job) for job in jobs):
                worst = max(worst, code)
                for number in runs:
                    teller.end(folder, number)
        if worst > 128:
            raise SystemExit(worst)


def _with_runs(do: Callable[[SweepFolder, int], int], folder: SweepFolder, job: SweepJob) -> tuple[int, list[int]]:
    return do(folder, job.number), job.runs


def _names(job_overrides: Sequence[Sequence[str]]) -> list[str]:
    """Return for each run the overrides in which it differs from another one; all of them for a single run."""
    common = set.intersection(*map(set, job_overrides)) if len(job_overrides) > 1 else set()
    return [" ".join([word for word in words if word not in common] or words) for words in job_overrides]


def _outputs(items: Sequence[Item]) -> str:
    places = list(dict.fromkeys(item.config["outputs"] for item in items if item.config))
    if len(places) > 1:
        raise UserError(f"outputs={','.join(places)}: a sweep has one folder for its runs")
    return places[0] if places else "outputs"


def _title(plan: Plan) -> str:
    config = plan.todo[0].config
    return f"{config['model']['name']}-{config['dataset']['name']}"


def _returned(code: int) -> JobReturn:
    return JobReturn(_return_value=code, status=JobStatus.COMPLETED)
