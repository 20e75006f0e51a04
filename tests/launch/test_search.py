"""Searches: what is refused, what is stopped early, and what becomes of a search that is killed."""

from __future__ import annotations

import signal
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import NamedTuple

import optuna
import pytest
from optuna.trial import TrialState

from ganx import cli
from ganx.compose import compose
from ganx.errors import RunError, UserError
from ganx.launch import study as studies
from ganx.launch.folder import Ended
from ganx.launch.plan import Item
from ganx.launch.search import _Trials
from ganx.launch.settings import Search
from ganx.launch.study import Watch, open_study
from ganx.run import life
from ganx.run.folder import RunFolder
from tests.processes import until

TINY = ["model=gain", "dataset=wine", "protocol.folds=2", "model.steps=40", "model.validate_every=10", "search=none"]
RATE = "optimizer.lr=tag(log,interval(1e-4,1e-2))"


class Answer(NamedTuple):
    code: int
    out: str
    err: str


pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


@pytest.fixture
def train(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    def run(*argv: str) -> Answer:
        code = cli.main(["train", *argv])
        return Answer(code, *capsys.readouterr())

    return run


def trials(name: str = "gain-wine") -> list[optuna.trial.FrozenTrial]:
    return studies._load(Path("outputs/studies", f"{name}.log")).trials


def runs() -> list[RunFolder]:
    return [RunFolder(path) for path in Path("outputs/runs").glob("*/[!.]*")]


# --- the space --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("model.hide=interval(0,0.5)", "model.hide: 0.0 ... 0.5"),
        ("model.alpha=tag(log,interval(1,100))", "model.alpha: 1.0 ... 100.0, log"),
        ("model.batch_size=int(interval(8,64))", "model.batch_size: 8 ... 64"),
        ("model.batch_size=tag(log,int,interval(8,64))", "model.batch_size: 8 ... 64, log"),
        ("model.batch_size=range(8,65,step=8)", "model.batch_size: 8 ... 64, step 8"),
        ("model.hide=range(0,0.5,0.1)", "model.hide: 0.0 ... 0.4, step 0.1"),
        ("model.hint=authors,paper", "model.hint: authors | paper"),
        ("model.hidden.g=choice([8],[8,8])", "model.hidden.g: [8] | [8,8]"),
        ("++model.lr_scale.d=interval(1,2)", "++model.lr_scale.d: 1.0 ... 2.0"),
        ("optimizer=adam,adamw", "optimizer: adam | adamw"),
    ],
)
def test_hydras_syntax(train, word, shown):
    answer = train(*TINY, word, "plan=true")
    assert answer.code == 0, answer.err
    assert answer.out.splitlines()[:2] == ["study gain-wine: 0 of 30 trials finished; 1 key to choose", f"  {shown}"]
    assert not list(Path().iterdir())


def test_the_command_line_has_the_last_word(train, tmp_path_factory):
    own = tmp_path_factory.mktemp("own")
    (own / "search").mkdir()
    (own / "search" / "mine.yaml").write_text("params: {model.hide: 'interval(0, 1)', model.alpha: '1, 2', seed: 3}")
    words = ["--config-dir", str(own), *TINY[:-1], "search=mine", "plan=true"]
    assert train(*words).out.splitlines()[1:3] == ["  model.hide: 0.0 ... 1.0", "  model.alpha: 1 | 2"]
    assert train(*words, "model.hide=0.1", "model.alpha=1,5").out.splitlines()[1] == "  model.alpha: 1 | 5"
    assert "2 keys" in train(*words, "model.hint_rate=0.1,0.2", "model.alpha=1").out


def test_a_search_under_the_published_protocol_says_that_it_looks_at_the_test_rows(train):
    assert "looks at the test rows" in train(*TINY, RATE, "protocol=paper", "plan=true").out
    assert "looks at the test rows" not in train(*TINY, RATE, "plan=true").out


