"""A run that is there, opened: its configuration and its data, checked as if they came from the command line."""

from __future__ import annotations

from typing import Any

from ganx.errors import UserError
from ganx.run.experiment import Experiment
from ganx.run.folder import RunFolder
from ganx.run.signature import signature
from ganx.run.upgrade import is_old, names_signature, old_signature, upgrade
from ganx.schema import check_config


def stored_experiment(folder: RunFolder, extra_targets: frozenset[str]) -> Experiment:
    """Return the experiment of a run folder.

    Raises:
        UserError: the config is damaged, names code it may not, or the data are no longer those of the run.
    """
    config = stored_config(folder, extra_targets)
    experiment = Experiment.of(config, extra_targets)
    stored = folder.read_config()
    signatures = [signature(stored, experiment.checksum)]
    if is_old(stored):
        signatures.append(old_signature(stored, experiment.checksum))
    if not any(names_signature(folder.path, one) for one in signatures):
        raise UserError(
            f"{folder}: config and data give the signature {experiment.signature}, not this folder's; "
            "the data set, the config file or ganx has changed since the run"
        )
    return experiment


def stored_config(folder: RunFolder, extra_targets: frozenset[str]) -> dict[str, Any]:
    """Return the config of a run folder, checked.

    Raises:
        UserError: there is none, or it does not fit this version of ganx.
    """
    try:
        return check_config("train", {"refit": False} | upgrade(folder.read_config()), extra_targets)
    except UserError as error:
        raise UserError(f"{folder}: {error} (config.yaml was edited, or written by another version of ganx)") from None


def finished_result(folder: RunFolder) -> dict[str, Any]:
    """Return the result of a run.

    Raises:
        UserError: it has not finished.
    """
    result = folder.read_whole_result()
    if result is None:
        raise UserError(f"{folder}: the run has not finished; the same ganx train command goes on with it")
    return result
