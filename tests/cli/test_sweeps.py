"""Sweeps through the real command line, on this machine: plan, launchers, failures, status, cancel, wrong requests.

tests/slurm has the same and more on a real SLURM.
"""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.processes import until

MINE = Path(__file__).parents[1] / "launch" / "mine"
FOLDER = ["--config-dir", str(MINE)]
SMALL = ["model=zeros", "dataset=wine", "protocol.folds=2"]


pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


def sweeps() -> list[Path]:
    return sorted(Path("outputs").glob("sweeps/[!.]*"))


def results() -> list[Path]:
    return sorted(Path("outputs").glob("runs/*/[!.]*/result.json"))


def test_a_plan_is_printed_and_nothing_else_happens(ganx):
    answer = ganx("train", *SMALL, "seed=0,1", "plan=true")
    assert answer.code == 0
    assert answer.out.splitlines() == [
        "2 runs: 0 done, 2 to run",
        "  seed=0: to run",
        "  seed=1: to run",
        "one after another, here; no finished run tells how long it takes",
        "plan=true: nothing was started",
    ]
    assert list(Path().iterdir()) == []


def test_what_is_done_is_not_done_again(ganx):
    assert ganx("train", *SMALL, "seed=1").code == 0
    answer = ganx("train", *SMALL[1:], "-m", "seed=0,1,2", "model=zeros,zeros")
    assert answer.code == 0
    assert answer.out.startswith("6 runs: 1 done, 3 the same as another one, 2 to run\none after another, here; about ")
    assert "by 1 finished run like these" in answer.out
    assert len(results()) == 3
    before = {file: file.stat().st_mtime_ns for file in results()}
    again = ganx("train", *SMALL, "-m", "seed=0,1,2")
    assert again.code == 0
    assert again.out.startswith("3 runs: 3 done, 0 to run\nrun ")
    assert {file: file.stat().st_mtime_ns for file in results()} == before
    assert len(sweeps()) == 1  # of a sweep without anything to do there is no record
    assert "3 runs: 0 done, 3 to run" in ganx("train", *SMALL, "-m", "seed=0,1,2", "force=true").out


@pytest.mark.parametrize(
    "launcher",
    [["-m"], ["hydra/launcher=joblib", "launcher.n_jobs=2"], ["hydra/launcher=submitit_local"]],
    ids=["local", "joblib", "submitit_local"],
)
def test_a_run_that_raises_does_not_stop_the_others_and_status_tells_it_first(ganx, start, launcher):
    words = [*FOLDER, "model=brittle", "dataset=wine", "protocol.folds=2", "model.value=0.1,13,0.2"]
    done = start("train", *words, *launcher).answer()
    assert done.code == 1
    assert done.out.startswith("3 runs: 0 done, 3 to run")
    assert len(results()) == 2
    told = "ArithmeticError: thirteen is too much"
    assert told in done.out + done.err
    first, line, *_ = ganx("status").out.splitlines()
    assert first.startswith(f"failed  model.value=13: {told}")
    assert line.endswith("3 runs: 1 failed, 2 done")
    if launcher != ["-m"]:
        log = Path(first.partition("(log: ")[2].rstrip(")"))
        assert "Traceback" in log.read_text()
    (sweep,) = sweeps()
    assert [line.split()[1] for line in ganx("status", sweep.name).out.splitlines()[-3:]] == ["done", "failed", "done"]
    # Given again, what broke is tried again, and what is done is not.
    again = start("train", *words, *launcher).answer()
    assert again.out.startswith("3 runs: 2 done, 1 to run")


def test_a_configuration_is_frozen_when_the_sweep_is_planned(tmp_path, start):
    folder = tmp_path / "own" / "model"
    folder.mkdir(parents=True)
    text = (MINE / "model" / "brittle.yaml").read_text()
    file = folder / "brittle.yaml"
    file.write_text(text)
    (folder.parent / "brittle.py").write_text((MINE / "brittle.py").read_text())
    words = ["--config-dir", "own", "model=brittle", "dataset=wine", "protocol.folds=2", "seed=0,1", "detach=true"]
    sent = start("train", *words, "hydra/launcher=submitit_local").answer()
    assert sent.code == 0, sent.err
    file.write_text(text.replace("value: 0.5", "value: 13"))  # long before Python has started there
    until(lambda: len(results()) == 2)
    for result in results():
        assert json.loads(result.read_text())["config"]["model"]["value"] == 0.5


