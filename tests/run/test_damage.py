"""A finished run of each kind, damaged in every way: a command refuses it in one line, or gives what it gave before.

GANX_DAMAGES says how many further bits are flipped in each checkpoint (`make soak`: 300).
"""

from __future__ import annotations

import copy
import os
import random
import shutil
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganx import cli
from ganx.compose import compose
from ganx.errors import RunError, UserError
from ganx.run.life import train
from ganx.serve.evaluate import evaluate
from ganx.serve.impute import impute
from ganx.serve.neighbours import neighbours
from ganx.serve.predict import predict
from ganx.serve.sample import sample
from tests.run.damage import (
    CHECKPOINT,
    CONFIG,
    HARMLESS_CONFIG,
    HEARTBEAT,
    IMPUTER,
    LOG,
    PROVENANCE,
    REFIT,
    RESULT,
    Befalls,
    flip,
)

pytestmark = pytest.mark.xdist_group("damage")  # one process makes the runs

OWN = ["dataset=csv", "dataset.path=own.csv", "dataset.target=label", "protocol.folds=2"]
SHORT = ["model.steps=4", "model.validate_every=2", "model.batch_size=8"]
MLP = ["model.classifier.steps=4", "model.classifier.validate_every=2", "model.classifier.batch_size=8"]


@dataclass(frozen=True)
class Kind:
    """A kind of run.

    Attributes:
        command: of `ganx train`.
        change: an override that makes it another run, whose files have the same form.
        files: what may be damaged.
        uses: the commands that use a run, by turns.
    """

    command: list[str]
    change: str
    files: list[Befalls]
    uses: tuple[str, ...]


_ALWAYS = [RESULT, CONFIG, HARMLESS_CONFIG, CHECKPOINT, HEARTBEAT, PROVENANCE]
_CELLS = ("impute", "eval", "predict")
KINDS = {
    "trained": Kind(["model=hexagan", *OWN, *SHORT], "model.alpha_1=9", [*_ALWAYS, REFIT, LOG], (*_CELLS, "sample")),
    "generative": Kind(
        ["model=vcagan", "dataset=ring8", "dataset.rows=80", "protocol.folds=2", *SHORT],
        "model.lr_decay=0.9",
        [*_ALWAYS, LOG],
        ("sample", "eval", "neighbours"),
    ),
    "estimator": Kind(["model=mice", *OWN], "seed=7", [*_ALWAYS, REFIT], ("impute", "eval")),
    "pipeline": Kind(
        ["model=pipeline", "model@model.imputer=mice", "model@model.classifier=mlp", *OWN, *MLP],
        "seed=7",
        [*_ALWAYS, REFIT, IMPUTER],
        _CELLS,
    ),
    "best": Kind(
        ["model=best", "model.candidates=[mean,knn]", "model.classifiers=[logistic]", *OWN],
        "seed=7",
        [*_ALWAYS, REFIT],
        _CELLS,
    ),
}


