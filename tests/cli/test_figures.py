"""`ganx figures` through the real command line: list, train, draw, go on, and every wrong use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import pytest

from ganx.cli import COMMANDS
from ganx.run.folder import RunFolder

FOLDER = ["--config-dir", str(Path(__file__).parents[1] / "figures" / "mine")]

LOOK = """
import sys
from ganx.cli import main
main(sys.argv[1:])
print("\\n" + " ".join(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


def runs() -> list[Path]:
    return sorted(Path("outputs").glob("runs/*/[!.]*"))


@pytest.mark.parametrize(
    ("name", "n_runs", "inches"),
    [
        ("small_digits", 2, (9.5, 4.0)),
        ("small_samples", 1, (5.5, 5.8)),
        ("small_hidden_space", 2, (6.0, 3.7)),
        ("small_curves", 2, (6.4, 4.6)),
        ("small_clusters", 2, (5.2, 3.6)),
        ("small_categories", 2, (5.2, 3.96)),
    ],
)
def test_train_then_draw(ganx, name, n_runs, inches):
    answer = ganx("figures", *FOLDER, f"figure={name}")
    assert answer.code == 0, answer.err
    out = Path(f"outputs/figures/{name}.png")
    assert answer.out.endswith(f"\n{out}\n")
    height, width, _ = matplotlib.image.imread(out).shape
    assert (width, height) == tuple(int(110 * side + 1e-6) for side in inches)
    assert len(runs()) == n_runs
    assert sorted(Path("outputs").iterdir()) == [Path("outputs/figures"), Path("outputs/runs")]

    trained = [(run / "result.json").stat().st_mtime_ns for run in runs()]
    before = out.read_bytes()
    again = ganx("figures", *FOLDER, f"figure={name}", "out=here/it.png", "hardware.workers=1")
    assert again.out.splitlines()[-1] == "here/it.png"
    assert again.out.count(": finished") == n_runs
    assert len(again.out.splitlines()) == n_runs + 1
    assert [(run / "result.json").stat().st_mtime_ns for run in runs()] == trained
    assert Path("here/it.png").read_bytes() == before


def test_a_run_of_ganx_train_is_taken_as_it_is(ganx):
    words = ["model=hexagan", "dataset=wine", "protocol.folds=0"]
    assert ganx("train", *words, "model.steps=10").code == 0
    answer = ganx("figures", *FOLDER, "figure=small_hidden_space")
    assert answer.out.startswith("[1/2] step 10: finished\n[2/2] step 20\nhexagan on wine")
    (taken,) = [
        run for run in runs() if json.loads((run / "result.json").read_text())["config"]["model"]["steps"] == 20
    ]
    assert f"again   ganx train {' '.join(words)} model.steps=20" in answer.out
    again = ganx("train", *words, "model.steps=20")
    assert "this run is finished" in again.out
    assert str(taken) in again.out


def test_a_run_that_failed(ganx):
    assert ganx("figures", *FOLDER, "figure=small_samples").code == 0
    (run,) = runs()
    result = json.loads((run / "result.json").read_text())
    RunFolder(run).write_result(result | {"status": "failed", "error": "loss c is NaN"})
    answer = ganx("figures", *FOLDER, "figure=small_samples", "out=none.png")
    assert answer.code == 1
    assert "retry=true starts it again" in answer.out
    assert not Path("none.png").exists()
    assert ganx("figures", *FOLDER, "figure=small_samples", "retry=true", "out=some.png").code == 0
    (run / "checkpoints" / "last.ckpt").unlink()
    code, _, err = ganx("figures", *FOLDER, "figure=small_samples")
    assert code == 2
    assert f"{run}/checkpoints/last.ckpt is not the one that this run has left; remove the folder" in err


def test_list(ganx):
    answer = ganx("figures", *FOLDER)
    assert answer.code == 0
    assert "small_digits" in answer.out
    assert "Digits filled by two methods\n" in answer.out
    assert "figure=wrong: unknown key 'figure.titel'; did you mean 'title'?\n" in answer.out
    assert not Path("outputs").exists()


def test_the_list_never_imports_torch():
    done = subprocess.run([sys.executable, "-c", LOOK, "figures", *FOLDER], capture_output=True, text=True, check=True)
    assert not set(done.stderr.splitlines()[-1].split()) & {"torch", "lightning", "sklearn", "pandas", "matplotlib"}


def test_completion(ganx, monkeypatch):
    assert "figures" in COMMANDS
    for line, wanted in (("ganx figures figure=hexagan_d", "figure=hexagan_digits"), ("ganx figures ou", "out=")):
        monkeypatch.setenv("COMP_LINE", line)
        assert wanted in ganx("-sc", "query=bash").out.split()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["figure=small_digit"], "figure=small_digit: no such figure; did you mean 'small_digits'?"),
        (["figure=small_digits", "model.steps=3"], "model.steps=3 would change what a figure means; put a copy"),
        (["figure=small_digits", "dataset=mnist"], "dataset=mnist would change what a figure means"),
        (["figure=small_digits", "runs=[]"], "runs=[] would change what a figure means"),
        (["figure=small_digits", "draw=samples"], "draw=samples would change what a figure means"),
        (["figure=small_digits", "figure.draw=samples"], "figure.draw=samples would change what a figure means"),
        (["figure=small_digits", "seed=1"], "seed=1 would change what a figure means"),
        (["figure=small_digits", "otu=x.png"], "unknown key 'otu'; did you mean 'out'?"),
        (["figure=small_digits", "hardware.threads=0"], "hardware.threads=0: expected an integer >= 1"),
        (["-m", "figure=small_digits"], "-m: ganx figures takes one figure, or all of them"),
        (["figure=wrong"], "unknown key 'figure.titel'; did you mean 'title'?"),
        (["figure=broken_run"], "run 'HexaGAM': model=hexagam: no such model; did you mean 'hexagan'?"),
        (["figure=baseline"], "draw=digits: run 'first': model=knn keeps no networks"),
        (["figure=no_image"], "draw=digits: run 'first': the rows of dataset=wine are no images"),
        (["figure=no_generator"], "draw=samples: run 'first': model=gain does not define `encode`"),
        (["figure=not_in_the_plane"], "draw=clusters: run 'first': the rows of dataset=wine are no points"),
        (["figure=no_categories"], "draw=categories: run 'first': model=hexagan does not define `sample`"),
        (["figure=no_convolution"], "draw=clusters: run 'second': model=dcgan is for images"),
        (["figure=unselected"], "draw=curves: run 'first': protocol.selection=last scores no validation rows"),
        (["figure=two_data_sets"], "draw=digits: run 'second': its protocol is not that of the first run"),
    ],
)
def test_refusals(ganx, tmp_path, words, told):
    code, out, err = ganx("figures", *FOLDER, *words)
    assert (code, out) == (2, "")
    assert err.startswith(f"ganx: {told}")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_outputs_that_cannot_be_written(ganx, tmp_path):
    (tmp_path / "file").touch()
    code, _, err = ganx("figures", *FOLDER, "figure=small_samples", "out=file/x.png")
    assert code == 2
    assert err.startswith("ganx: out=file/x.png: cannot write there")