def test_two_sweeps_at_once_share_the_work(start):
    words = ["dataset=wine", "protocol.folds=2", "model=hexagan", "model.steps=200", "seed=0,1", "-m"]
    both = [start("train", *words) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    plans = [process.out.splitlines()[0] for process in both]
    plans.remove("2 runs: 0 done, 2 to run")
    assert plans[0].startswith("2 runs: 0 done, 2 done elsewhere (sweep hexagan-wine-")
    assert len(sweeps()) == 1
    assert len(results()) == 2


def test_what_another_sweep_leaves_undone_is_taken_over(start):
    words = ["dataset=wine", "protocol.folds=2", "model=hexagan", "model.steps=200", "seed=0,1", "-m"]
    first = start("train", *words, GANX_CHECKPOINT_SECONDS="0.1")
    until(lambda: list(Path("outputs").glob("runs/wine/*/checkpoints/last.ckpt")))
    first.send(signal.SIGSTOP)  # so that it gets no further meanwhile
    second = start("train", *words, GANX_CHECKPOINT_SECONDS="0.1")
    until(lambda: "\n" in second.out)
    assert "2 done elsewhere" in second.out.splitlines()[0]
    first.send(signal.SIGKILL)
    first.wait()
    assert second.wait() == 0
    assert "2 runs: 0 done, 2 to run" in second.out.partition("\n")[2]
    assert len(results()) == 2


def test_cancel_stops_one_sweep_and_its_runs_go_on_later(ganx, start):
    words = ["dataset=wine", "protocol.folds=2", "model=hexagan", "model.steps=1200"]
    sent = ["hydra/launcher=submitit_local", "launcher.n_jobs=1", "detach=true"]
    for seed in ("0,1", "2"):
        assert start("train", *words, f"seed={seed}", *sent, GANX_CHECKPOINT_SECONDS="0.1").wait() == 0
    one, other = sweeps()
    until(lambda: len(list(Path("outputs").glob("runs/wine/*/checkpoints/last.ckpt"))) == 2)
    assert ganx("cancel", one.name).out == f"{one.name}: stopped 1 process\n"
    until(lambda: "interrupted" in ganx("status", one.name).out)
    assert [line.split()[1] for line in ganx("status", one.name).out.splitlines()[-2:]] == ["interrupted"] * 2
    assert "running" in ganx("status", other.name).out
    assert ganx("cancel", one.name).out == f"{one.name}: no process of it is left\n"
    assert ganx("cancel", other.name).code == 0
    until(lambda: "interrupted" in ganx("status", other.name).out)
    done = start("train", *words, "seed=2", "-m").answer()
    assert done.code == 0
    assert "going on from step" in done.out


def test_data_that_changed_since_the_plan_are_noticed(ganx, start):
    Path("my.csv").write_text("a,b\n" + "".join(f"{i},{i % 7}\n" for i in range(40)))
    words = ["model=zeros", "dataset=csv", "dataset.path=my.csv", "dataset.target=null", "protocol.folds=2"]
    assert start("train", *words, "hydra/launcher=submitit_local", "detach=true").wait() == 0
    Path("my.csv").write_text("a,b\n" + "".join(f"{i},{i % 5}\n" for i in range(40)))
    until(lambda: "failed" in ganx("status").out)
    assert "the data have changed since the sweep was planned" in ganx("status").out.splitlines()[0]
    assert results() == []


def test_ctrl_c_while_waiting_leaves_the_runs_alone(start):
    words = ["dataset=wine", "protocol.folds=2", "model=hexagan", "model.steps=400", "seed=0"]
    waiting = start("train", *words, "hydra/launcher=submitit_local")
    until(lambda: list(Path("outputs").glob("runs/wine/*/heartbeat")))
    waiting.send(signal.SIGINT)
    assert waiting.wait(30) == 130
    until(results)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["launcher.pack=2"], "unknown key 'launcher.pack': hydra/launcher=local has no keys"),
        (["detach=true"], "detach=true: hydra/launcher=local does the runs itself; choose slurm or submitit_local"),
        (["hydra/launcher=slrum"], "hydra/launcher=slrum: no such hydra/launcher; did you mean 'slurm'?"),
        (["hydra/launcher=slurm", "launcher.pack=0"], "launcher.pack=0: expected an integer >= 1"),
        (["hydra/launcher=slurm", "launcher.mem_gb=lots"], "launcher.mem_gb=lots: expected a number > 0"),
        (
            ["hydra/launcher=slurm", "launcher.partion=x"],
            "unknown key 'launcher.partion'; did you mean 'partition'?",
        ),
        (["hydra/launcher=joblib", "launcher.n_jobs=0"], "launcher.n_jobs=0: expected an integer >= 1 or -1"),
        (["plan=maybe"], "plan=maybe: expected true or false"),
        (["-m", "outputs=a,b"], "outputs=a,b: a sweep has one folder for its runs"),
        (["-m", "seed=0,-1"], "seed=-1: expected an integer >= 0"),
        (["-m", "dataset=csv", "dataset.path=a.csv,b.csv"], "a.csv"),
    ],
)
def test_wrong_requests(ganx, words, told):
    small = [word for word in SMALL if not any(other.startswith(word.partition("=")[0] + "=") for other in words)]
    code, out, err = ganx("train", *small, *words)
    assert (code, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1
    assert list(Path().iterdir()) == []


def test_no_such_sweep(ganx):
    assert ganx("train", *SMALL, "-m").code == 0
    (sweep,) = sweeps()
    for command in ("status", "cancel"):
        code, out, err = ganx(command, "zeros-whine")
        assert (code, out) == (2, "")
        assert err.startswith("ganx: there is no sweep 'zeros-whine' in outputs/sweeps")
    (sweep / "sweep.json").write_text("{")
    assert ganx("status", sweep.name).err.startswith(f"ganx: outputs/sweeps/{sweep.name}/sweep.json is damaged")
    assert ganx("status").code == 0
    assert ganx("train", *SMALL, "-m", "seed=5").code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["train", *SMALL, "-m", "hydra/launcher=basic", "plan=true"], "hydra/launcher=basic is not one of ganx's"),
        (["train", *SMALL, "-m", "hydra/sweeper=basic"], "hydra/sweeper=basic is not one of ganx's: choose from grid"),
        (["train", *SMALL, "-m", "hydra.launcher=3"], "hydra/launcher=local is not one of ganx's"),
        (["eval", "-m", "run=1", "hydra/launcher=joblib"], "ganx eval needs no launcher"),
        (["impute", "run=1", "input=a", "out=b", "hydra/launcher=local"], "ganx impute needs no launcher"),
        (["figures", "hydra/launcher=slurm"], "ganx figures needs no launcher"),
    ],
)
def test_plug_ins_that_would_not_plan_are_refused(ganx, words, told):
    answer = ganx(*words)
    assert answer.code == 2
    assert told in answer.err
    assert list(Path().iterdir()) == []