@pytest.mark.parametrize("name", ["gain", "hexagan"])
def test_every_committed_space_fits_its_model(train, name):
    answer = train(f"model={name}", f"search={name}", "plan=true")
    assert answer.code == 0, answer.err
    assert train(f"model={name}", "hydra/sweeper=optuna", "plan=true").out == answer.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("", "nothing to search: name a space (search=NAME; gain, hexagan, none), or leave values open"),
        ("search=gian", "search=gian: no such search; did you mean 'gain'?"),
        ("model.hdie=interval(0,1)", "unknown key 'model.hdie'; did you mean 'hide'?"),
        ("model.hide=interval(0,2)", "model.hide=2.0: expected a number in [0, 1]"),
        ("model.hide=interval(1,0)", "model.hide=interval(1,0): `low <= high` must hold"),
        ("model.hide=tag(log,interval(0,1))", "model.hide=tag(log,interval(0,1)): `low > 0` must hold"),
        ("model.hide=tag(lg,interval(0,1))", "model.hide=tag(lg,interval(0,1)): unknown tag lg"),
        ("model.batch_size=interval(8,64)", "model.batch_size=8.0: expected an integer >= 1"),
        ("model.batch_size=range(8,8)", "model.batch_size=range(8,8): the range is empty"),
        ("model.hint=paper,author", "model.hint=author: expected one of paper, authors; did you mean 'authors'?"),
        (f"{RATE} n_trials=0", "sweeper.n_trials=0: expected an integer >= 1"),
        (f"{RATE} sweeper.n_trails=3", "unknown key 'sweeper.n_trails'; did you mean 'n_trials'?"),
        (f"{RATE} sweeper.metric=f1", "sweeper.metric=f1: model=gain has rmse_row only"),
        (f"{RATE} study=a/b", "study=a/b: letters, digits, - and _ only"),
        (f"{RATE} protocol.selection=last", "model=gain has no validation metric that a search could improve"),
        (f"{RATE} hydra/launcher=slurm detach=true", "a search waits for its trials"),
        (f"{RATE} hydra/launcher=basic", "hydra/launcher=basic is not one of ganx's"),
        (f"{RATE} dataset=csv dataset.path=nope.csv", "cannot read nope.csv"),
        ("model=knn seed=0,1", "model=knn has no validation metric that a search could improve: it is not trained"),
        ("experiment=pipeline_gain_cs seed=0,1 sweeper.prune=true", "sweeper.prune=true: a pipeline cannot be stopped"),
        (f"{RATE} hydra/sweeper=grid", "unknown key 'sweeper.search'; choose from plan"),
    ],
)
def test_refusals(train, words, told):
    usual = {"model": "gain", "dataset": "wine"} if "experiment" not in words else {"dataset": "wine"}
    given = {word.partition("=")[0] for word in words.split()}
    answer = train(*(f"{key}={name}" for key, name in usual.items() if key not in given), "search=none", *words.split())
    assert answer.code == 2, answer
    assert answer.out == ""
    assert answer.err.startswith(f"ganx: {told}")
    assert answer.err.count("\n") == 1
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("model=gain,hexagan model.steps=20", "  model: gain | hexagan"),
        ("model=glob([gai*,hex*]) model.steps=20", "  model: gain | hexagan"),
        ("model=gain optimizer=sgd,adam optimizer.lr=.01", "  optimizer: sgd | adam"),
        ("experiment=gain_paper,gain_authors model.steps=20", "  experiment: gain_paper | gain_authors"),
    ],
)
def test_a_group_may_be_searched_beside_its_own_keys(train, words, told):
    answer = train("dataset=wine", "search=none", *words.split(), "plan=true")
    assert answer.code == 0, answer.err
    assert told in answer.out.splitlines()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("model=gain,mlp", "sweeper.metric=rmse_row: model=mlp has f1 only"),
        ("model=gain,knn", "model=knn has no validation metric that a search could improve: it is not trained"),
        ("model=gain loss=nonsaturating,hinge", "loss=hinge: gain cannot be trained with it"),
        ("model=gain,hexagan model.hint=paper", "unknown key 'model.hint'"),
        (f"model=gain {RATE} sweeper.metric=rmse_rwo", "sweeper.metric=rmse_rwo: no state is selected by it; did you"),
    ],
)
def test_no_choice_of_a_group_may_be_impossible(train, words, told):
    answer = train("dataset=wine", "search=none", *words.split(), "plan=true")
    assert answer.code == 2
    assert answer.err.startswith(f"ganx: {told}")
    assert answer.err.count("\n") == 1
    assert not list(Path().iterdir())


def test_an_interval_without_a_search(train):
    answer = train("-m", *TINY[:-1], RATE)
    assert answer == (2, "", f"ganx: {RATE}: an interval is for a search: add hydra/sweeper=optuna\n")


# --- the study --------------------------------------------------------------------------------------------------------


def study(**definition: str) -> optuna.Study:
    return open_study(Path("s.log"), definition, more_is_better=False, seed=0)


SPACE: dict[str, optuna.distributions.BaseDistribution] = {"x": optuna.distributions.FloatDistribution(0, 1)}


def test_a_study_is_about_one_thing():
    study(x="0 ... 1")
    study(x="0 ... 1")
    with pytest.raises(UserError, match=r"study=s has searched something else \(x, y\): give another study=NAME"):
        study(x="0 ... 2", y="1")


