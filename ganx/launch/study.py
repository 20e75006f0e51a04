"""A study: the trials of a search in a file, which the search and the runs themselves read and write at once."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from pathlib import Path

import optuna
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import Trial

from ganx.errors import UserError
from ganx.files import refusing

_TRIALS_BEFORE_PRUNING = 5

optuna.logging.set_verbosity(optuna.logging.ERROR)  # ganx tells what there is to tell
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)


def open_study(file: Path, definition: Mapping[str, str], *, more_is_better: bool, seed: int) -> optuna.Study:
    """Return the study in `file`, or begin it there.

    Args:
        definition: what is searched, in words; it must be the same whenever a search goes on.

    Raises:
        UserError: the study is about something else, or damaged.
    """
    with refusing(file):
        begun = file.exists() and file.stat().st_size > 0
        if begun:
            _mend(file)
        study = _load(file) if begun else _begin(file, definition, more_is_better)
    stored = study.user_attrs.get("definition", {})
    other = [key for key in {**stored, **definition} if stored.get(key) != definition.get(key)]
    if other:
        more = f" and {len(other) - 3} more" if len(other) > 3 else ""
        raise UserError(
            f"study={file.stem} has searched something else ({', '.join(other[:3])}{more}): give another study=NAME"
        )
    # One that goes on must not draw again what it has drawn already.
    sampler = TPESampler(seed=seed + len(study.get_trials(deepcopy=False)), constant_liar=True)
    return _load(file, sampler)


def _begin(file: Path, definition: Mapping[str, str], more_is_better: bool) -> optuna.Study:
    study = optuna.create_study(
        study_name=file.stem, storage=_storage(file), direction="maximize" if more_is_better else "minimize"
    )
    study.set_user_attr("definition", dict(definition))
    return study


def _load(file: Path, sampler: BaseSampler | None = None, pruner: BasePruner | None = None) -> optuna.Study:
    try:
        return optuna.load_study(
            study_name=file.stem, storage=_storage(file), sampler=sampler, pruner=pruner or NopPruner()
        )
    except (ValueError, KeyError) as error:
        raise UserError(
            f"{file} is damaged ({error}); give another study=NAME, whose finished runs cost nothing"
        ) from error


def _storage(file: Path) -> JournalStorage:
    return JournalStorage(JournalFileBackend(str(file)))


def _mend(file: Path) -> None:
    """Drop a last line that a full disk or a power cut has left unfinished."""
    content = file.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with file.open("r+b") as opened:
            opened.truncate(whole)


class Watch:
    """Tells a study how far a run is, and the run whether it may stop: at this step, most others were better.

    Where the study cannot be reached, the run goes on: it is worth more than what stopping it would save.

    Args:
        file: of the study.
        number: of the trial in it.
        metric: what is reported, the best so far.
        warmup: steps before which no run is stopped; None stops none.
    """

    def __init__(self, file: str, number: int, metric: str, warmup: int | None) -> None:
        self.file, self.number, self.metric, self.warmup = Path(file), number, metric, warmup
        self.pruned_at: int | None = None
        self._trial: Trial | None = None
        self._reported = -1

    def __call__(self, step: int, best: Mapping[str, float]) -> bool:
        """Report; return whether the run may stop."""
        value = best.get(self.metric, math.nan)
        if self.warmup is None or not math.isfinite(value):
            return False
        try:
            trial = self._trial = self._trial or self._find()
            if step > self._reported:  # a run that goes on from a checkpoint passes some steps twice
                trial.report(value, step)
                self._reported = step
            if trial.should_prune():
                trial.set_user_attr("pruned", step)
                self.pruned_at = step
        except (OSError, RuntimeError, ValueError, UserError) as error:
            print(f"study {self.file} cannot be reached ({error}); this run will not be stopped early", flush=True)
            self.warmup = None
        return self.pruned_at is not None

    def _find(self) -> Trial:
        pruner = MedianPruner(n_startup_trials=_TRIALS_BEFORE_PRUNING, n_warmup_steps=self.warmup or 0)
        study = _load(self.file, pruner=pruner)
        stored = study.get_trials(deepcopy=False)[self.number]
        self._reported = max(stored.intermediate_values, default=-1)
        return Trial(study, stored._trial_id)
