"""The folder a run leaves behind: names of its files, and its state read from them alone."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path
from typing import Any, Literal

from ganx.errors import DamagedError, UserError
from ganx.files import make_folder, read_json, refusing, write_json, write_text
from ganx.run.lock import Heartbeat, is_alive
from ganx.run.result import fault, fault_of_layout, sealed

RunState = Literal["new", "running", "stale", "interrupted", "done", "failed"]

#: What every result has since the first version.
_SHOWN = frozenset(
    ["status", "signature", "data", "model", "dataset", "protocol", "metrics", "seconds", "peak_memory_mb", "command"]
)


class RunFolder:
    """`outputs/runs/<dataset>/<model>-<signature>/`.

    Whole files are written atomically (`ganx.files`); `result.json` comes last, so that it alone says "finished".
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.yaml"
        self.provenance = path / "provenance.json"
        self.heartbeat = path / "heartbeat"
        self.metrics = path / "metrics.csv"
        self.checkpoints = path / "checkpoints"
        self.checkpoint = self.checkpoints / "last.ckpt"
        self.tensorboard = path / "tensorboard"
        self.figures = path / "figures"
        self.result = path / "result.json"

    @classmethod
    def of(cls, outputs: str | Path, dataset: str, model: str, signature: str) -> RunFolder:
        """Return the folder of an experiment under `outputs`."""
        return cls(Path(outputs) / "runs" / dataset / f"{model}-{signature}")

    @property
    def beside(self) -> RunFolder:
        """The hidden folder where `force=true` trains until it may `take_the_place_of` this one."""
        return RunFolder(self.path.with_name(f".{self.path.name}.new"))

    @property
    def refit(self) -> RunFolder:
        """Where the fit on all known cells and labels is kept."""
        return RunFolder(self.path / "refit")

    @property
    def imputer(self) -> RunFolder:
        """Where the first stage of a pipeline is kept."""
        return RunFolder(self.path / "imputer")

    def __str__(self) -> str:
        return str(self.path)

    def state(self) -> RunState:
        """Return the state.

        `new` nothing there; `running` a process trains; `stale` it died without a word; `interrupted` it was stopped
        and can go on; `done` and `failed` as result.json says.
        """
        result = self.read_result()
        if result is not None:
            return "done" if result.get("status") == "done" else "failed"
        if is_alive(self.heartbeat):
            return "running"
        if not self.config.exists():
            return "new"
        beat = Heartbeat.read(self.heartbeat)
        return "interrupted" if beat is None or beat.stopped else "stale"

    def age(self) -> float:
        """Return the seconds since the last sign of life; infinity without any."""
        signs = [file.stat().st_mtime for file in (self.result, self.heartbeat, self.config) if file.exists()]
        return time.time() - max(signs) if signs else float("inf")

    def written_after(self, file: Path) -> bool:
        """Whether result.json is younger than a file."""
        try:
            return self.result.stat().st_mtime_ns > file.stat().st_mtime_ns
        except OSError:
            return False

    def read_result(self) -> dict[str, Any] | None:
        """Return result.json, whose sections are what they have to be; None while there is none.

        Raises:
            UserError: it was cut short, or edited.
        """
        if not self.result.exists():
            return None
        try:
            result = read_json(self.result)
        except ValueError as error:
            raise UserError(f"{self.result} is damaged: {error}; remove it, and train again") from error
        why = (fault(result) or self._foreign(result)) if isinstance(result, dict) else "it is not a mapping"
        if why:
            raise UserError(f"{self.result} is damaged: {why}; remove it, and train again")
        return dict(result)

    def _foreign(self, result: dict[str, Any]) -> str:
        """Say that a result is of another run, where the folder is named as ganx names one."""
        named = re.search(r"-([0-9a-f]{10})$", self.path.resolve().name)
        if named and named[1] != result.get("signature", named[1]):
            return f"it is of run {result['signature']}, not of this folder's"
        return ""

    def read_whole_result(self) -> dict[str, Any] | None:
        """Return the same, once it has all that is shown of a run."""
        result = self.read_result()
        if result is not None and (lacks := _SHOWN - result.keys()):
            raise UserError(
                f"{self.result} is damaged: it has no {', '.join(sorted(lacks))}; remove it, and train again"
            )
        return result

    def read_config(self) -> dict[str, Any]:
        """Return config.yaml as plain containers; it can name no code to be executed while it is read."""
        from ganx.config_file import read_config  # here, so that `ganx status` does without YAML

        if not self.config.exists():
            raise UserError(f"{self.path} is not a run folder: it has no config.yaml")
        return read_config(self.config)

    def read_layout(self) -> dict[str, Any]:
        """Return what provenance.json has of the training, by which an unfinished one goes on.

        Raises:
            DamagedError: it was cut short, or edited.
        """
        try:
            provenance = read_json(self.provenance)
            why = fault_of_layout(provenance)
        except ValueError as error:
            why = str(error)
        if why:
            raise DamagedError(f"{self.provenance} is damaged: {why}; force=true trains the run from the start")
        return dict(provenance)

    def create(self, config: dict[str, Any], provenance: dict[str, Any]) -> None:
        """Make the folder and its first files."""
        for folder in (self.checkpoints, self.tensorboard, self.figures):
            make_folder(folder)
        self.write_config(config)
        write_json(self.provenance, provenance)

    def write_config(self, config: dict[str, Any]) -> None:
        """Write config.yaml."""
        import yaml

        write_text(self.config, yaml.safe_dump(config, sort_keys=False, allow_unicode=True))

    def write_result(self, result: dict[str, Any]) -> None:
        """Seal result.json and write it, which ends the run."""
        write_json(self.result, sealed(result))

    def clear(self) -> None:
        """Remove what the run has left, except the heartbeat that locks the folder."""
        with refusing(self.path):
            for item in self.path.iterdir() if self.path.exists() else ():
                if item.is_dir():
                    shutil.rmtree(item)
                elif item != self.heartbeat:
                    item.unlink()

    def take_the_place_of(self, other: RunFolder) -> None:
        """Swap a finished folder in; the other one is there until then."""
        old = other.path.with_name(f".{other.path.name}.old")
        with refusing(other.path):
            shutil.rmtree(old, ignore_errors=True)
            if other.path.exists():
                other.path.rename(old)
            self.path.rename(other.path)
            shutil.rmtree(old, ignore_errors=True)
