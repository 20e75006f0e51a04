"""A search: Optuna asks for trials, a launcher has them done, and what they have reached is told to Optuna.

What counts is a run's best validation metric; the metrics of its test rows are never looked at.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from ganx.checks import check_file_name, check_keys
from ganx.errors import RunError, UserError, nearest
from ganx.files import make_folder, refuse_links
from ganx.launch.check import check_runs
from ganx.launch.folder import Ended, SweepFolder
from ganx.launch.launcher import SweepLauncher
from ganx.launch.plan import Config, Item, Request, identify
from ganx.launch.settings import Search as Asked
from ganx.launch.space import Space, as_words, check_space, describe, present_config, present_values, read_space
from ganx.launch.state import BestValidation, best_validation
from ganx.launch.study import open_study
from ganx.launch.tell import show_best
from ganx.metrics.registry import SELECTING, metric_of
from ganx.run.lock import RunLock, is_alive
from ganx.targets import last_stage, spec
from ganx.text import plural

_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


def search(values: Mapping[str, Any], launcher: SweepLauncher, arguments: list[str]) -> int:
    """Search until `n_trials` are finished, and print the best one as a command line; return the exit code.

    Args:
        values: the keys of the sweeper.
        arguments: the overrides of the command line.

    Raises:
        UserError: the search makes no sense. Nothing has been written.
        RunError: another command does this search, or no trial has ended well.
    """
    asked = Asked(**check_keys("sweeper", dict(values), Asked))
    if launcher.detached:
        raise UserError("a search waits for its trials: leave detach=true out")
    loader = launcher.loader
    metric, steps = _objective(present := present_config(loader, arguments), asked)
    fixed, starting, space = read_space(loader, arguments, asked.search, present["model"]["name"])
    trials = check_space(loader, fixed, space)
    for trial in trials:
        _objective(trial, replace(asked, metric=metric))
    start: Config = loader.plain(loader.compose(starting))
    (item,) = identify([Request("", fixed)], [start], loader.extra)
    if item.state == "impossible":
        raise UserError(item.told)
    for refused in check_runs(trials, loader.extra):
        if refused is not None:
            raise refused
    name = asked.study or f"{start['model']['name']}-{start['dataset']['name']}"
    check_file_name("study", name)
    file = Path(start["outputs"]) / "studies" / f"{name}.log"
    definition = {
        **{key: describe(distribution) for key, distribution in space.items()},
        "the metric": metric,
        "the data or the keys that are fixed": item.folder.path.name,
    }
    if asked.plan and not file.exists():
        _show_plan(asked, launcher, name, space, metric, start, 0)
        return 0
    make_folder(file.parent)
    refuse_links(file)
    with _only_one(file):
        study = open_study(file, definition, more_is_better=metric_of(metric).better == "higher", seed=asked.seed)
        finished = len(study.get_trials(deepcopy=False, states=_FINISHED))
        _show_plan(asked, launcher, name, space, metric, start, finished)
        if asked.plan:
            return 0
        if not study.get_trials(deepcopy=False):
            study.enqueue_trial(present_values(space, start))  # what there is now comes first
        warmup = None if steps is None else steps // 3
        return _Trials(study, asked, launcher, file, fixed, space, metric, warmup).run()


def _objective(config: Config, asked: Asked) -> tuple[str, int | None]:
    """Return the metric to be improved, and the length of a training that may be stopped early.

    Raises:
        UserError: the model has no such metric.
    """
    model = config["model"]
    last = last_stage(model)  # the stage that is selected
    able = spec(last)
    known = [metric.name for metric in SELECTING if metric.needs in able.capabilities]
    if able.fitter != "gradient" or config["protocol"]["selection"] == "last":
        why = "protocol.selection=last looks at none" if able.fitter == "gradient" else "it is not trained"
        raise UserError(f"model={model['name']} has no validation metric that a search could improve: {why}")
    if asked.metric is not None and asked.metric not in known:
        if asked.metric not in (names := [metric.name for metric in SELECTING]):
            raise UserError(f"sweeper.metric={asked.metric}: no state is selected by it{nearest(asked.metric, names)}")
        raise UserError(f"sweeper.metric={asked.metric}: model={model['name']} has {' and '.join(known)} only")
    if asked.prune and last is not model:
        raise UserError("sweeper.prune=true: a pipeline cannot be stopped between its stages")
    prune = last is model if asked.prune is None else asked.prune
    return asked.metric or known[0], last["steps"] if prune else None


def _show_plan(
    asked: Asked, launcher: SweepLauncher, name: str, space: Space, metric: str, start: Config, finished: int
) -> None:
    wanted = "the larger" if metric_of(metric).better == "higher" else "the smaller"
    print(f"study {name}: {finished} of {asked.n_trials} trials finished; {plural(len(space), 'key')} to choose")
    for key, distribution in space.items() if asked.plan else ():
        print(f"  {key}: {describe(distribution)}")
    jobs = len(launcher.pack(asked.n_jobs or launcher.at_once))
    print(f"validation {metric}, {wanted} the better; {launcher.describe(jobs)}", flush=True)
    if start["protocol"]["selection"] == "test":
        print("protocol.selection=test: as the published selection, this search looks at the test rows; it flatters")
    if asked.plan:
        print("plan=true: nothing was started")


@contextmanager
def _only_one(file: Path) -> Iterator[None]:
    """Hold a study; two commands would each wait for the trials of the other."""
    heartbeat = file.with_suffix(".heartbeat")
    if is_alive(heartbeat):
        raise RunError(f"study {file.stem} is searched by another command; wait for it, or give another study=NAME")
    with RunLock(heartbeat):
        yield


@dataclass
class _Trials:
    """The trials of a search, as the launcher does them.

    Attributes:
        fixed: overrides of all trials.
        warmup: steps before which no run is stopped; None stops none.
        left: trials of this batch that did not come to an end, and whether they were stopped (else they died).
    """

    study: optuna.Study
    asked: Asked
    launcher: SweepLauncher
    file: Path
    fixed: list[str]
    space: Space
    metric: str
    warmup: int | None
    left: dict[int, bool] = field(default_factory=dict)

    def run(self) -> int:
        """Do batch after batch, and show the best trial; return the exit code."""
        self._settle()
        launcher, outputs, folder = self.launcher, self.file.parents[1], None
        words = ["ganx", "train", *launcher.loader.argv]
        while batch := self._batch():
            self.left.clear()
            folder = folder or SweepFolder.create(outputs, self.file.stem, words, launcher.name, launcher.here)
            try:
                launcher.do([self._request(trial) for trial in batch], sweep=folder, told=self._told)
            except BrokenProcessPool as error:  # the system has killed a process of joblib, often for its memory
                print(f"ganx: {' '.join(str(error).split())[:200]}", file=sys.stderr)
                for trial in self._under_way():
                    self._died(trial)
            if any(self.left.values()) or len(self.left) == len(batch):  # somebody wants it to end
                print(f"{plural(len(self.left), 'trial')} stopped; the same command goes on")
                return 1
        return self._show_best()

    def _settle(self) -> None:
        """Tell of what a command that was killed has left: trials that were pruned, and those not asked to the end."""
        for trial in self._under_way():
            if "pruned" in trial.user_attrs:
                self.study.tell(trial.number, state=TrialState.PRUNED)
            elif trial.params.keys() != self.space.keys():
                self.study.tell(trial.number, state=TrialState.FAIL)

    def _under_way(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))

    def _finished(self) -> int:
        return len(self.study.get_trials(deepcopy=False, states=_FINISHED))

    def _batch(self) -> list[FrozenTrial | Trial]:
        """Return the trials under way, which nobody does any more, and new ones."""
        size = min(self.asked.n_jobs or self.launcher.at_once, self.asked.n_trials - self._finished())
        batch: list[FrozenTrial | Trial] = list(self._under_way()[: max(size, 0)])
        return batch + [self.study.ask(self.space) for _ in range(size - len(batch))]

    def _request(self, trial: FrozenTrial | Trial) -> Request:
        words = as_words(trial.params)
        told = {"file": str(self.file.absolute()), "number": trial.number, "metric": self.metric, "warmup": self.warmup}
        return Request(" ".join(words), [*self.fixed, *words], self.metric, told)

    def _told(self, item: Item, ended: Ended | None) -> None:
        """Take note of how a trial ended, and say it in a line."""
        assert item.request.trial is not None
        trial = self.study.get_trials(deepcopy=False)[item.request.trial["number"]]
        if trial.state.is_finished() or trial.number in self.left:
            return
        result = None if item.state == "impossible" else item.folder.read_result()
        if "pruned" in trial.user_attrs:
            self._tell(trial, ended, TrialState.PRUNED, f"pruned at step {trial.user_attrs['pruned']}")
        elif result is not None and result["status"] == "done":
            best = best_validation(item.folder, self.metric)
            told = f"validation {self.metric} {best.value:.4f}" if best else f"failed: no validation {self.metric}"
            state = TrialState.COMPLETE if best else TrialState.FAIL
            self._tell(trial, ended, state, told, best.value if best else None)
        elif result is not None or item.state == "impossible" or (ended is not None and ended.code <= 128):
            why = item.told or (ended.error if ended else str((result or {}).get("error")))
            self._tell(trial, ended, TrialState.FAIL, f"failed: {why}")
        else:
            self.left[trial.number] = ended is not None
            if ended is None:
                self._died(trial)

    def _died(self, trial: FrozenTrial) -> None:
        """Give a trial whose process was killed a second chance, not a third."""
        if "died" in trial.user_attrs:
            self._tell(trial, None, TrialState.FAIL, "failed: its process died twice without a word")
        else:
            Trial(self.study, trial._trial_id).set_user_attr("died", True)

    def _tell(
        self, trial: FrozenTrial, ended: Ended | None, state: TrialState, told: str, value: float | None = None
    ) -> None:
        self.study.tell(trial.number, value, state)
        best = ", the best so far" if value is not None and self.study.best_trial.number == trial.number else ""
        seconds = f" ({ended.seconds:.0f} s)" if ended else ""
        name = " ".join(as_words(trial.params))
        sys.stdout.write(f"[{self._finished()}/{self.asked.n_trials}] {name}: {told}{best}{seconds}\n")
        sys.stdout.flush()

    def _show_best(self) -> int:
        """Print the command line of the best trial.

        Raises:
            RunError: there is none.
        """
        if not self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            raise RunError(f"no trial of study {self.file.stem} has come to a good end; ganx status tells more")
        best = self.study.best_trial
        words = [*self.fixed, *as_words(best.params), *self.launcher.loader.flags]
        show_best(BestValidation(self.metric, best.values[0]), words)
        return 0
