"""model=best: what candidates are shown, what their blend answers, what is kept, and what is refused."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from ganx import cli
from ganx.compose import compose
from ganx.errors import UserError
from ganx.run.best import Blend
from ganx.run.context import Context, lay_out
from ganx.run.cost import Cost, affordable
from ganx.run.experiment import Experiment
from ganx.run.fitters import fitter_of
from ganx.run.folder import RunFolder
from ganx.run.parts import PARTS, inner_splits, members
from ganx.run.weighing import names_of

PLAIN = ["model.candidates=[mean,matrix]", "model.classifiers=[logistic]", "model.filler=mean"]
SHORT = ["model=best", "dataset=wine", "protocol.folds=2", *PLAIN]
STEPS = ["model.models.autoencoder.steps=4", "model.models.autoencoder.validate_every=2"]


def experiment_of(*overrides: str) -> Experiment:
    return Experiment.of(compose("train", [*SHORT, *overrides]))


def context_of(experiment: Experiment) -> Context:
    return Context(Console(quiet=True), lay_out(experiment))


def test_models_that_answer_for_a_part_have_not_seen_it() -> None:
    experiment = experiment_of("seeds=2")
    splits = inner_splits(experiment)
    assert len({(split.seed, split.fold) for split in [*splits, *experiment.splits]}) == 4 * (PARTS + 1)
    for r, outer in enumerate(experiment.splits):
        parts = [splits[number - 4] for number in members(r, 4)[1:]]
        assert sorted(np.concatenate([part.test for part in parts])) == sorted(outer.rows)
        for part in parts:
            assert part.seed == outer.seed
            assert not set(part.rows) & (set(part.test) | set(outer.test))
            assert sorted([*part.rows, *part.test]) == sorted(outer.rows)
            assert part.seen_valid.shape == part.seen[part.valid].shape
            assert not (part.seen_valid & ~part.seen[part.valid]).any()
            assert not part.labelled[part.test].any()
            np.testing.assert_array_equal(part.seen, outer.seen)


def test_rows_of_a_group_are_in_one_part() -> None:
    experiment = experiment_of()
    groups = np.random.default_rng(0).permutation(np.arange(experiment.table.n_rows) % 40)
    experiment = replace(experiment, table=replace(experiment.table, groups=groups))
    parts = [set(groups[split.test]) for split in inner_splits(experiment)[::2]]
    assert not any(a & b for a, b in itertools.combinations(parts, 2))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_hidden_cells_labels_and_test_rows_have_no_say(tmp_path: Path) -> None:
    experiment = experiment_of()
    table, split = experiment.table, experiment.splits[0]
    before = fitter_of(experiment).fit(experiment, RunFolder(tmp_path / "a"), context_of(experiment))
    table.x[~split.seen] = 1e3
    table.x[split.test] = -1e3
    assert table.y is not None
    table.y[~split.labelled] = 0
    table.y[split.test] = 1
    after = fitter_of(experiment).fit(experiment, RunFolder(tmp_path / "b"), context_of(experiment))
    for name in ("mean", "matrix"):
        np.testing.assert_array_equal(before["weights"][name][0], after["weights"][name][0])
    np.testing.assert_array_equal(before["factors"][0], after["factors"][0])


def test_a_run_is_kept_shown_and_evaluated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = [*SHORT, f"outputs={tmp_path}"]
    assert cli.main(["train", *argv]) == 0
    (folder,) = (tmp_path / "runs" / "wine").iterdir()
    result = json.loads((folder / "result.json").read_text())
    columns = result["blend"].pop("columns")
    for weights in [*result["blend"].values(), *columns.values()]:
        assert sum(weights.values()) == pytest.approx(1, abs=0.01)
    assert set(result["blend"]["labels"]) == {"logistic"}
    assert "blend   of numbers: matrix" in capsys.readouterr().out
    assert not list(folder.glob("candidates/*/checkpoints"))
    assert cli.main(["eval", f"run={folder}"]) == 0
    assert f"{result['metrics']['rmse']['mean']:.4f}" in capsys.readouterr().out


def test_a_blend_is_better_than_its_candidates(tmp_path: Path) -> None:
    experiment = experiment_of("model.candidates=[mean,knn,matrix]", "model.classifiers=[]")
    blend = fitter_of(experiment)
    state = blend.fit(experiment, RunFolder(tmp_path), context_of(experiment))

    def rmse(experiment: Experiment, state: dict) -> float:
        answers = fitter_of(experiment).answers(experiment, state, context_of(experiment))
        return float(np.mean([experiment.score(r, answer)["rmse"] for r, answer in enumerate(answers) if answer]))

    alone = {}
    for name in ("mean", "knn", "matrix"):
        one = Experiment.of(compose("train", [f"model={name}", "dataset=wine", "protocol.folds=2"]))
        folder = RunFolder(tmp_path / name)
        alone[name] = rmse(one, fitter_of(one).fit(one, folder, context_of(one)))
    assert rmse(experiment, state) < min(alone.values())


def test_a_trained_candidate_is_one_stack_and_its_folder_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = ["model.candidates=[mean,autoencoder]", "model.classifiers=[]", "model.filler=mean", *STEPS]
    experiment = experiment_of(*argv)
    with monkeypatch.context() as broken:
        broken.setattr("ganx.run.best.write_checkpoint", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            Blend().fit(experiment, RunFolder(tmp_path), context_of(experiment))
    left = tmp_path / "candidates" / "autoencoder" / "checkpoints" / "last.ckpt"
    assert left.exists()
    monkeypatch.setattr("ganx.run.gradient._train", lambda *_: pytest.fail("it was trained again"))
    state = Blend().fit(experiment, RunFolder(tmp_path), context_of(experiment))
    assert len(state["candidates"]["autoencoder"]["replicas"]) == 2 * (PARTS + 1)
    kept = Blend().state(experiment, RunFolder(tmp_path), context_of(experiment))
    answers = [Blend().answers(experiment, one, context_of(experiment)) for one in (state, kept)]
    for fitted, read in zip(*answers, strict=True):
        assert fitted is not None
        assert read is not None
        np.testing.assert_array_equal(fitted["impute"], read["impute"])


def test_classifiers_that_fill_cells_read_the_gaps(tmp_path: Path) -> None:
    names = ("hexagan", "triplegan")
    steps = [f"model.models.{name}.{key}=2" for name in names for key in ("steps", "validate_every")]
    experiment = experiment_of("model.candidates=[mean,hexagan]", "model.classifiers=[triplegan,hexagan]", *steps)
    state = Blend().fit(experiment, RunFolder(tmp_path), context_of(experiment))
    assert state["reads_filled"] == ["triplegan"]
    for answer in Blend().answers(experiment, state, context_of(experiment)):
        assert answer is not None
        np.testing.assert_allclose(answer["classify"].sum(1), 1)
        assert answer["classify"].shape[1] == 3


def test_a_candidate_that_fails_is_left_out_by_name(tmp_path: Path) -> None:
    experiment = experiment_of(
        "model.candidates=[mean,autoencoder]", "model.classifiers=[]", *STEPS, "optimizer.lr=1e30"
    )
    state = Blend().fit(experiment, RunFolder(tmp_path), context_of(experiment))
    assert "autoencoder is left out: replica (0,0) failed" in state["notes"][0]
    assert list(state["weights"]) == ["mean"]


def test_a_budget_leaves_out_the_slowest_by_name(tmp_path: Path) -> None:
    experiment = experiment_of("model.classifiers=[]", "model.minutes=1e-9")
    state = Blend().fit(experiment, RunFolder(tmp_path), context_of(experiment))
    assert state["notes"] == ["matrix is left out: it does not end in model.minutes=1e-09"]
    assert list(state["weights"]) == ["mean"]
    planned = {"a": Cost(50, 0), "b": Cost(20, 0), "c": Cost(30, 0)}
    assert affordable(planned, "c", 1) == {"b", "c"}
    assert affordable(planned, "a", None) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("model.candidates=[mean,kn]", "model.candidates: there is no candidate 'kn'; did you mean 'knn'?"),
        ("model.candidates=[]", "model.candidates=[]: name at least one model"),
        ("model.candidates=[mean,logistic]", "model.candidates: model.models.logistic does not impute"),
        ("model.classifiers=[mean]", "model.classifiers: model.models.mean does not classify"),
        ("model.filler=meen", "model.filler: there is no candidate 'meen'; did you mean 'mean'?"),
        ("model.models.matrix.rounds=0", "model.models.matrix.rounds=0: expected an integer >= 1"),
        ("model.objective=mse", "model.objective=mse: expected one of rmse, rmse_row"),
    ],
)
def test_what_is_wrong_is_told(override: str, told: str) -> None:
    with pytest.raises(UserError, match=told.replace("[", r"\[").replace("(", r"\(").replace("?", r"\?")):
        compose("train", [*SHORT, override])


def test_models_that_are_not_named_alter_nothing() -> None:
    assert set(compose("train", SHORT)["model"]["models"]) == {"mean", "matrix", "logistic"}
    assert experiment_of().signature == experiment_of("model.models.knn.n_neighbors=3").signature


def test_another_model_can_be_added() -> None:
    config = compose("train", [*SHORT, "+model@model.models.nothing=zeros", "model.candidates=[mean,nothing]"])
    assert config["model"]["models"]["nothing"]["name"] == "zeros"


def own_table(file: Path, labels: list[str]) -> list[str]:
    """Write a table of two related numbers, with labels in the first rows, and return how it is trained on."""
    rng = np.random.default_rng(0)
    numbers = [f"{a:.3f},{a + b:.3f}" for a, b in rng.normal(size=(60, 2))]
    lines = [f"{pair},{label}" for pair, label in itertools.zip_longest(numbers, labels, fillvalue="")]
    file.write_text("\n".join(["a,b,y", *lines]) + "\n")
    return ["model=best", "dataset=csv", f"dataset.path={file}", "protocol.folds=2"]


def test_the_usual_classifiers_are_of_no_account_without_a_target(tmp_path: Path) -> None:
    words = own_table(tmp_path / "own.csv", ["x"] * 60)
    experiment = Experiment.of(compose("train", [*words, "dataset.drop=[y]"]))
    Blend().check(experiment)
    assert not {"logistic", "boosting", "triplegan"} & set(names_of(experiment))


def test_two_labels_are_enough(tmp_path: Path) -> None:
    words = own_table(tmp_path / "own.csv", ["x", "z"])
    argv = [*words, *PLAIN, "dataset.target=y", "refit=false", f"outputs={tmp_path}"]
    assert cli.main(["train", *argv, "protocol.label_rate=1", "protocol.folds=0"]) == 0


def test_the_models_that_fill_files_are_those_that_were_scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More would fit into the budget when one replica is fitted, not all of them."""
    budgets = []

    def chosen(costs: dict[str, Cost], needed: str, minutes: float | None) -> set[str]:
        budgets.append(minutes)
        return set(costs) - ({"matrix"} if minutes else set())

    monkeypatch.setattr("ganx.run.best.affordable", chosen)
    words = [*own_table(tmp_path / "own.csv", ["x", "z"] * 30), *PLAIN, "dataset.target=y", "model.minutes=5"]
    assert cli.main(["train", *words, "model.candidates=[mean,knn,matrix]", f"outputs={tmp_path}"]) == 0
    (file,) = tmp_path.glob("runs/csv/*/result.json")
    result = json.loads(file.read_text())
    assert budgets == [5, None]
    assert result["notes"] == ["matrix is left out: it does not end in model.minutes=5"]
    assert set(result["blend"]["numbers"]) == set(result["refit"]["blend"]["numbers"]) == {"mean", "knn"}
