"""`ganx tables` through the real command line: list, render, run, interrupt, go on, and every wrong use."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl

from ganx.groups import options
from tests.processes import until

MINE = Path(__file__).parents[1] / "tables" / "mine"
FOLDER = ["--config-dir", str(MINE)]
RENDERED = [f"small-quick.{ending}" for ending in ("csv", "md", "png", "tex")]

LOOK = """
import sys
from ganx.cli import main
main(sys.argv[1:])
print("\\n" + " ".join(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


def states(file: str = "outputs/tables/small-quick.csv") -> list[str]:
    return [line.split(",")[6] for line in Path(file).read_text().splitlines()[1:]]


def runs() -> list[Path]:
    return sorted(Path("outputs").glob("runs/*/[!.]*"))


def test_run_then_show_and_list(ganx):
    answer = ganx("tables", *FOLDER, "table=small", "run=true")
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[:2] == ["quick scale: 4 cells, 0 complete", "4 runs: 0 done, 4 to run"]
    assert lines[3].startswith("[1/4] Zeros on Wine (paper): rmse_row 0.")
    assert states() == ["done"] * 4
    assert sorted(file.name for file in Path("outputs/tables").glob("[!.]*")) == RENDERED
    before = Path("outputs/tables/small-quick.md").read_bytes()
    again = ganx("tables", *FOLDER, "table=small", "run=true")
    assert again.out.startswith("quick scale: 4 cells, 4 complete; nothing to run\n")
    assert Path("outputs/tables/small-quick.md").read_bytes() == before

    shutil.rmtree(runs()[0])
    listed = looked()  # all shipped tables, which takes a while: everything about the list is asked here
    assert "3/4" in listed
    assert "table=wrong: unknown key 'table.metrik'; did you mean 'metric'?" in listed
    assert "Imputation of small tables" in listed
    assert "4 cells, 3 complete\n1 run: 0 done, 1 to run\n" in ganx("tables", *FOLDER, "table=small", "run=true").out

    (runs()[1] / "result.json").write_text('{"schema": 1')
    answer = ganx("tables", *FOLDER, "table=small")
    assert answer.code == 0
    assert sorted(states()) == ["damaged", "done", "done", "done"]
    (line,) = [line for line in answer.out.splitlines() if "is damaged" in line]
    assert line.endswith("remove it, and train again; run=true does then")


@pytest.mark.parametrize("command", ["tables", "figures"])
def test_a_list_composes_none_of_what_it_lists(ganx, monkeypatch, command):
    composed = []
    load = ConfigLoaderImpl.load_configuration
    monkeypatch.setattr(ConfigLoaderImpl, "load_configuration", lambda *args: composed.append(args) or load(*args))
    answer = ganx(command, *FOLDER)
    assert answer.code == 0
    assert all(name in answer.out for name in options(command[:-1]))
    assert len(composed) <= 1 + 2 * answer.out.count("wrong")  # `wrong` of this folder is told by Hydra, too
    assert not list(Path().iterdir())


def test_a_list_counts_what_is_known(ganx):
    Path("outputs/runs/wine/mean-0123456789").mkdir(parents=True)
    told = ganx("tables", *FOLDER).out
    assert re.search(r"small +\?/4 ", told)
    assert "?  not counted yet: ganx tables table=NAME" in told
    ganx("tables", *FOLDER, "table=small")
    assert re.search(r"small +0/4 +\?/4 ", ganx("tables", *FOLDER).out)


def test_several_figures_of_one_run_under_a_protocol_of_ones_own(ganx):
    answer = ganx("tables", *FOLDER, "table=measures", "run=true")
    assert "quick scale: 8 cells, 0 complete\n3 runs: 0 done, 3 to run\n" in answer.out
    assert "[1/3] Zeros on by row (half): rmse_row 0." in answer.out
    assert states("outputs/tables/measures-quick.csv") == ["done", "done", "invalid"] * 2 + ["done"] * 2
    both = ganx("tables", *FOLDER, "table=measures", "protocols=[paper,half]")
    assert "by cell, paper" in both.out
    assert "by cell, half" in both.out


def test_two_processes_and_a_folder_of_ones_own(start):
    words = ["table=small", "run=true", "out=here", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    done = start("tables", *FOLDER, *words).answer()
    assert done.code == 0
    assert sum(re.match(r"\[\d/4\]", line) is not None for line in done.out.splitlines()) == 4
    assert states("here/small-quick.csv") == ["done"] * 4
    assert sorted(path.name for path in Path().iterdir()) == ["here", "outputs"]


@pytest.mark.parametrize(
    "launcher", [[], ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]], ids=["basic", "joblib"]
)
def test_ctrl_c_and_the_same_command_goes_on(ganx, start, launcher):
    command = ["tables", *FOLDER, "table=long", "run=true", *launcher]
    running = start(*command, GANX_CHECKPOINT_SECONDS="0.1")
    until(lambda: list(Path("outputs").glob("runs/wine/hexagan-*/checkpoints/last.ckpt")))
    running.send_to_all(signal.SIGINT)
    assert running.wait(60) == 130
    assert ganx("tables", *FOLDER, "table=long").code == 0
    assert set(states("outputs/tables/long-quick.csv")) & {"interrupted", "stale"}
    assert "done" not in states("outputs/tables/long-quick.csv")[:1]

    quick = MINE / "table" / "long.yaml"
    assert "model.steps=400" in quick.read_text()
    done = start(*command, GANX_CHECKPOINT_SECONDS="0.1").answer()
    assert done.code == 0
    assert "1 run: 0 done, 1 to run" in done.out
    assert states("outputs/tables/long-quick.csv") == ["done"]


def test_a_failing_job_does_not_stop_the_others(ganx):
    answer = ganx("tables", *FOLDER, "table=broken", "run=true")
    assert answer.code == 1
    lines = answer.out.splitlines()
    assert lines[1] == "2 runs: 0 done, 1 impossible, 1 to run"
    assert lines[3].startswith("[1/2] No such file on Wine (paper): failed: ")
    assert lines[4].startswith("[2/2] Zeros on Wine (paper): rmse_row 0.")
    assert "model=zeroes: no such model; did you mean 'zeros'?" in lines
    assert states("outputs/tables/broken-quick.csv") == ["invalid", "missing", "done"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["table=smal"], "table=smal: no such table; did you mean 'small'?"),
        (["table=small", "model.steps=3"], "model.steps=3 would change what a table means; put a copy"),
        (["table=small", "rows=[]"], "rows=[] would change what a table means"),
        (["table=small", "table.metric=f1"], "table.metric=f1 would change what a table means"),
        (["table=small", "+model.steps=3"], "+model.steps=3 would change what a table means"),
        (["table=small", "seeds=3"], "seeds=3 would change what a table means"),
        (["table=small", "protocol=clean"], "protocol=clean would change what a table means"),
        (["table=small", "scale=qick"], "scale=qick: expected one of quick, paper; did you mean 'quick'?"),
        (
            ["table=small", "protocols=[cleen]"],
            "protocols[0]=cleen: no such protocol; did you mean 'clean'?",
        ),
        (["table=small", "protocols=[half]"], "protocols[0]=half: no such protocol; choose from clean, paper"),
        (["table=measures", "protocols=[clean]"], "protocols[0]=clean: no such protocol; choose from half, paper"),
        (["protocols=[cleen]"], "protocols[0]=cleen: no such protocol; did you mean 'clean'?"),
        (["table=small", "protocols=[]"], "protocols: one or more, each once"),
        (["table=small", "protocols=[clean,clean]"], "protocols: one or more, each once"),
        (["table=small", "retry=true"], "retry=true trains again what has failed: it needs run=true"),
        (["table=small", "protocols=clean"], "protocols=clean: expected a list in brackets"),
        (["table=small", "rnu=true"], "unknown key 'rnu'; did you mean 'run'?"),
        (["table=small", "run=maybe"], "run=maybe: expected true or false"),
        (["table=small", "hardware.workers=x"], "hardware.workers=x: expected auto or an integer >= 1"),
        (
            ["table=small", "hydra/launcher=jobib"],
            "hydra/launcher=jobib: no such hydra/launcher; did you mean 'joblib'?",
        ),
        (["-m", "table=small"], "-m: ganx tables takes one table"),
        (["table=small", "plan=true"], "launchers, plan and detach are for what run=true trains: add run=true"),
        (
            ["table=small", "hydra/launcher=slurm", "launcher.pack=x", "run=true"],
            "launcher.pack=x: expected an integer",
        ),
        (["table=wrong"], "unknown key 'table.metrik'; did you mean 'metric'?"),
    ],
)
def test_refusals(ganx, tmp_path, words, told):
    code, out, err = ganx("tables", *FOLDER, *words)
    assert (code, out) == (2, "")
    assert err.startswith(f"ganx: {told}")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_table_never_imports_torch():
    looked("table=small")


def looked(*words: str) -> str:
    """Return what `ganx tables` prints, after a look at the modules that it has imported."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK, "tables", *FOLDER, *words], capture_output=True, text=True, check=True
    )
    assert not set(done.stderr.splitlines()[-1].split()) & {"torch", "lightning", "sklearn", "pandas"}
    return done.stdout


def test_outputs_that_cannot_be_written(ganx, tmp_path):
    (tmp_path / "file").touch()
    code, _, err = ganx("tables", *FOLDER, "table=small", "out=file/x")
    assert code == 2
    assert err == "ganx: out=file/x: file is not a folder; choose another name\n"
