"""The life of a run, through the real command line: killed, interrupted, failed, locked, moved, resumed."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganx import cli
from ganx.run.folder import RunFolder
from ganx.run.lock import RunLock
from ganx.run.signature import signature
from tests.processes import Ganx, until
from tests.runs import the_run

SHORT = ["train", "model=hexagan", "dataset=wine", "protocol.folds=2", "model.steps=40", "model.validate_every=10"]


pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


def read(folder: RunFolder) -> dict[str, Any]:
    result = folder.read_result()
    assert result is not None
    return result


def test_a_run_leaves_its_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(SHORT) == 0
    told = capsys.readouterr().out
    for part in ("178 rows", "13 columns", "3 classes", "2 replicas", "40 steps", "rmse_row", "folder", "again"):
        assert part in told, part
    folder = the_run()
    left = {str(file.relative_to(folder.path)) for file in folder.path.rglob("*") if file.is_file()}
    events = {name for name in left if name.startswith("tensorboard/")}
    assert events
    assert left - events == {
        "config.yaml",
        "provenance.json",
        "heartbeat",
        "metrics.csv",
        "checkpoints/last.ckpt",
        "figures/losses.png",
        "figures/imputation.png",
        "figures/hidden_space.png",
        "result.json",
    }
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in folder.figures.iterdir())
    provenance = json.loads(folder.provenance.read_text())
    assert provenance["chunks"] == [2]
    assert provenance["versions"]["torch"]
    result = read(folder)
    assert result["schema"] == 4
    assert result["seconds"] > 0
    assert result["peak_memory_mb"] > 50
    assert "hardware" not in result["config"]
    assert not Path("multirun").exists()
    assert not Path(".hydra").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR2, 140)])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_polite_signal_leaves_a_checkpoint(
    start: Callable[..., Ganx], number: signal.Signals, code: int, workers: int
) -> None:
    stacks = f"model.max_replicas={2 // workers}"
    process = start(*SHORT, "model.steps=100000", f"hardware.workers={workers}", stacks)
    until(lambda: len(list(Path().glob("outputs/runs/**/tensorboard/events*"))) == workers)
    time.sleep(0.5)
    process.send(number)
    assert process.wait(60) == code
    assert "goes on" in process.out
    assert the_run().state() == "interrupted"
    assert len(list(the_run().path.rglob("last.ckpt"))) == workers


@pytest.mark.parametrize("moment", ["step", "checkpoint"])
def test_ctrl_c_waits_for_nothing_long(
    moment: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ganx.engine import checkpoint, chunk
    from ganx.methods.hexagan import HexaGAN

    honest = HexaGAN.outer_step

    def step(self, batch):  # type: ignore[no-untyped-def]
        signal.raise_signal(signal.SIGINT)
        if moment == "step":
            time.sleep(60)
        honest(self, batch)

    monkeypatch.setattr(chunk, "PATIENCE", 0.1)
    monkeypatch.setattr(HexaGAN, "outer_step", step)
    if moment == "checkpoint":
        monkeypatch.setattr(checkpoint._Sealed, "write", lambda self, content: time.sleep(60))
    start = time.monotonic()
    assert cli.main(SHORT) == 130
    assert time.monotonic() - start < 30
    assert "the same command starts again: there is no checkpoint yet" in capsys.readouterr().out
    assert not list(the_run().path.rglob("*.ckpt"))
    assert not list(the_run().path.rglob("*.tmp"))


def test_a_loss_that_is_not_finite_fails_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    wild = [*SHORT, "optimizer=sgd", "optimizer.lr=1e30"]
    assert cli.main(wild) == 1
    result = read(the_run())
    assert result["status"] == "failed"
    assert set(result["failed"]) == {"0,0", "0,1"}
    assert "at step" in result["failed"]["0,0"]
    assert "loss" in capsys.readouterr().out
    assert the_run().state() == "failed"
    assert cli.main(wild) == 1
    assert "retry=true" in capsys.readouterr().out
    assert cli.main([*wild, "retry=true"]) == 1


def test_a_failed_replica_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    from ganx.methods.hexagan import HexaGAN

    honest = HexaGAN.loss_recon

    def poisoned(self, batch, x_bar):  # type: ignore[no-untyped-def]
        loss = honest(self, batch, x_bar)
        loss = loss.clone()
        if self.step == 15:
            loss[1] = float("nan")
        return loss

    monkeypatch.setattr(HexaGAN, "loss_recon", poisoned)
    assert cli.main(SHORT) == 1
    result = read(the_run())
    assert list(result["failed"]) == ["0,1"]
    assert result["failed"]["0,1"] == "loss e is nan at step 16"
    good, bad = result["metrics"]["rmse_row"]["values"]
    assert 0 < good < 1
    assert bad is None


def test_a_second_process_is_told_of_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(SHORT) == 0
    folder = the_run()
    folder.result.unlink()
    with RunLock(folder.heartbeat):
        assert cli.main(SHORT) == 1
    assert "is being trained" in capsys.readouterr().err


def test_another_layout_is_refused_with_the_command_that_fits(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(SHORT) == 0
    the_run().result.unlink()
    the_run().checkpoint.unlink()
    assert cli.main([*SHORT, "hardware.threads=2"]) == 2
    told = capsys.readouterr().err
    fits = told.rpartition("ganx ")[2].split()
    assert "hardware.threads=1" in fits
    assert cli.main(fits) == 0


def test_force_trains_beside_and_swaps() -> None:
    assert cli.main(SHORT) == 0
    before = read(the_run())
    old = the_run().config.stat().st_ino
    assert cli.main([*SHORT, "force=true"]) == 0
    assert read(the_run())["metrics"] == before["metrics"]
    assert the_run().config.stat().st_ino != old
    assert len(list(Path("outputs/runs/wine").iterdir())) == 1


def test_config_of_a_run_cannot_name_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(SHORT) == 0
    folder = the_run()
    folder.config.write_text(folder.config.read_text().replace("ganx.methods.hexagan.HexaGAN", "os.system"))
    assert cli.main(["eval", f"run={folder}"]) == 2
    assert "it was edited" in capsys.readouterr().err
    result = read(folder)
    forged = signature(folder.read_config(), result["data"])
    other = RunFolder(folder.path.rename(folder.path.with_name(f"hexagan-{forged}")))
    other.write_result(result | {"signature": forged})
    assert cli.main(["eval", f"run={other}"]) == 2
    assert "os.system" in capsys.readouterr().err


def test_eval_refuses_changed_data(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{i},{i % 9}.5,{'ny'[i % 2]}" for i in range(60)]
    Path("own.csv").write_text("\n".join(["a,b,t", *rows]))
    own = ["dataset=csv", "dataset.path=own.csv", "dataset.target=t"]
    assert cli.main([*(word for word in SHORT if word != "dataset=wine"), *own]) == 0
    Path("own.csv").write_text("\n".join(["a,b,t", *rows, "7,7,n"]))
    assert cli.main(["eval", f"run={the_run()}"]) == 2
    assert "the data of dataset=csv are no longer those of the run" in capsys.readouterr().err


def test_a_loss_the_method_does_not_know_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*SHORT, "loss=none"]) == 2
    assert "wgan" in capsys.readouterr().err
    assert cli.main([*SHORT, "+model.lr_scale.dmi=2.0"]) == 2
    assert "d_mi" in capsys.readouterr().err
    assert not Path("outputs").exists()


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_an_unwritable_folder_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("not a folder")
    assert cli.main([*SHORT, "outputs=file"]) in (1, 2)
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "file" in told


def test_what_was_guessed_of_a_table_is_kept_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """With the figures, too, where the data may not be at hand; results of earlier versions have no notes."""
    lines = [f"{i % 9 + 1}.{i:03},{-999 if i % 20 == 0 else i % 11}" for i in range(60)]
    Path("own.csv").write_text("\n".join(["a,b", *lines]) + "\n")
    command = ["train", "model=knn", "model.max_rows=20", "dataset=csv", "dataset.path=own.csv", "protocol.folds=2"]
    assert cli.main(command) == 0
    folder = the_run()
    result = read(folder)
    assert result["notes"][0].startswith("column 'a': points are taken as decimal points ('1.000' is less than")
    assert result["notes"][1].endswith("if it means unknown, add 'dataset.missing=[-999]'")
    assert result["notes"][2] == "fitted on 20 of 30 rows"
    capsys.readouterr()
    assert cli.main(command) == 0
    shown = capsys.readouterr().out
    for note in [*result["notes"], "fit on all rows: fitted on 20 of 60 rows"]:
        assert f"note    {note}\n" in shown
    del result["notes"]
    folder.write_result(result)
    assert cli.main(command) == 0
    assert "column 'a'" not in capsys.readouterr().out
