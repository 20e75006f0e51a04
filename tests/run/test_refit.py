"""One training, then the file: after scoring, a run is fitted once more on all that is known."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ganx import cli
from ganx.engine.capabilities import Answers
from ganx.engine.checkpoint import read_checkpoint
from ganx.run.folder import RunFolder
from ganx.serve.parts import Single

QUICK = ["model.steps=60", "model.validate_every=20", "protocol.folds=2"]
PIPELINE = ["model=pipeline", "model@model.imputer=mean", "model@model.classifier=logistic", "model.balancer=none"]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    table = pd.DataFrame(x @ rng.normal(size=(3, 4)), columns=list("abcd")).round(3)
    table["kind"] = np.where(x[:, 0] > 0, "yes", "no")
    table.insert(0, "id", [f"row{i}" for i in range(80)])
    holes = table.mask(rng.random(table.shape) < np.array([0, 0.1, 0.1, 0.1, 0.1, 0.2]))
    holes.to_csv("own.csv", index=False)
    return tmp_path


def train(*words: str) -> Path:
    command = ["train", "dataset=csv", "dataset.path=own.csv", "dataset.target=kind", "dataset.drop=[id]", *words]
    assert cli.main(command) == 0
    (run,) = Path("outputs/runs/csv").glob("[!.]*")
    return run


def result(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run / "result.json").read_text())
    return content


@pytest.mark.parametrize("model", [["model=knn"], ["model=hexagan", *QUICK], ["model=logistic"], PIPELINE])
def test_what_was_scored_in_folds_answers_for_files(own: Path, model: list[str]) -> None:
    run = train(*model, "protocol.folds=2")
    assert result(run)["refit"]["replica_ids"] == [[0, 0]]
    if "logistic" not in model[0]:
        assert cli.main(["impute", f"run={run}", "input=own.csv", "out=filled.csv"]) == 0
        assert not pd.read_csv("filled.csv")[list("abcd")].isna().any(axis=None)
    if "knn" not in model[0]:
        assert cli.main(["predict", f"run={run}", "input=own.csv", "out=classes.csv"]) == 0
        classes = pd.read_csv("classes.csv")
        assert list(classes) == ["id", "kind", "p(no)", "p(yes)"]
        assert set(classes["kind"]) <= {"yes", "no"}
        np.testing.assert_allclose(classes[["p(no)", "p(yes)"]].sum(axis=1), 1, atol=1e-5)


def test_the_second_fit_sees_all_known_cells_and_labels(own: Path) -> None:
    run = train("model=mean")
    kept = read_checkpoint(run / "refit" / "checkpoints" / "last.ckpt")
    low, span = (np.array(kept["table"][key][0]) for key in ("low", "span"))
    known = pd.read_csv("own.csv")[list("abcd")]
    np.testing.assert_allclose(low, 0, atol=1e-6)  # in units of the whole table
    np.testing.assert_allclose(span, 1, atol=1e-6)
    assert cli.main(["impute", f"run={run}", "input=own.csv", "out=filled.csv"]) == 0
    filled = pd.read_csv("filled.csv")
    for name in "abcd":
        found = filled.loc[known[name].isna(), name]
        np.testing.assert_allclose(found, known[name].mean(), atol=1e-3)


def test_a_trained_method_keeps_the_steps_that_were_best_before(own: Path) -> None:
    run = train("model=hexagan", *QUICK)
    steps = result(run)["refit"]["steps"]
    best = read_checkpoint(run / "refit" / "checkpoints" / "last.ckpt")["best"]
    assert set(steps) == {"rmse_row", "f1"}
    assert {name: best[name]["step"].tolist() for name in steps} == {name: [step] for name, step in steps.items()}


def test_a_published_set_is_fitted_once_more_where_that_is_asked_for(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["train", "model=mean", "dataset=wine"]) == 0
    (run,) = Path("outputs/runs/wine").iterdir()
    before = result(run)
    assert before["refit"] is None
    assert cli.main(["impute", f"run={run}", "input=own.csv", "out=filled.csv"]) == 2
    assert "refit=true" in capsys.readouterr().err
    assert cli.main(["train", "model=mean", "dataset=wine", "refit=true"]) == 0
    after = result(run)
    assert after["refit"]
    assert after["metrics"] == before["metrics"]
    assert cli.main(["train", "model=mean", "dataset=wine"]) == 0  # and it stays
    assert result(run) == after


def test_uncertain_rows_are_left_open(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = train("model=logistic")
    assert cli.main(["predict", f"run={run}", "input=own.csv", "out=all.csv"]) == 0
    assert cli.main(["predict", f"run={run}", "input=own.csv", "out=some.csv", "abstain=0.9"]) == 0
    every, some = (pd.read_csv(name, keep_default_na=False) for name in ("all.csv", "some.csv"))
    sure = every[["p(no)", "p(yes)"]].max(axis=1) >= 0.9
    assert 0 < sure.sum() < len(sure)
    assert (some["kind"] == np.where(sure, every["kind"], "")).all()
    assert f"{(~sure).sum()} left open" in capsys.readouterr().out


def test_what_is_named_is_the_choice_of_the_method_or_with_abstain_the_likeliest(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train("model=logistic", "protocol.folds=2")
    changed = result(run)
    changed["refit"]["calibration"] = {"slope": 1.0, "shift": [2.0, 0.0]}
    RunFolder(run).write_result(changed)
    told = {}
    for name, words in {"all.csv": [], "likely.csv": ["abstain=0.01"], "sure.csv": ["abstain=0.9"]}.items():
        capsys.readouterr()
        assert cli.main(["predict", f"run={run}", "input=own.csv", f"out={name}", *words]) == 0
        told[name] = capsys.readouterr().out
    chosen, likely, sure = (pd.read_csv(name, keep_default_na=False) for name in told)
    probable = np.where(chosen["p(no)"] > chosen["p(yes)"], "no", "yes")
    differing = (chosen["kind"] != probable).sum()
    assert differing > 0
    assert f"is not the likeliest one in {differing} row" in told["all.csv"]
    assert "likeliest" not in told["likely.csv"] + told["sure.csv"]
    assert (likely["kind"] == probable).all()
    certain = chosen[["p(no)", "p(yes)"]].max(axis=1) >= 0.9
    assert (sure["kind"] == np.where(certain, probable, "")).all()
    assert f"{certain.sum()} classes named" in told["sure.csv"]
    assert f"{(~certain).sum()} left open" in told["sure.csv"]


def test_predicting_says_nothing_of_filling_and_asks_for_classes_alone(
    own: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pd.read_csv("own.csv")
    table["colour"] = ["red", "blue"] * 40
    table.to_csv("own.csv", index=False)
    run = train("model=hexagan", *QUICK)
    table.assign(colour="green", kind="perhaps").drop(columns="b").to_csv("new.csv", index=False)
    asked = []

    def answer(self: Single, replica: int, view: object, known: object, names: Sequence[str]) -> Answers:
        asked.append((len(view.x), tuple(names)))  # type: ignore[attr-defined]
        return original(self, replica, view, known, names)  # type: ignore[arg-type]

    original = Single.answer
    monkeypatch.setattr(Single, "answer", answer)
    monkeypatch.setattr("ganx.serve.ensemble.MOST_CELLS", 6 * 30)
    capsys.readouterr()
    assert cli.main(["predict", f"run={run}", "input=new.csv", "out=classes.csv"]) == 0
    assert asked == [(30, ("classify",)), (30, ("classify",)), (20, ("classify",))]
    told = capsys.readouterr().out
    assert "lacks the column 'b': it counts as missing in every row\n" in told
    assert "80 cells with values that the run does not know ('green'), counted as missing\n" in told
    assert "perhaps" not in told


def test_a_column_that_would_stand_twice_is_refused(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = train("model=logistic", "protocol.folds=2")
    pd.read_csv("own.csv").rename(columns={"id": "p(no)"}).to_csv("new.csv", index=False)
    assert cli.main(["predict", f"run={run}", "input=new.csv", "out=classes.csv"]) == 2
    assert capsys.readouterr().err == (
        "ganx: new.csv: the output would have two columns 'p(no)'; rename that of the input\n"
    )
    assert not Path("classes.csv").exists()


def test_a_single_replica_has_no_spread(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = train("model=mean")
    assert cli.main(["impute", f"run={run}", "input=own.csv", "out=filled.csv", "--spread", "spread.csv"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("ganx: spread=spread.csv: a single replica answers")
    assert told.endswith("model=mean seeds=5\n")
    assert not Path("filled.csv").exists()
    assert not Path("spread.csv").exists()


@pytest.mark.parametrize(
    ("words", "fragment"),
    [
        (["out=own.csv"], "the input itself"),
        (["out=x.csv", "abstain=1.5"], "abstain"),
        (["out=x.csv", "run=nothing"], "run=nothing"),
    ],
)
def test_what_cannot_be_predicted_is_refused(
    own: Path, words: list[str], fragment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train("model=mean")
    words = words if any(word.startswith("run=") for word in words) else [*words, f"run={run}"]
    assert cli.main(["predict", "input=own.csv", *words]) == 2
    assert fragment in capsys.readouterr().err
    assert not Path("x.csv").exists()


def test_a_method_without_classes_predicts_none(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = train("model=mean")
    assert cli.main(["predict", f"run={run}", "input=own.csv", "out=x.csv"]) == 2
    assert "model=mean does not classify" in capsys.readouterr().err
