"""A disk that is full at any moment: one line, earlier files intact, and the same command then ends well."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ganx import cli
from tests.processes import Answer, Ganx

SOAK = "GANX_SOAK_KILLS" in os.environ
WINE = ["dataset=wine", "protocol.folds=2"]
TRAINED = ["train", "model=hexagan", *WINE, "model.steps=4", "model.validate_every=2", "refit=true"]
LINE = r"ganx: cannot write .*: No space left on device; choose another folder with outputs=DIR, or make room\n"


pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


def contents(folder: str) -> dict[str, bytes]:
    """Return whole files; heartbeat and TensorBoard's grow while a run goes on."""
    files = [file for file in sorted(Path(folder).rglob("*")) if file.is_file()]
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in files
        if file.name not in ("heartbeat", "metrics.csv") and "tensorboard" not in file.parts
    }


@pytest.mark.timeout(600)
def test_each_file_of_a_run_may_meet_a_full_disk(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever cannot be written, what was there stays, and nothing half-written is left."""
    command = ["train", "model=gain", *WINE, "model.steps=2", "model.validate_every=2"]
    assert cli.main([*command, "outputs=whole"]) == 0
    as_written = sorted((Path("whole", name) for name in contents("whole")), key=lambda file: file.stat().st_mtime_ns)
    names = [file.name for file in as_written]
    assert {"config.yaml", "provenance.json", "last.ckpt", "losses.png", "result.json"} <= {*names}
    replace = Path.replace
    for name in names:

        def full(file: Path, target: Path, name: str = name) -> Path:
            if target.name == name:
                raise OSError(28, "No space left on device")
            return replace(file, target)

        before = contents("full")
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", full)
            capsys.readouterr()
            assert cli.main([*command, "outputs=full"]) == 1, name
        told = capsys.readouterr().err
        assert told.startswith("ganx: cannot write")
        assert name in told
        assert told.count("\n") == 1
        after = contents("full")
        assert before.items() <= after.items()
        assert not [file for file in after if Path(file).name.startswith(".")]
    assert cli.main([*command, "outputs=full"]) == 0
    assert {file: content for file, content in contents("full").items() if file.endswith((".ckpt", ".png"))} == {
        file: content for file, content in contents("whole").items() if file.endswith((".ckpt", ".png"))
    }


# --- a real disk of a few hundred kilobytes ------------------------------------------------------------------------


def mount(folder: Path, size: int) -> None:
    """Mount a tmpfs of so many kB; skips where that is not allowed."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}k", "ganx", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("tmpfs cannot be mounted here")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder that a disk may be mounted on."""
    yield tmp_path / "disk"
    while os.path.ismount(tmp_path / "disk"):
        subprocess.run(["umount", "--lazy", str(tmp_path / "disk")], check=True)


OWN = ["train", "dataset=csv", "dataset.path=own.csv", "dataset.target=kind", "protocol.folds=2"]
GENERATES = ["train", "model=cgan", "dataset=digits", "model.steps=4", "model.validate_every=4", "protocol.folds=0"]
SERVED = {
    "impute": ["impute", "run=RUN", "input=own.csv", "out=disk/sub/filled.csv"],
    "spread": ["impute", "run=RUN", "input=own.csv", "out=disk/filled.csv", "--spread", "disk/spread.csv"],
    "predict": ["predict", "run=RUN", "input=own.csv", "out=disk/classes.csv"],
    "sample": ["sample", "run=RUN", "out=disk/made.csv", "n=300"],
    "figure": ["sample", "run=RUN", "out=disk/made.png", "n=400"],
    "arrays": ["sample", "run=RUN", "out=disk/made.npz", "n=3000"],
    "interpolate": ["interpolate", "run=RUN", "out=disk/walk.gif", "n=16", "steps=20"],
    "neighbours": ["neighbours", "run=RUN", "out=disk/pairs.png", "n=40"],
}
BLEND = ["model.candidates=[mean,knn]", "model.classifiers=[logistic]", "model.filler=mean"]
CHAIN = ["model@model.imputer=mean", "model@model.classifier=boosting", "model.balancer=smote"]
TRAININGS = {
    "trained": TRAINED,
    "two": [*TRAINED, "model.max_replicas=1", "hardware.workers=2"],
    "estimator": ["train", "model=knn", *WINE, "refit=true"],
    "pipeline": ["train", "model=pipeline", *WINE, *CHAIN],
    "best": ["train", "model=best", *WINE, *BLEND],
}

Command = Callable[..., Answer]


@pytest.fixture
def command(start: Callable[..., Ganx]) -> Command:
    return lambda *argv: start(*argv, GANX_CHECKPOINT_SECONDS="0").answer()


def used(disk: Path) -> int:
    """Return the kB in use."""
    status = os.statvfs(disk)
    return (status.f_blocks - status.f_bfree) * status.f_frsize // 1024


def fills_up(command: Command, disk: Path, argv: list[str]) -> None:
    """Do a command on disks of five sizes that are too small, and then on one that is not."""
    mount(disk, 1 << 16)
    assert command(*argv).code == 0
    needed = used(disk)
    subprocess.run(["umount", str(disk)], check=True)
    sizes = sorted({4 + (needed - 8) * tenths // 10 // 4 * 4 for tenths in (0, 3, 6, 8, 10)})
    assert len(sizes) == 5, needed
    for size in sizes:
        mount(disk, size)
        (disk / "earlier.csv").write_text("precious")
        code, out, err = command(*argv)
        assert code == 1, (size, out, err)
        assert "No space left on device" in err, (size, err)
        assert err.count("\n") == 1, (size, err)
        assert (disk / "earlier.csv").read_text() == "precious"
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        again = command(*argv)
        assert again.code == 0, (size, again)
        assert not list(disk.rglob(".ganx-*"))
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.skipif(not SOAK, reason="takes long: make soak")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("argv", TRAININGS.values(), ids=TRAININGS)
def test_training_on_five_small_disks(command: Command, disk: Path, argv: list[str]) -> None:
    fills_up(command, disk, [*argv, "outputs=disk"])


@pytest.mark.skipif(not SOAK, reason="takes long: make soak")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("argv", SERVED.values(), ids=SERVED)
def test_output_to_five_small_disks(command: Command, disk: Path, argv: list[str]) -> None:
    rows = [f"{i}.5,{i % 7 or ''},word-{i % 5},{'yn'[i % 2] if i % 3 else ''}" for i in range(2000)]
    Path("own.csv").write_text("\n".join(["a,b,c,kind", *rows, ""]))
    own = argv[0] in ("impute", "predict")
    assert command(*([*OWN, "model=mean", "seeds=2"] if own else GENERATES)).code == 0
    if argv[0] == "predict":
        assert command(*OWN, "model=logistic").code == 0
    runs = sorted(Path("outputs").glob("runs/*/*"), key=lambda run: run.stat().st_mtime)
    fills_up(command, disk, [word.replace("RUN", str(runs[-1])) for word in argv])