def test_what_is_impossible_is_told(ganx):
    assert ganx("train", *SMALL).code == 0
    results()[0].write_text("{")
    answer = ganx("train", *SMALL, "-m", "seed=0,1")
    assert answer.code == 2
    assert "[1/2] seed=0: failed: " in answer.out
    assert "is damaged" in answer.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["seed=interval(0,1)"], "seed=interval(0,1): an interval is for a search"),
        (["seed=range(0)"], "no run: a range(...) or glob(...) here has no values"),
    ],
)
def test_a_grid_needs_values(ganx, words, told):
    answer = ganx("train", *SMALL, "-m", *words)
    assert answer.code == 2
    assert told in answer.err


def test_the_same_run_twice_has_a_name(ganx):
    assert "seed=1: twice" in ganx("train", *SMALL, "-m", "seed=1,1", "plan=true").out


# --- groups with several options, and keys below them ---


def test_several_models_and_a_key_of_all_of_them(ganx):
    answer = ganx("train", "-m", "model=gan,cgan", "dataset=ring8", "protocol=generation", "model.steps=40")
    assert answer.code == 0, answer.err
    assert answer.out.startswith("2 runs: 0 done, 2 to run\n")
    stored = [json.loads(file.read_text())["config"]["model"] for file in results()]
    assert {(model["name"], model["steps"]) for model in stored} == {("gan", 40), ("cgan", 40)}


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("-m model=glob([gai*,ml*]) model.steps=9", "model=gain|model=mlp"),
        ("-m model=choice(gain,mlp) model.steps=8,9", "model=gain model.steps=8|model=mlp model.steps=9"),
        ("-m model=gain optimizer=adam,sgd optimizer.lr=.01", "optimizer=adam|optimizer=sgd"),
        ("-m model=zeros dataset=wine,breast dataset.rows=40", "dataset=wine|dataset=breast"),
        ("-m model=zeros protocol=clean,paper protocol.folds=3", "protocol=clean|protocol=paper"),
        ("-m experiment=gain_paper,gain_authors model.steps=9", "experiment=gain_paper|experiment=gain_authors"),
        ("hydra/launcher=joblib model=gain,mlp model.steps=9", "model=gain|model=mlp"),
        ("hydra/launcher=slurm_cpu model=gain,mlp model.steps=9", "model=gain|model=mlp"),
    ],
)
def test_keys_below_groups_with_several_options(ganx, words, names):
    wine = [] if "dataset=" in words else ["dataset=wine"]
    answer = ganx("train", *wine, *words.split(), "plan=true")
    assert answer.code == 0, answer.err
    assert all(f"  {name}: to run" in answer.out for name in names.split("|"))
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("model=gain,mlp model.setps=3", "unknown key 'model.setps'; did you mean 'steps'?"),
        ("model=gain,mlp modle.steps=3", "unknown key 'modle'; did you mean 'model'?"),
        ("model=gain,mpl model.steps=3", "model=mpl: no such model; did you mean 'mlp'? (run model=mpl)"),
        ("model=gain,mean model.steps=3", "unknown key 'model.steps'"),
        ("dataset=wine,breast", "missing: choose model=NAME, NAME one of"),
        ("dataset=wine,breast model.steps=3", "missing: choose model=NAME, NAME one of"),
    ],
)
def test_a_wrong_key_beside_several_options(ganx, words, told):
    answer = ganx("train", "-m", *words.split())
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"ganx: {told}")
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("model=gan dataset=ring8 loss=hinge,wgan loss.penalty=null", "loss=wgan needs a critic that is kept smooth"),
        ("model=gan dataset=ring8 loss=hinge,wgan loss.penalty=null plan=true", "loss=wgan needs a critic"),
        ("model=gan dataset=ring8 loss=hinge,none", "loss=none: gan cannot be trained with it"),
        ("model=gan,dcgan dataset=ring8", "model=dcgan is for images"),
        ("model=gan,cgan dataset=swissroll", "this model learns classes and the data have none"),
        ("model=gan dataset=ring8 protocol.missing_rate=0,.1", "model=gan reads whole rows"),
        ("model=gain,gan dataset=wine protocol=clean", "model=gan reads whole rows"),
    ],
)
def test_all_runs_are_checked_before_the_first_starts(ganx, words, told):
    answer = ganx("train", "-m", *words.split(), "model.steps=3")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"ganx: {told}")
    assert "(run " in answer.err
    assert answer.err.count("\n") == 1
    assert list(Path().iterdir()) == []


