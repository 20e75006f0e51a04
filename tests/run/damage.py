"""Damage to a run folder, by the file that it befalls, and what has to become of a command that meets it."""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import yaml

from ganx.engine.checkpoint import read_checkpoint, write_checkpoint

#: What does it to a file, given the same file of another run of the same kind.
Damage = Callable[[Path, Path, random.Random], None]

#: `refused`: exit code 2 and one line; `same`: the command gives what it gives without the damage.
Verdict = Literal["refused", "same"]


@dataclass(frozen=True)
class Befalls:
    """A file of a run, and what may happen to it.

    Attributes:
        file: below the run folder.
        using: the verdict on commands that use the run.
        again: the verdict on the same `ganx train` command, which shows what result.json says.
    """

    file: str
    damages: dict[str, Damage]
    using: Verdict
    again: Verdict


def edit(change: Callable[[dict[str, Any]], object]) -> Damage:
    """Edit a JSON or YAML file."""

    def damage(file: Path, other: Path, rng: random.Random) -> None:
        plain = file.suffix == ".json"
        content = json.loads(file.read_text()) if plain else yaml.safe_load(file.read_text())
        change(content)
        file.write_text(json.dumps(content) if plain else yaml.safe_dump(content))

    return damage


def write(text: str | bytes) -> Damage:
    """Put something else in its place."""
    return lambda file, other, rng: file.write_bytes(text if isinstance(text, bytes) else text.encode()) and None


def cut(share: float) -> Damage:
    """Leave the first share of a file."""
    return lambda file, other, rng: os.truncate(file, int(share * file.stat().st_size))


