"""`ganx upgrade`: a finished run of an earlier version in today's terms, sealed, so that later edits are seen."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any

from ganx.errors import UserError
from ganx.files import refuse_links, refusing
from ganx.run.finding import find_run
from ganx.run.folder import RunFolder
from ganx.run.kept import digest, digest_of, read_kept
from ganx.run.lock import RunLock
from ganx.run.opened import Opened, open_run
from ganx.run.result import is_sealed
from ganx.run.signature import experiment_config, signature
from ganx.targets import added_by, spec
from ganx.terminal import Terminal


def upgrade_run(config: dict[str, Any], argv: Sequence[str]) -> int:
    """Seal the run that `config["run"]` names; its figures stay. Its folder is named anew where keys are. Returns 0.

    Raises:
        UserError: no such run, an unfinished one, or the folder that it would get is taken.
        DamagedError: it is not what the run has left, as far as that can be told.
    """
    console, folder = Terminal(), find_run(config["run"], config["outputs"])
    opened = open_run(folder, added_by(argv), warn=False)
    if is_sealed(opened.result):
        console.print(f"{folder} is sealed already", soft_wrap=True)
        return 0
    refuse_links(folder.path)
    _check_kept(opened)
    sealed = _take_over(opened)
    console.print(f"sealed as it is now: {sealed}", soft_wrap=True)
    return 0


def _check_kept(opened: Opened) -> None:
    """Read every checkpoint that is there, which finds what is damaged."""
    model, refit = opened.config["model"], opened.result.get("refit")
    stages = [model[stage] for stage in spec(model).stages] or [model]
    for folder, fit in ((opened.folder, opened.result), (opened.folder.refit, refit or {})):
        replicas = [(seed, fold) for seed, fold in fit.get("replica_ids", ())]
        for place, stage in zip([folder.imputer, folder][-len(stages) :], stages, strict=True):
            if place.checkpoint.exists():
                read_kept(place, spec(stage).fitter, replicas)


def _take_over(opened: Opened) -> RunFolder:
    """Write config and result in today's terms, under the signature that they have now."""
    old, result = opened.folder, opened.result
    own = signature(opened.config, result["data"])
    name = old.path.name.replace(result["signature"], own)
    new = RunFolder(old.path.with_name(name))
    if name != old.path.name and new.path.exists():
        raise UserError(f"{old}: the same experiment is in {new} already; remove one of them")
    result = result | {
        "signature": own,
        "config": experiment_config(opened.config),
        "checkpoint": digest(old),
        "log": digest_of(old.metrics),
    }
    copy = new.beside
    with RunLock(copy.heartbeat):
        copy.clear()
        with refusing(copy.path):
            shutil.copytree(old.path, copy.path, ignore=shutil.ignore_patterns("heartbeat"), dirs_exist_ok=True)
        copy.write_config(opened.config)
        copy.write_result(result)
    if name == old.path.name:
        copy.take_the_place_of(old)
        return old
    with refusing(new.path):
        copy.path.rename(new.path)
        shutil.rmtree(old.path)
    return new