def test_a_study_that_goes_on_draws_other_trials():
    first = study().ask(SPACE)
    assert study().ask(SPACE).params != first.params


def test_an_unfinished_last_line_is_dropped_and_a_damaged_file_is_told():
    study().ask(SPACE)
    whole = Path("s.log").read_bytes()
    Path("s.log").write_bytes(whole + b'{"op_code":')
    assert len(study().trials) == 1
    assert Path("s.log").read_bytes() == whole
    Path("s.log").write_bytes(b"nonsense\n" + whole)
    with pytest.raises(UserError, match=r"s.log is damaged .*; give another study=NAME"):
        study()


def finish(curve: list[float]) -> None:
    trial = study().ask(SPACE)
    for step, value in enumerate(curve):
        trial.report(value, 10 * step)
    study().tell(trial.number, curve[-1])


def watch(warmup: int | None = 10) -> Watch:
    return Watch("s.log", study().ask(SPACE).number, "rmse_row", warmup)


def test_a_run_that_is_behind_is_stopped_after_the_warmup():
    for i in range(studies._TRIALS_BEFORE_PRUNING):
        finish([0.3, 0.2 + 0.01 * i, 0.1])
    bad, good = watch(), watch()
    assert not bad(0, {"rmse_row": 0.9})
    assert bad(10, {"rmse_row": 0.9})
    assert bad.pruned_at == 10
    assert study().trials[bad.number].user_attrs == {"pruned": 10}
    assert not good(10, {"rmse_row": 0.1})
    assert not good(10, {"rmse_row": 0.9})  # once more, from a checkpoint
    assert not good(20, {"rmse_row": 0.1, "f1": 0.0})
    assert study().trials[good.number].intermediate_values == {10: 0.1, 20: 0.1}


def test_nothing_is_stopped_without_comparison_without_figures_or_without_the_wish():
    finish([0.3, 0.2, 0.1])
    assert not watch()(10, {"rmse_row": 0.9})
    assert not watch()(10, {"rmse_row": float("inf")})
    assert not watch()(10, {})
    silent = watch(warmup=None)
    assert not silent(10, {"rmse_row": 0.9})
    assert study().trials[silent.number].intermediate_values == {}


def test_a_run_goes_on_when_its_study_cannot_be_reached(capsys):
    lost = Watch("nowhere.log", 0, "rmse_row", 0)
    assert not lost(10, {"rmse_row": 0.9})
    assert not lost(20, {"rmse_row": 0.9})
    assert capsys.readouterr().out.count("will not be stopped early") == 1


def test_replicas_in_turn_are_compared_when_the_last_ones_get_there():
    words = [*TINY[:-1], "model.max_replicas=1", "hardware.workers=1"]
    seen: list[int] = []

    def stop_at_20(step: int, best: dict[str, float]) -> bool:
        assert set(best) == {"rmse_row"}
        seen.append(step)
        return step == 20

    assert life.train(compose("train", words), words, watch=stop_at_20) == 128 + signal.SIGTERM
    assert seen == [10, 20]
    (run,) = runs()
    assert run.state() == "interrupted"
    assert cli.main(["train", *words]) == 0
    assert run.state() == "done"


# --- trials that do not end -------------------------------------------------------------------------------------------


class Broken:
    """A launcher that has no trial done; it tells of each what it is given in turn."""

    at_once, name, here = 2, "broken", True

    def __init__(self, *ends: Ended | Exception | None) -> None:
        self.ends = list(ends)
        self.loader = self
        self.argv = self.flags = ["x"]

    def do(self, requests, sweep, told):
        for request in requests:
            end = self.ends.pop(0)
            if isinstance(end, Exception):
                raise end
            told(Item(request, {}, RunFolder(Path("nowhere")), "to run"), end)


def search(launcher: Broken, n_trials: int) -> int:
    asked = Search("none", None, n_trials, None, None, None, 0, False)
    return _Trials(study(), asked, launcher, Path("a/b/s.log").absolute(), [], SPACE, "rmse_row", None).run()  # type: ignore[arg-type]


def states() -> list[str]:
    return [trial.state.name for trial in study().trials]


def test_whoever_stops_a_trial_stops_the_search(capsys):
    assert search(Broken(Ended(1, 1.0, "loss g is nan"), Ended(143, 1.0)), n_trials=4) == 1
    assert states() == ["FAIL", "RUNNING"]
    assert "[1/4] x=" in (told := capsys.readouterr().out)
    assert "failed: loss g is nan (1 s)" in told
    assert told.endswith("1 trial stopped; the same command goes on\n")