def cases() -> Iterator[tuple[str, str, str, str]]:
    """Yield kind, file, damage and command; commands take turns."""
    for name, kind in KINDS.items():
        turn = 0
        for i, befalls in enumerate(kind.files):
            shared = befalls in (RESULT, CONFIG) and name != "trained"  # which are read alike, whatever the kind
            for damage in list(befalls.damages)[(i + len(name)) % 2 :: 2] if shared else befalls.damages:
                commands = kind.uses if befalls.using == "refused" else kind.uses[:1]
                yield name, befalls.file, damage, commands[turn % len(commands)]
                turn += 1
                if turn % 4 == 0 or (befalls is RESULT and name == "trained"):
                    yield name, befalls.file, damage, "train"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make two runs of each kind, below `good` and `other`, and go where they are copied to `outputs`."""
    folder, before = tmp_path_factory.mktemp("damage"), Path.cwd()
    os.chdir(folder)
    rng = np.random.default_rng(0)
    rows = [f"{a:.2f},{a + b:.2f},{'red' if b > 0 else 'blue'},{int(a > 0)}" for a, b in rng.normal(size=(60, 2))]
    Path("own.csv").write_text("\n".join(["a,b,colour,label", *rows, ",,,", "1.00,,red,"]) + "\n")
    for name, kind in KINDS.items():
        for where, change in (("good", []), ("other", [kind.change])):
            assert cli.main(["train", *kind.command, *change, "outputs=outputs"]) == 0
            Path("outputs").rename(f"{name}-{where}")
    yield folder
    os.chdir(before)


def run_in(outputs: str | Path) -> Path:
    (run,) = Path(outputs).glob("runs/*/[!.]*")
    return run


def asked(kind: str, command: str) -> Callable[[], int]:
    """Return a command on the copy of a run, without composing it: that is slow, and always the same."""
    if command == "train":
        return training(*KINDS[kind].command, "outputs=outputs")
    common = {"run": str(run_in(f"{kind}-good")).replace(f"{kind}-good", "outputs"), "outputs": "outputs"}
    own: dict[str, dict[str, Any]] = {
        "eval": {},
        "impute": {"input": "own.csv", "out": "made.csv", "spread": None},
        "predict": {"input": "own.csv", "out": "made.csv", "abstain": 0.0},
        "sample": {"out": "made.csv", "n": 20, "label": None, "seed": 0, "replica": 0},
        "neighbours": {"out": None, "n": 5, "seed": 0, "replica": 0},
    }
    functions = {"eval": evaluate, "impute": impute, "predict": predict, "sample": sample, "neighbours": neighbours}
    return lambda: functions[command](common | own[command], [])


@cache
def training(*words: str) -> Callable[[], int]:
    """Return a command of `ganx train`."""
    config = compose("train", list(words))
    return lambda: train(copy.deepcopy(config), words)


def answer(command: Callable[[], int], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, bytes]:
    """Return exit code, what was printed, and what was written; the complaint of a command that refuses."""
    made = Path("made.csv")
    made.unlink(missing_ok=True)
    capsys.readouterr()
    try:
        code = command()
    except (UserError, RunError) as error:
        return error.exit_code, " ".join(str(error).split()), made.read_bytes() if made.exists() else b""
    return code, capsys.readouterr().out, made.read_bytes() if made.exists() else b""


@pytest.fixture(scope="module")
def known() -> dict[tuple[str, str], tuple[int, str, bytes]]:
    """Answers without damage, as they are asked for."""
    return {}


def judge(
    kind: str,
    file: str,
    damage: Callable[[Path, Path, random.Random], None],
    command: str,
    seed: int,
    known: dict[tuple[str, str], tuple[int, str, bytes]],
    capsys: pytest.CaptureFixture[str],
) -> tuple[str, str]:
    """Return the verdict on a damage, and the complaint."""
    ask = asked(kind, command)
    shutil.rmtree("outputs", ignore_errors=True)
    shutil.copytree(f"{kind}-good", "outputs")
    if (kind, command) not in known:
        known[kind, command] = answer(ask, capsys)
        assert known[kind, command][0] == 0, known[kind, command]
    run = run_in("outputs")
    damage(run / file, run_in(f"{kind}-other") / file, random.Random(seed))
    code, told, made = found = answer(ask, capsys)
    if found == known[kind, command]:
        return "same", ""
    assert (code, made) == (2, b""), f"a silent answer: {told}"
    assert run.name in told, told
    return "refused", told


@pytest.mark.parametrize(("kind", "file", "damage", "command"), list(cases()))
def test_damage_is_seen(
    place: Path,
    known: dict[tuple[str, str], tuple[int, str, bytes]],
    kind: str,
    file: str,
    damage: str,
    command: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (befalls,) = [one for one in KINDS[kind].files if one.file == file and damage in one.damages]
    seed = zlib.crc32(f"{kind} {file} {damage}".encode())
    verdict, told = judge(kind, file, befalls.damages[damage], command, seed, known, capsys)
    assert verdict == (befalls.again if command == "train" else befalls.using), told


@pytest.mark.parametrize("kind", KINDS)
def test_no_bit_of_a_checkpoint_goes_unseen(
    place: Path,
    known: dict[tuple[str, str], tuple[int, str, bytes]],
    kind: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for seed in range(int(os.environ.get("GANX_DAMAGES", "3"))):
        verdict, _ = judge(kind, CHECKPOINT.file, flip, KINDS[kind].uses[0], seed, known, capsys)
        assert verdict == "refused", seed


def test_there_are_hundreds() -> None:
    assert len(list(cases())) >= 300


# --- trainings that go on ---------------------------------------------------------------------------------------------

HALF = ["model=hexagan", *OWN, "model.steps=8", "model.validate_every=4", "model.batch_size=8", "refit=false"]
UNFINISHED = {
    "checkpoints/last.ckpt": {
        "refused": ["empty", "a pickle", "cut at 90 %", "a bit", "of another run", "a huge shape", "a zip bomb"],
        "same": ["deleted", "written by an earlier version"],
    },
    "config.yaml": {"same": ["empty", "of another run", "folds"]},
    "provenance.json": {"refused": ["empty", "of wrong types"], "same": ["deleted"]},
    "heartbeat": {"same": ["of wrong types", "deleted"]},
    "metrics.csv": {"refused": ["a line"], "same": ["empty", "deleted"]},
}
DAMAGES = {befalls.file: befalls.damages for befalls in (CHECKPOINT, CONFIG, HEARTBEAT, PROVENANCE, LOG)}


@pytest.fixture(scope="module")
def half(place: Path) -> bytes:
    """Stop a training, and another one, below `half-good` and `half-other`; return the checkpoint of the whole one."""
    for where, change in (("good", []), ("other", ["model.alpha_1=9"])):
        words = [*HALF, *change, "outputs=outputs"]
        shutil.rmtree("outputs", ignore_errors=True)
        assert train(compose("train", words), words, watch=lambda step, best: step == 4) > 128
        Path("outputs").rename(f"half-{where}")
    words = [*HALF, "outputs=whole"]
    assert train(compose("train", words), words) == 0
    return (run_in("whole") / CHECKPOINT.file).read_bytes()


@pytest.mark.parametrize(
    ("file", "damage", "verdict"),
    [
        (file, damage, verdict)
        for file, verdicts in UNFINISHED.items()
        for verdict, damages in verdicts.items()
        for damage in damages
    ],
)
def test_a_training_goes_on_from_what_it_has_left_or_not_at_all(
    half: bytes, file: str, damage: str, verdict: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree("outputs", ignore_errors=True)
    shutil.copytree("half-good", "outputs")
    run = run_in("outputs")
    DAMAGES[file][damage](run / file, run_in("half-other") / file, random.Random(0))
    code, told, _ = answer(training(*HALF, "outputs=outputs"), capsys)
    if verdict == "refused":
        assert code == 2
        assert str(run / file) in told
        return
    assert code == 0
    assert (run / CHECKPOINT.file).read_bytes() == half
    assert (run / "config.yaml").read_bytes() == (run_in("half-good") / "config.yaml").read_bytes()