def flip(file: Path, other: Path, rng: random.Random) -> None:
    """Flip a bit anywhere."""
    content = bytearray(file.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    file.write_bytes(content)


def delete(file: Path, other: Path, rng: random.Random) -> None:
    """Remove a file."""
    file.unlink()


def folder(file: Path, other: Path, rng: random.Random) -> None:
    """A folder is in its place."""
    file.unlink()
    file.mkdir()


def pipe(file: Path, other: Path, rng: random.Random) -> None:
    """A pipe, from which nothing ever comes, is in its place."""
    file.unlink()
    os.mkfifo(file)


def of_another_run(file: Path, other: Path, rng: random.Random) -> None:
    """It is the file of another run."""
    shutil.copy(other, file)


def state(change: Callable[[dict[str, Any]], object]) -> Damage:
    """Edit a checkpoint, and write it as ganx would."""

    def damage(file: Path, other: Path, rng: random.Random) -> None:
        content = read_checkpoint(file)
        change(content)
        write_checkpoint(file, content)

    return damage


def unsealed(change: Callable[[dict[str, Any]], object]) -> Damage:
    """Edit a checkpoint, and write it as earlier versions did."""

    def damage(file: Path, other: Path, rng: random.Random) -> None:
        content = read_checkpoint(file)
        change(content)
        torch.save(content, file)

    return damage


def bomb(file: Path, other: Path, rng: random.Random) -> None:
    """An archive whose parts are a thousand times larger than it."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 30_000_000)


def _first_tensor(content: Any) -> torch.Tensor:
    """Return the first tensor of floats, with something in it, of a state."""
    if isinstance(content, torch.Tensor):
        return content
    for item in content.values() if isinstance(content, dict) else content:
        if isinstance(item, dict | list | torch.Tensor):
            found = _first_tensor(item)
            if found.numel() and found.is_floating_point():
                return found
    return torch.empty(0)


def _spoil(content: dict[str, Any]) -> None:
    """Make something NaN: a number that was learned, or one that is known of the table."""
    tensor = _first_tensor(content)
    if tensor.numel():
        tensor.view(-1)[0] = float("nan")
    else:
        content["table"]["low"][0][0] = float("nan")


def _huge(content: dict[str, Any]) -> None:
    content["replicas"] = torch.zeros(1).expand(10**13)


def _double_mean(result: dict[str, Any]) -> None:
    metric = next(iter(result["metrics"].values()))
    metric["mean"] = 2 * metric["mean"] + 1


def _double_values(result: dict[str, Any]) -> None:
    metric = next(iter(result["metrics"].values()))
    metric["values"] = [2 * value for value in metric["values"]]
    metric["mean"] *= 2


BOMB = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9) if i else 'x'}]\n" for i in range(12))

RESULT = Befalls(
    "result.json",
    {
        "empty": write(""),
        "no content": write("{}"),
        "a list": write("[]"),
        "not text": write(b"\xff\xfe\x00"),
        "deep": write("[" * 100_000),
        "cut at 30 %": cut(0.3),
        "cut at 90 %": cut(0.9),
        "a folder": folder,
        "a pipe": pipe,
        "of another run": of_another_run,
        "no metrics": edit(lambda r: r.update(metrics=None)),
        "a mean": edit(_double_mean),
        "a mean and its values": edit(_double_values),
        "failed": edit(lambda r: r.update(status="failed")),
        "failed, with a reason": edit(lambda r: r.update(status="failed", failed={"0,0": "x"}, error="x")),
        "markup": edit(lambda r: r["notes"].append("[bold]all is well[/bold] \x1b[2J")),
        "seconds": edit(lambda r: r.update(seconds=1)),
        "version": edit(lambda r: r.update(version=99)),
        "folds": edit(lambda r: r["config"]["protocol"].update(folds=0)),
        "data": edit(lambda r: r.update(data="0" * 64)),
        "signature": edit(lambda r: r.update(signature="0123456789")),
        "checkpoint": edit(lambda r: r.update(checkpoint="0" * 64)),
        "no checkpoint": edit(lambda r: r.pop("checkpoint")),
        "schema": edit(lambda r: r.update(schema=3)),
        "no seal": edit(lambda r: r.pop("seal")),
        "a bit": flip,
    },
    using="refused",
    again="refused",
)

CONFIG = Befalls(
    "config.yaml",
    {
        "empty": write(""),
        "a list": write("[1, 2]"),
        "not text": write(b"\xff\xfe\x00"),
        "deep": write("[" * 3000),
        "a bomb": write(BOMB),
        "cut at 50 %": cut(0.5),
        "deleted": delete,
        "a folder": folder,
        "a pipe": pipe,
        "of another run": of_another_run,
        "folds": edit(lambda c: c["protocol"].update(folds=0)),
        "missing rate": edit(lambda c: c["protocol"].update(missing_rate=0.9)),
        "version": edit(lambda c: c["model"].update(version=99)),
        "name": edit(lambda c: c["model"].update(name="zeros")),
        "code": edit(lambda c: c["model"].update(_target_="os.system")),
        "another key": edit(lambda c: c["model"].update(mine=1)),
        "seeds": edit(lambda c: c.update(seeds=10**9)),
        "no model": edit(lambda c: c.pop("model")),
        "model is text": edit(lambda c: c.update(model="hexagan")),
        "NaN": edit(lambda c: c.update(seed=float("nan"))),
    },
    using="refused",
    again="same",
)

HARMLESS_CONFIG = Befalls(
    "config.yaml",
    {
        "outputs": edit(lambda c: c.update(outputs="elsewhere")),
        "a comment": lambda file, other, rng: file.write_text("# mine\n" + file.read_text()) and None,
    },
    using="same",
    again="same",
)

_CHECKPOINT: dict[str, Damage] = {
    "empty": write(""),
    "junk": write(b"junk" * 1000),
    "a pickle": write(pickle.dumps({"replicas": [[0, 0]]})),
    "cut at 30 %": cut(0.3),
    "cut at 90 %": cut(0.9),
    "cut by a byte": lambda file, other, rng: os.truncate(file, file.stat().st_size - 1),
    "a bit": flip,
    "another bit": flip,
    "a third bit": flip,
    "deleted": delete,
    "a folder": folder,
    "of another run": of_another_run,
    "NaN": state(_spoil),
    "fewer replicas": state(lambda s: s["replicas"].pop()),
    "a range": state(lambda s: s["table"].update(span=[[100.0 for _ in one] for one in s["table"]["span"]])),
    "a huge shape": unsealed(_huge),
    "a zip bomb": bomb,
    "written by an earlier version": unsealed(lambda s: None),
}

CHECKPOINT = Befalls("checkpoints/last.ckpt", _CHECKPOINT, using="refused", again="same")
REFIT = Befalls("refit/checkpoints/last.ckpt", _CHECKPOINT, using="refused", again="same")
IMPUTER = Befalls("imputer/checkpoints/last.ckpt", _CHECKPOINT, using="refused", again="same")

_TEXT: dict[str, Damage] = {
    "empty": write(""),
    "not text": write(b"\xff\xfe\x00"),
    "of wrong types": write('{"pid": "x", "step": [], "interval": null, "threads": "many"}'),
    "a list": write("[]"),
    "deleted": delete,
}
HEARTBEAT, PROVENANCE = (Befalls(file, _TEXT, using="same", again="same") for file in ("heartbeat", "provenance.json"))
LOG = Befalls("metrics.csv", _TEXT | {"a line": write("step,seed\n1,2,3\n")}, using="same", again="same")