def test_a_trial_that_dies_gets_a_second_chance(capsys):
    bad = Ended(2, 1.0, "bad")
    with pytest.raises(RunError, match="no trial of study s has come to a good end"):
        search(Broken(None, bad, None, bad), n_trials=3)
    assert states() == ["FAIL", "FAIL", "FAIL"]
    assert "died twice" in capsys.readouterr().out
    assert search(Broken(None, None), n_trials=5) == 1  # all of a batch: they were cancelled
    assert states()[3:] == ["RUNNING", "RUNNING"]


def test_a_process_that_the_system_kills_does_not_end_the_search(capsys):
    killed = BrokenProcessPool("a worker was terminated")
    with pytest.raises(RunError, match="no trial of study s has come to a good end"):
        search(Broken(killed, killed), n_trials=2)
    assert states() == ["FAIL", "FAIL"]
    assert capsys.readouterr().err == "ganx: a worker was terminated\n" * 2


def test_what_a_killed_command_left_is_settled():
    for done in ({"pruned": 10}, {}, {}):
        trial = study().ask(SPACE if done else {})
        for key, value in done.items():
            trial.set_user_attr(key, value)
    assert search(Broken(Ended(143, 1.0)), n_trials=4) == 1
    assert states() == ["PRUNED", "FAIL", "FAIL", "RUNNING"]


# --- from the command line --------------------------------------------------------------------------------------------


def test_a_search_stops_what_is_behind_and_ends_with_a_command_line(train, monkeypatch):
    monkeypatch.setattr(studies, "_TRIALS_BEFORE_PRUNING", 1)
    slow = "optimizer.lr=choice(1e-3,1e-8,1e-9)"
    answer = train(*TINY, slow, "n_trials=6")
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert lines[2].startswith("[1/6] optimizer.lr=0.001: validation rmse_row 0.")  # what there is now comes first
    assert ", the best so far (" in lines[2]
    assert sum("pruned at step 20" in line for line in lines) >= 1
    assert lines[-2].startswith("best by validation rmse_row, 0.")
    assert lines[-1] == " ".join(["ganx", "train", *TINY[:-1], "optimizer.lr=0.001"])
    best = min(trial.value for trial in trials() if trial.state is TrialState.COMPLETE)
    assert lines[-2] == f"best by validation rmse_row, {best:.4f}:"
    assert {run.state() for run in runs()} == {"done", "interrupted"}  # ganx train goes on with a stopped one
    (sweep,) = Path("outputs/sweeps").glob("[!.]*")
    assert cli.main(["status", sweep.name]) == 0


def test_processes_of_their_own_and_a_trial_that_fails(train, capsys):
    words = [*TINY, "optimizer.lr=choice(1e-3,1e30)", "n_trials=4", "launcher=joblib", "launcher.n_jobs=2"]
    answer = train(*words, "sweeper.seed=1")
    assert answer.code == 0, answer
    assert "failed: replica (0,0): loss" in answer.out
    assert {trial.state for trial in trials()} == {TrialState.COMPLETE, TrialState.FAIL}
    assert len(runs()) == 2  # the same choice once more costs nothing
    again = train(*words, "n_trials=4")
    assert again.out.splitlines()[0] == "study gain-wine: 4 of 4 trials finished; 1 key to choose"
    assert again.out.splitlines()[-1] == answer.out.splitlines()[-1]
    refused = train(*words, "seed=1")
    assert refused.err.startswith("ganx: study=gain-wine has searched something else (")
    assert len(trials()) == 4


def test_kill_9_and_go_on(train, start):
    words = [*TINY, "model.steps=400", RATE, "n_trials=3"]
    process = start("train", *words, GANX_CHECKPOINT_SECONDS="0.1")
    until(lambda: "[1/3]" in process.out)
    until(lambda: any(run.state() == "running" and run.checkpoint.exists() for run in runs()))
    process.send(signal.SIGSTOP)  # so that it gets no further meanwhile
    second = train(*words)
    assert second.code == 1
    assert "is searched by another command" in second.err
    process.send(signal.SIGKILL)
    process.wait()
    assert [trial.state.name for trial in trials()] == ["COMPLETE", "RUNNING"]
    answer = train(*words)
    assert answer.code == 0, answer.err
    assert answer.out.startswith("study gain-wine: 1 of 3 trials finished")
    assert "[2/3]" in answer.out
    assert "going on from step" in "".join(log.read_text() for log in Path("outputs/sweeps").glob("*/logs/0.log"))
    assert [trial.state.name for trial in trials()] == ["COMPLETE"] * 3
    assert len(runs()) == 3
