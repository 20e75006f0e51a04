"""Composition and its check: what is accepted, and the one line for everything that is not."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ganx.compose import compose, run
from ganx.errors import RunError, UserError
from ganx.groups import options, own_dir
from ganx.words import as_text, override

TOY = ["model=toy", "dataset=tiny"]


def shown(answer):
    assert answer.code == 0, answer.err
    return yaml.safe_load(answer.out)


def refused(answer, folder: Path) -> str:
    """Return the complaint: one line, exit code 2, and nothing left behind."""
    assert answer.code == 2, answer
    assert answer.out == ""
    assert answer.err.startswith("ganx: ")
    assert answer.err.count("\n") == 1
    assert os.listdir(folder) == []  # noqa: PTH208
    return answer.err.removeprefix("ganx: ").strip()


def test_shows_the_composed_config(ganx, mine, tmp_path):
    config = shown(ganx("train", *mine, *TOY, "--cfg", "job"))
    groups = {"model", "dataset", "protocol", "loss", "optimizer", "hardware"}
    assert set(config) == groups | {"seed", "seeds", "force", "retry", "refit", "outputs"}
    assert config["model"]["hidden"] == {"g": [8], "d": [8, 8]}
    assert os.listdir(tmp_path) == []  # noqa: PTH208


def test_shows_one_package(ganx, mine):
    assert shown(ganx("train", *mine, *TOY, "--cfg", "job", "-p", "loss")) == {"name": "none", "penalty": None}
    assert ganx("train", *mine, *TOY, "--cfg", "job", "-p", "nope").code == 2


def test_info(mine):
    # A process of its own: Hydra sets up logging for all of it.
    command = [sys.executable, "-m", "ganx", "train", *mine, *TOY, "--info", "defaults"]
    assert "model/toy" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_precedence(mine):
    """Defaults < model < experiment < command line."""
    assert compose("train", [*mine, *TOY])["optimizer"]["name"] == "rmsprop"
    paper = compose("train", [*mine, "experiment=toy_paper"])
    assert paper["model"]["name"] == "toy"
    assert paper["model"]["n_critic"] == 2
    assert paper["optimizer"]["name"] == "sgd"
    assert paper["protocol"]["selection"] == "test"
    assert paper["seeds"] == 3
    own = compose("train", [*mine, "experiment=toy_paper", "optimizer=adam", "model.n_critic=4", "dataset=breast"])
    assert (own["optimizer"]["name"], own["model"]["n_critic"], own["dataset"]["name"]) == ("adam", 4, "breast")


def test_numbers_take_their_type(mine):
    config = compose("train", [*mine, *TOY, "optimizer.lr=1"])
    assert isinstance(config["optimizer"]["lr"], float)
    assert isinstance(config["model"]["dropout"], float)
    assert config["model"]["lr_scale"] == {"d": 2.0}


@pytest.mark.parametrize("group", ["optimizer", "protocol", "hardware", "dataset"])
def test_every_option_composes(mine, group):
    for name in options(group):
        if (group, name) != ("optimizer", "none"):
            given_path = ["dataset.path=x"] if name in ("csv", "npz") else []
            compose("train", [*mine, "model=toy", f"{group}={name}", *given_path])


def test_a_baseline_needs_nothing_that_trains(mine):
    config = compose("train", [*mine, "model=shift", "dataset=tiny"])
    assert set(config["model"]) == {"_target_", "name", "version", "shift"}
    assert config["optimizer"] == {"name": "none"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("model=tooy", "model=tooy: no such model; did you mean 'toy'?"),
        ("dataset=brest", "dataset=brest: no such dataset; did you mean 'breast'?"),
        ("hydra/launcher=foo", "hydra/launcher=foo: no such hydra/launcher"),
        ("modle=toy", "unknown key 'modle'; did you mean 'model'?"),
        ("sed=3", "unknown key 'sed'; did you mean 'seed'?"),
        ("model.n_critik=1", "unknown key 'model.n_critik'; did you mean 'n_critic'?"),
        ("+model.n_critik=1", "unknown key 'model.n_critik'; did you mean 'n_critic'?"),
        ("protocol.mising_rate=.1", "unknown key 'protocol.mising_rate'; did you mean 'missing_rate'?"),
        ("optimizer.alhpa=.1", "unknown key 'optimizer.alhpa'; did you mean 'alpha'?"),
        ("+optimizer.alhpa=.1", "unknown key 'optimizer.alhpa'; did you mean 'alpha'?"),
        ("+model.hidden.x=[1]", "unknown key 'model.hidden.x'; choose from d, g"),
        ("model.hidden.x=[1]", "unknown key 'model.hidden.x'; choose from d, g, or add it with +model.hidden.x=VALUE"),
        ("model.hidden={x:[1]}", "model.hidden has the keys d, g; add another one with +model.hidden.NAME=VALUE"),
        ("seed.x=3", "unknown key 'seed.x': seed has no keys"),
        ("++foo.bar=1", "unknown key 'foo'"),
        ("x/y=3", "unknown key 'x/y'"),
        ("~model.hidden.d", "missing key 'model.hidden.d'"),
        ("~model.steps", "missing key 'model.steps'"),
        ("~seed", "missing key 'seed'"),
        ("model.steps=???", "missing value: give model.steps=..."),
        ("model.n_critic=-1", "model.n_critic=-1: expected an integer >= 1"),
        ("model.n_critic=abc", "model.n_critic=abc: expected an integer >= 1"),
        ("model.n_critic=true", "model.n_critic=true: expected an integer >= 1"),
        ("model.dropout=1.1", "model.dropout=1.1: expected a number in [0, 1]"),
        ("model.penalty=-1", "model.penalty=-1: expected a number >= 0 or null"),
        ("model.hidden.g=[8,0]", "model.hidden.g[1]=0: expected an integer >= 1"),
        ("model.activation=rel", "model.activation=rel: expected one of relu, tanh; did you mean 'relu'?"),
        ("model.conditional=maybe", "model.conditional=maybe: expected true or false"),
        ("model.lr_scale.d=-1", "model.lr_scale.d=-1: expected a number > 0"),
        ("model.steps=0", "model.steps=0: expected an integer >= 1"),
        ("protocol.missing_rate=1.5", "protocol.missing_rate=1.5: expected a number in [0, 1)"),
        ("protocol.label_rate=0", "protocol.label_rate=0: expected a number in (0, 1]"),
        ("protocol.folds=1", "protocol.folds=1: expected 0 or an integer >= 2"),
        ("protocol.folds=-2", "protocol.folds=-2: expected 0 or an integer >= 2"),
        ("protocol.folds=holdot", "protocol.folds=holdot: expected 0 or an integer >= 2 or holdout"),
        ("protocol.imbalance_ratio=.5", "protocol.imbalance_ratio=0.5: expected a number >= 1 or null"),
        (
            "protocol.mechanism=mcra",
            "protocol.mechanism=mcra: expected one of mcar, mar, mnar, own; did you mean 'mcar'?",
        ),
        ("protocol.validation=0", "protocol.selection=validation needs rows to select on"),
        ("optimizer.lr=0", "optimizer.lr=0: expected a number > 0"),
        ("optimizer.lr=nan", "optimizer.lr=nan: expected a number > 0"),
        ("optimizer=none", "optimizer=none: the model 'toy' is trained"),
        ("optimizer=adam optimizer.betas=[.9,1.5]", "optimizer.betas[1]=1.5: expected a number in [0, 1)"),
        ("hardware.workers=atuo", "hardware.workers=atuo: expected auto or an integer >= 1"),
        ("hardware.threads=0", "hardware.threads=0: expected an integer >= 1"),
        ("seeds=0", "seeds=0: expected an integer >= 1"),
        ("seeds=2.5", "seeds=2.5: expected an integer >= 1"),
        ("seed=-1", "seed=-1: expected an integer >= 0"),
        ("force=maybe", "force=maybe: expected true or false"),
        ("dataset.drop=x", "dataset.drop=x: expected a list in brackets, [text, ...]"),
        ("model=toy,mean", "model=toy,mean has several values: add -m"),
        ("seeds=range(1,3)", "seeds=range(1,3) is a sweep: add -m"),
        ("model=3", "a group takes the name of one of its options"),
        ("outputs=${nope}", "Interpolation key 'nope' not found"),
        ("seed=${nope:1}", "Unsupported interpolation type nope"),
        ("seed", "cannot read 'seed': write key=value"),
        ("seed=[1", "cannot read 'seed=[1': write key=value"),
        ("=3", "cannot read '=3': no key stands before ="),
        ("--foo", "unrecognized arguments: --foo"),
        ("--config-name=foo", "ganx has no --config-path"),
        ("--experimental-rerun=foo", "ganx has no --config-path"),
        ("hydra.searchpath=[file:///nope]", "the configuration folder '/nope' does not exist"),
    ],
)
@pytest.mark.parametrize("flags", [["--cfg", "job"], []], ids=["cfg", "run"])
def test_refusals(ganx, mine, tmp_path, words, told, flags):
    given = {word.partition("=")[0] for word in words.split()}
    toy = [word for word in TOY if word.partition("=")[0] not in given]
    assert refused(ganx("train", *mine, *toy, *words.split(), *flags), tmp_path).startswith(told)


def test_nothing_given(ganx, tmp_path, mine):
    told = refused(ganx("train", *mine), tmp_path)
    assert told.startswith("missing: choose model=NAME, NAME one of ")
    assert "toy" in told
    assert refused(ganx("eval"), tmp_path) == "missing value: give run=..."
    assert refused(ganx("impute", "run=x"), tmp_path) == "missing value: give input=..."
    assert refused(ganx("eval", "rnu=x"), tmp_path) == "unknown key 'rnu'; did you mean 'run'?"
    assert "'nope' does not exist" in refused(ganx("train", "--config-dir", "nope"), tmp_path)


@pytest.mark.parametrize(
    "words", ["model=toy,tooy", "model=toy,mean seed=1,-2", "model=toy model.n_critic=1,0", "model=toy seed=0,1 sed=2"]
)
def test_one_wrong_job_stops_a_sweep_before_it_starts(ganx, mine, tmp_path, words):
    refused(ganx("train", *mine, "dataset=tiny", "-m", *words.split()), tmp_path)


def test_several_evaluations_return_the_worst_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    seen = []

    def task(config, argv):
        seen.append(config["run"])
        assert argv == [f"run={config['run']}"]  # each job has its own command line
        return len(seen) - 1

    assert run("eval", ["-m", "run=a,b"], task) == 1
    assert seen == ["a", "b"]
    assert os.listdir(tmp_path) == []  # noqa: PTH208


def test_a_failed_evaluation_does_not_stop_the_others_but_a_signal_does(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    seen = []

    def task(config, argv):
        seen.append(config["run"])
        if config["run"] == "a":
            raise RunError("loss d is NaN")
        return 143 if config["run"] == "c" else 0

    assert run("eval", ["-m", "run=a,b"], task) == 1
    assert seen == ["a", "b"]
    assert capsys.readouterr().err == "ganx: loss d is NaN\n"
    with pytest.raises(SystemExit, match="143"):
        run("eval", ["-m", "run=c,d"], task)
    assert seen == ["a", "b", "c"]


def test_a_single_run_hands_over_plain_containers(mine, tmp_path, monkeypatch):
    monkeypatch.setenv("GANX_OUTPUTS", "elsewhere")
    seen = []
    assert run("train", [*mine, *TOY], lambda config, argv: seen.append(config) or 7) == 7
    assert type(seen[0]["model"]["hidden"]) is dict
    assert type(seen[0]["model"]["hidden"]["g"]) is list
    assert seen[0]["outputs"] == "elsewhere"


def test_spread_flag(ganx):
    for words in (["--spread", "s.csv"], ["--spread=s.csv"], ["spread=s.csv"]):
        config = shown(ganx("impute", "run=r", "input=i.csv", "out=o.csv", *words, "--cfg", "job"))
        assert config == {"run": "r", "input": "i.csv", "out": "o.csv", "spread": "s.csv", "outputs": config["outputs"]}
    assert ganx("impute", "run=r", "--spread").err == "ganx: --spread needs a file\n"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("Cs", "Cc")), min_size=1))
@example("it's, a \\ [b] {c}.csv")
@example("\\'")
@example("end\\")
@example("${x}"[1:])
def test_override_takes_any_file_name(name):
    config = compose("impute", ["run=r", "input=i", "out=o", override("spread", name)])
    assert config["spread"] == name


# --- code that a configuration may name ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    ["os.system", "subprocess.Popen", "toymethod.Other", "ganx", "torch.nn.Linear", "ganx..x", "ganxos.system"],
)
def test_foreign_code_is_refused(ganx, mine, tmp_path, target):
    told = refused(ganx("train", *mine, *TOY, f"model._target_={target}", "--cfg", "job"), tmp_path)
    assert told.startswith(f"model._target_={target}: a configuration may only name code of ganx")


def test_foreign_code_is_refused_at_any_depth(ganx, mine, tmp_path):
    told = refused(ganx("train", *mine, *TOY, "+model.hidden.e={_target_: os.system}"), tmp_path)
    assert told.startswith("model.hidden.e._target_=os.system")


def test_a_missing_class_is_named(ganx, mine, tmp_path):
    told = refused(ganx("train", *mine, *TOY, "optimizer._target_=torch.optim.Adamm"), tmp_path)
    assert told == "optimizer._target_=torch.optim.Adamm: there is no such class; did you mean 'Adam'?"
    told = refused(ganx("train", *mine, *TOY, "model._target_=ganx.nope.Foo"), tmp_path)
    assert told == "model._target_=ganx.nope.Foo: there is no such class (no module 'ganx.nope')"


def test_a_folder_must_be_named_on_this_command_line(tmp_path):
    with pytest.raises(UserError, match="no such model"):
        compose("train", TOY)


def test_damaged_yaml_of_the_user_is_one_line(ganx, tmp_path, monkeypatch):
    own = tmp_path / "own"
    (own / "model").mkdir(parents=True)
    (own / "model" / "bad.yaml").write_text("a: [1\nb: }")
    answer = ganx("train", "--config-dir", str(own), "model=bad", "dataset=breast", "--cfg", "job")
    assert answer.code == 2
    assert answer.err.count("\n") == 1


def test_own_conf_is_readable_text():
    for file in own_dir().rglob("*.yaml"):
        assert file.read_text(encoding="utf-8").startswith("#"), file
        assert not file.stat().st_mode & stat.S_IXUSR


@pytest.mark.parametrize("signature", ["6119769351", "12e4567890", "0123456789", "a b,c"])
def test_a_signature_is_text_even_if_it_looks_like_a_number(signature):
    once = as_text([f"run={signature}", "outputs=x"], "run")
    assert compose("eval", once)["run"] == signature
    assert as_text(once, "run") == once
    assert as_text(["-m", f"run={signature}"], "run")[1] == "run=" + ",".join(f"'{x}'" for x in signature.split(","))


@pytest.mark.parametrize(
    ("word", "typed"),
    [
        ("dataset.drop=[naïve ü,id]", """'dataset.drop=["naïve ü",id]'"""),
        ("dataset.drop=[null]", """'dataset.drop=["null"]'"""),
        ("dataset.drop=[12]", """'dataset.drop=["12"]'"""),
        ("dataset.drop=[y=1]", """'dataset.drop=["y=1"]'"""),
        ("dataset.target=city (home), main", """'dataset.target="city (home), main"'"""),
        ("dataset.target=true", """'dataset.target="true"'"""),
    ],
)
def test_names_that_need_quotes(word, typed):
    """The message shows what can be typed."""
    words = ["model=mean", "dataset=csv", "dataset.path=x.csv"]
    with pytest.raises(UserError) as refused:
        compose("train", [*words, word])
    assert str(refused.value).endswith(typed)
    compose("train", [*words, *shlex.split(typed)])