def test_what_is_done_is_not_checked_again(ganx, monkeypatch):
    assert ganx("train", "-m", *SMALL, "seed=0,1").code == 0
    asked = []
    monkeypatch.setattr("ganx.launch.launcher.check_runs", lambda configs, targets: asked.extend(configs) or [])
    assert ganx("train", "-m", *SMALL, "seed=0,1").code == 0
    assert asked == []


def test_equal_configurations_share_a_check_and_their_data(monkeypatch):
    from ganx.compose import compose
    from ganx.launch.check import check_runs
    from ganx.run import experiment

    loaded, checked = [], []
    load, check = experiment.load_cut, experiment.Experiment.check
    monkeypatch.setattr(experiment, "load_cut", lambda data, extra: loaded.append(data["name"]) or load(data, extra))
    monkeypatch.setattr(
        experiment.Experiment, "check", lambda self: checked.append(self.config["model"]["name"]) or check(self)
    )
    lines = [f"model={m} dataset={d} seed={s}" for s in (0, 7) for d in ("wine", "breast") for m in ("gain", "mlp")]
    configs = [compose("train", line.split()) for line in lines]
    configs.append(compose("train", ["model=gan", "dataset=wine", "protocol=clean"]))
    *fine, wrong = check_runs(configs, frozenset())
    assert fine == [None] * 8
    assert str(wrong).startswith("model=gan reads whole rows")
    assert sorted(loaded) == ["breast", "wine"]
    assert sorted(checked) == ["gain", "gain", "gan", "mlp", "mlp"]
