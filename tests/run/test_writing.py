"""Where a run writes, and where it does not: links, names, folders that cannot be written to, files that go away."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganx import cli
from ganx.run.folder import RunFolder

MEAN = ["train", "model=mean", "dataset=wine", "protocol.folds=2"]
PIPELINE = [
    "train",
    "model=pipeline",
    "model@model.imputer=gain",
    "model.imputer.steps=2",
    "model@model.classifier=dummy",
]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANX_OUTPUTS", raising=False)


def the_run(outputs: str = "outputs") -> RunFolder:
    (path,) = Path(outputs).glob("runs/*/[!.]*")
    return RunFolder(path)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def refused(capsys: pytest.CaptureFixture[str], code: int, *argv: str) -> str:
    capsys.readouterr()
    assert cli.main(list(argv)) == code
    told = capsys.readouterr().err
    assert told.count("\n") == 1, told
    return told


@pytest.mark.parametrize(
    "name", ["heartbeat", "metrics.csv", "checkpoints", "figures", "tensorboard", "imputer/x", "."]
)
@pytest.mark.parametrize("force", [False, True])
def test_a_run_writes_through_no_link(name: str, force: bool, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(MEAN) == 0
    run, elsewhere = the_run(), Path("elsewhere")
    run.result.unlink()
    place = run.path / name
    if place.exists():
        place.rename(elsewhere)
    else:
        elsewhere.mkdir()
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(elsewhere.absolute())
    before = contents(Path())
    told = refused(capsys, 1, *MEAN, f"force={force}")
    assert told.startswith(f"ganx: {place} is a link")
    assert contents(Path()) == before


def test_folders_above_a_run_may_be_links() -> None:
    for link in ("outputs", "outputs/runs", "outputs/runs/wine"):
        target = Path("scratch") / link.replace("/", "-")
        target.mkdir(parents=True)
        Path(link).symlink_to(target.absolute())
    assert cli.main(MEAN) == 0
    assert the_run().state() == "done"


def test_a_link_in_the_place_of_what_a_forced_run_trains_in(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(MEAN) == 0
    Path("elsewhere").mkdir()
    the_run().beside.path.symlink_to(Path("elsewhere").absolute())
    assert "is a link" in refused(capsys, 1, *MEAN, "force=true")
    assert not list(Path("elsewhere").iterdir())


@pytest.mark.parametrize("link", [".lock", "study"])
def test_a_sweep_and_a_study_write_through_no_link(link: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("precious").write_text("precious")
    place = Path("outputs/sweeps/.lock" if link == ".lock" else "outputs/studies/gain-wine.log")
    place.parent.mkdir(parents=True)
    place.symlink_to(Path("precious").absolute())
    sweep = ["train", "-m", "model=mean,zeros", "dataset=wine"]
    search = ["train", "search=gain", "model=gain", "dataset=wine", "n_trials=1", "model.steps=2"]
    assert "is a link" in refused(capsys, 1, *(sweep if link == ".lock" else search))
    assert Path("precious").read_text() == "precious"


@pytest.mark.parametrize("key", ["model.name", "dataset.name"])
@pytest.mark.parametrize("name", ["../../x", "..", ".", ".x", "/tmp/x", "a/b", "'a\tb'", "''", "x" * 201, "'[/x]'"])
def test_a_name_leads_to_no_other_folder(key: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, 2, *MEAN, f"{key}={name}").startswith(f"ganx: {key}=")
    assert not list(Path().iterdir())


def test_a_name_may_be_in_any_language() -> None:
    assert cli.main([*MEAN, "model.name='Über mean-2.1'"]) == 0
    assert the_run().path.name.startswith("Über mean-2.1-")


def test_a_model_of_ones_own_has_a_plain_name(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine/model").mkdir(parents=True)
    Path("mine/model/own.yaml").write_text("_target_: ganx.baselines.mean.Mean\nname: ../own\nversion: 1\n")
    told = refused(capsys, 2, "train", "--config-dir", "mine", "model=own", "dataset=wine")
    assert told.startswith("ganx: model.name='../own' is no name for a folder")
    assert not Path("outputs").exists()
