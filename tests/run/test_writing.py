"""Where a run writes, and where it does not: links, names, folders that cannot be written to, files that go away."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ganx import cli
from tests.processes import Ganx, until
from tests.runs import the_run

MEAN = ["train", "model=mean", "dataset=wine", "protocol.folds=2"]
PIPELINE = [
    "train",
    "model=pipeline",
    "model@model.imputer=gain",
    "model.imputer.steps=2",
    "model@model.classifier=dummy",
]


pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


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


# --- files that go away, folders of others, processes that are killed ----------------------------------------------


@pytest.mark.parametrize("lost", ["outputs", "RUN/checkpoints", "RUN/heartbeat"])
def test_files_that_are_removed_under_a_running_process(start: Callable[..., Ganx], lost: str) -> None:
    """It ends with one line, or well where nothing is lost by it; the same command then ends well."""
    words = ["train", "model=gain", "dataset=wine", "protocol.folds=2", "model.steps=800", "model.validate_every=20"]
    process = start(*words, GANX_CHECKPOINT_SECONDS="0")
    until(lambda: [*Path("outputs").glob("runs/wine/*/checkpoints/last.ckpt")])
    place = Path(lost.replace("RUN", str(the_run().path)))
    process.send(signal.SIGSTOP)  # or it would write while files are being removed
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    process.send(signal.SIGCONT)
    code, _, told = process.answer()
    assert (code, told.count("\n")) in ((1, 1), (0, 0)), told
    if lost != "RUN/checkpoints":
        assert "was removed while" in told or "No such file" in told
        assert not list(Path().glob("outputs/runs/wine/*/result.json"))
    again = start(*words)
    assert again.wait() == 0, again.answer().err
    assert the_run().state() == "done"


@pytest.fixture
def others() -> Iterator[Path]:
    """A folder that everybody may look at, in which a run of root's lies; the test then goes on as nobody."""
    if os.geteuid():
        pytest.skip("only root can become somebody else")
    folder = Path(tempfile.mkdtemp(prefix="ganx-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        os.seteuid(0)
        shutil.rmtree(folder)


def test_outputs_of_another_user_are_read_and_not_written(others: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = others / "outputs"
    mean = [*MEAN, "refit=true", f"outputs={outputs}"]
    Path("in.csv").write_text("a\n1\n")
    assert cli.main(mean) == 0
    assert cli.main(["train", "model=zeros", *MEAN[2:], "outputs=imports"]) == 0  # all that nobody may not import
    run = the_run(str(outputs)).path
    for command in (["eval", f"run={run}"], ["status", "--outputs", str(outputs)]):
        assert cli.main(command) == 0
    before = contents(outputs)
    os.seteuid(65534)
    for command in (["eval", f"run={run}"], ["status", "--outputs", str(outputs)], mean):
        assert cli.main(command) == 0
    for command in ([*mean, "force=true"], [*mean, "seed=1"]):
        assert "Permission denied" in refused(capsys, 1, *command)
    told = refused(capsys, 2, "impute", f"run={run}", "input=in.csv", f"out={outputs}/f.csv")
    assert told == f"ganx: out={outputs}/f.csv: cannot write there: Permission denied\n"
    os.seteuid(0)
    assert contents(outputs) == before


def test_an_output_of_a_killed_command_is_whole_or_absent(start: Callable[..., Ganx]) -> None:
    Path("own.csv").write_text("a,b\n" + "".join(f"{i}.5,{i % 7 or ''}\n" for i in range(200)))
    Path("large.csv").write_text("a,b\n" + "".join(f"{i % 200}.5,{i % 7 or ''}\n" for i in range(200_000)))
    assert cli.main(["train", "model=mean", "dataset=csv", "dataset.path=own.csv", "protocol.folds=2"]) == 0
    command = ["impute", f"run={the_run()}", "input=large.csv", "out=filled.csv"]
    for earlier in (None, "precious"):
        if earlier:
            Path("filled.csv").write_text(earlier)
        process = start(*command)
        until(lambda: any(file.stat().st_size for file in Path().glob(".ganx-*.tmp")))
        process.send(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not Path("filled.csv").exists() if earlier is None else Path("filled.csv").read_text() == earlier
        for left in Path().glob(".ganx-*.tmp"):  # hidden, and read by nobody
            left.unlink()
    assert start(*command).wait() == 0
    assert Path("filled.csv").read_text().count("\n") == 200_001


def test_what_a_killed_process_has_left_in_a_run_goes_with_the_next() -> None:
    assert cli.main(MEAN) == 0
    the_run().result.unlink()
    left = the_run().checkpoints / ".ganx-12345678.tmp"
    left.write_text("half a checkpoint")
    assert cli.main(MEAN) == 0
    assert not left.exists()
