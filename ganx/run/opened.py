"""A finished run, opened: nothing of it is used before it has been found whole, and to be what its folder says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ganx.checks import check_config
from ganx.errors import DamagedError, UserError
from ganx.run.experiment import Experiment
from ganx.run.folder import RunFolder
from ganx.run.identity import RETRAIN, check_identity, finished_result
from ganx.run.kept import fits
from ganx.run.result import is_sealed
from ganx.run.upgrade import upgrade
from ganx.terminal import Terminal


@dataclass(frozen=True)
class Opened:
    """A finished run.

    Attributes:
        config: of `ganx train`, checked, in today's terms.
        result: what stands in result.json.
        extra_targets: class paths that the user's own folders add.
    """

    folder: RunFolder
    config: dict[str, Any]
    result: dict[str, Any]
    extra_targets: frozenset[str]

    def experiment(self) -> Experiment:
        """Read the data again.

        Raises:
            UserError: they are gone, or no longer those of the run.
        """
        experiment = Experiment.of(self.config, self.extra_targets)
        if experiment.checksum != self.result["data"]:
            raise UserError(
                f"{self.folder}: the data of dataset={self.config['dataset']['name']} are no longer those of the run; "
                "bring these back, or train again"
            )
        return experiment


def open_run(folder: RunFolder, extra_targets: frozenset[str] = frozenset(), *, warn: bool = True) -> Opened:
    """Open a finished run; one of an earlier version, which could be edited unseen, is used with a warning.

    Args:
        warn: say so.

    Raises:
        UserError: it has not finished, its config does not fit this version of ganx, or names code that it may not.
        DamagedError: config.yaml, result.json or a checkpoint is not what the run has left.
    """
    stored, result = folder.read_config(), finished_result(folder)
    check_identity(folder, stored, result)
    refit = result.get("refit")
    for place, kept in ((folder, result), *([(folder.refit, refit)] if refit else [])):
        if "checkpoint" in kept and not fits(place, kept["checkpoint"]):
            raise DamagedError(f"{place.checkpoint} is not the one that this run has left; {RETRAIN}")
    if warn and not is_sealed(result):
        Terminal(stderr=True).print(
            f"warning: {folder} is of an earlier version of ganx: what was edited since would go unseen; "
            f"ganx upgrade run={folder} seals it",
            style="yellow",
            soft_wrap=True,
        )
    return Opened(folder, _checked(folder, stored, extra_targets), result, extra_targets)


def _checked(folder: RunFolder, stored: dict[str, Any], extra_targets: frozenset[str]) -> dict[str, Any]:
    try:
        return check_config("train", {"refit": False} | upgrade(stored), extra_targets)
    except UserError as error:
        raise UserError(f"{folder}: {error} (config.yaml is of another version of ganx)") from None
