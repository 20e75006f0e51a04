"""Train the same short runs with two revisions of ganx and compare every metric, value by value.

    python scripts/compare.py OLD NEW [--keep DIR] [--only NAME ...]

OLD and NEW are git revisions; NEW may be `.`, the working tree. A refactoring must leave every value as it is: the exit
code is 0 if each metric of OLD is there in NEW with exactly the same values. Golden loss curves (tests/golden) see the
first steps of trained models; these runs see selection, scoring, estimators and pipelines, too.

The runs are those of `runs`: each model of OLD with the settings of its YAML file, made tiny, and what else takes a way
of its own through the code. Their overrides must be understood by both revisions, so they name only keys that last.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

TINY = ("model.steps=20", "model.batch_size=16", "model.validate_every=10")
TINY_CLASSIFIER = tuple(word.replace("model.", "model.classifier.") for word in TINY)
TINY_IMPUTER = tuple(word.replace("model.", "model.imputer.") for word in TINY)
FOUR = ("seeds=2", "protocol.folds=2")  # replicas
CSV = ("dataset=csv", "dataset.path=table.csv", "dataset.target=kind")
MICE_TRIPLEGAN = ("model=pipeline", *TINY_CLASSIFIER)
GAIN_MLP = ("model=pipeline", "model@model.imputer=gain", "model@model.classifier=mlp", *TINY_IMPUTER, *TINY_CLASSIFIER)

#: What a model needs beside the usual overrides.
SUITED = {"missforest": ("model.n_trees=3",), "dcgan": ("dataset=digits",)}

FURTHER: dict[str, tuple[str, ...]] = {
    "pipeline-mice-triplegan-cs": (*MICE_TRIPLEGAN, "model.balancer=cs", "dataset=wine", *FOUR),
    "pipeline-mice-triplegan-smote": (*MICE_TRIPLEGAN, "model.balancer=smote", "dataset=wine", *FOUR),
    "pipeline-gain-mlp-cs": (*GAIN_MLP, "model.balancer=cs", "dataset=breast", *FOUR),
    "pipeline-gain-mlp-smote": (*GAIN_MLP, "model.balancer=smote", "dataset=wine", "protocol=paper", *FOUR),
    "hexagan-csv": ("model=hexagan", *TINY, *CSV, *FOUR),
    "mice-csv": ("model=mice", *CSV, *FOUR),
    "knn-csv": ("model=knn", *CSV, *FOUR),
    "pipeline-csv": (*MICE_TRIPLEGAN, *CSV, *FOUR),
    "hexagan-breast": ("model=hexagan", *TINY, "dataset=breast", *FOUR),
    "hexagan-all-rows": ("model=hexagan", *TINY, "dataset=wine", "protocol.folds=0"),
    "mice-all-rows": ("model=mice", "dataset=wine", "protocol.folds=0"),
    "pipeline-all-rows": (*GAIN_MLP, "dataset=wine", "protocol.folds=0"),
    "hexagan-holdout": ("model=hexagan", *TINY, "dataset=wine", "protocol.folds=holdout", "seeds=2"),
    "hexagan-mnar-few-labels": (
        *("model=hexagan", *TINY, "dataset=breast", *FOUR),
        *("protocol.mechanism=mnar", "protocol.label_rate=0.3", "protocol.imbalance_ratio=3"),
    ),
    "hexagan-authors": ("experiment=hexagan_authors", *TINY, "dataset=wine", *FOUR),  # its imputation draws noise
    "hexagan-slides": ("experiment=hexagan_slides", *TINY, "dataset=wine", "protocol=paper", *FOUR),
    "gain-authors": ("experiment=gain_authors", *TINY, "dataset=wine", *FOUR),
    "mice-posterior": ("experiment=mice_posterior", "dataset=wine", *FOUR),
    "gan-ring8": ("model=gan", *TINY, "dataset=ring8"),
    "gan-wgan-gp-ring8": ("experiment=wgan_gp", *TINY, "dataset=ring8"),
    "gan-digits": ("model=gan", *TINY, "dataset=digits"),
    "cgan-digits": ("model=cgan", *TINY, "dataset=digits", "seeds=2"),
    "infogan-digits": ("model=infogan", *TINY, "dataset=digits"),
    "vcagan-digits": ("model=vcagan", *TINY, "dataset=digits"),
    "vcagan-paper-gaussians4": ("experiment=vcagan_paper", *TINY, "dataset=gaussians4"),
    "vcagan-folds": ("model=vcagan", *TINY, "dataset=gaussians4", *FOUR),
    "vcagan-all-rows": ("model=vcagan", *TINY, "dataset=gaussians4", "protocol.folds=0"),
}

#: Trains the runs that it reads, each in a fork, so that the libraries are imported once.
TRAIN = """
import json, os, sys, time
from pathlib import Path
import imblearn, lightning, matplotlib.pyplot, pandas, torch.utils.tensorboard
import ganx.conf
from ganx.cli import main
for module in (ganx, ganx.conf):
    assert Path(module.__file__).is_relative_to(sys.argv[1]), f"{module.__file__} is not of {sys.argv[1]}"
for name, words in json.load(sys.stdin):
    started = time.monotonic()
    if (child := os.fork()) == 0:
        os.environ["GANX_OUTPUTS"] = f"runs/{name}"
        log = os.open(f"runs/{name}/log", os.O_WRONLY | os.O_CREAT)
        os.dup2(log, 1), os.dup2(log, 2)
        sys.exit(main(["train", *words]))
    os.waitpid(child, 0)
    print(f"  {name} ({time.monotonic() - started:.1f} s)", flush=True)
"""


@dataclass(frozen=True)
class Comparison:
    """What became of the metrics of one run: names, and both lists of values where they differ."""

    equal: list[str]
    differing: dict[str, tuple[list[Any], list[Any]]]
    only_old: list[str]
    only_new: list[str]

    @property
    def kept(self) -> bool:
        """Whether every metric of the old result is there with the same values."""
        return not self.differing and not self.only_old


def compare(old: dict[str, Any], new: dict[str, Any]) -> Comparison:
    """Compare the metrics of two results, as result.json holds them."""
    a, b = ({name: figure["values"] for name, figure in result["metrics"].items()} for result in (old, new))
    both = [name for name in a if name in b]
    return Comparison(
        equal=[name for name in both if a[name] == b[name]],
        differing={name: (a[name], b[name]) for name in both if a[name] != b[name]},
        only_old=[name for name in a if name not in b],
        only_new=[name for name in b if name not in a],
    )


def runs(tree: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield name and overrides of every run: those of the models in a source tree, then `FURTHER`."""
    for file in sorted((tree / "conf" / "model").glob("*.yaml")):
        name, text = file.stem, file.read_text(encoding="utf-8")
        words = (f"model={name}", *(TINY if "\nsteps:" in text else ()))
        if "protocol: generation" in text:  # the protocol that a generator brings along; the others hide cells from it
            yield name, (*words, "dataset=gaussians4", "seeds=2", *SUITED.get(name, ()))
        elif name != "pipeline":
            for protocol in ("clean", "paper"):
                suited = SUITED.get(name, ())
                yield f"{name}-{protocol}", (*words, f"protocol={protocol}", "dataset=wine", *FOUR, *suited)
    yield from FURTHER.items()


def export(revision: str, tree: Path) -> None:
    """Write ganx/ and conf/ of a revision to a folder in which they work together without being installed."""
    shutil.rmtree(tree, ignore_errors=True)
    if revision == ".":
        for name in ("ganx", "conf"):
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        archive = subprocess.run(
            ["git", "-C", str(ROOT), "archive", revision, "ganx", "conf"], stdout=subprocess.PIPE, check=True
        ).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(tree, filter="data")
    (tree / "ganx" / "conf").symlink_to(tree / "conf")


def train(folder: Path, wanted: dict[str, tuple[str, ...]]) -> None:
    """Train runs with the code of `folder`/tree, except those that it has finished with the same overrides."""
    missing = []
    for name, words in wanted.items():
        place = folder / "runs" / name
        request = place / "overrides.json"
        if result_of(folder, name) is None or not request.exists() or json.loads(request.read_text()) != list(words):
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            request.write_text(json.dumps(words))
            missing.append((name, [*words, "hardware.workers=1"]))
    if not missing:
        return
    write_table(folder / "table.csv")
    tree = folder / "tree"
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(tree),
        "XDG_CACHE_HOME": str(folder / "cache"),  # networks by which images are scored: each revision trains its own
    }
    subprocess.run(
        [sys.executable, "-c", TRAIN, tree],
        cwd=folder,
        env=environment,
        input=json.dumps(missing),
        text=True,
        check=True,
    )


def write_table(file: Path) -> None:
    """Write a table of numbers, categories, empty cells and a target that is sometimes unknown."""
    draw = random.Random(0)
    lines = ["length,weight,age,colour,size,kind"]
    for _ in range(120):
        kind = draw.choice(["cat", "cat", "dog"])
        length = draw.gauss(40 if kind == "cat" else 70, 10)
        cells = [f"{length:.1f}", f"{length / 8 + draw.gauss(0, 1):.2f}", str(draw.randint(0, 15))]
        cells += [draw.choice(["black", "white", "red"]), "small" if length < 50 else "large"]
        lines.append(",".join(["" if draw.random() < 0.1 else cell for cell in cells] + [kind]))
    lines[7] = lines[7].rpartition(",")[0] + ","
    file.write_text("\n".join(lines) + "\n")


def result_of(folder: Path, name: str) -> dict[str, Any] | None:
    """Return the result.json of a run; None if it has left none."""
    for file in (folder / "runs" / name).glob("runs/*/*/result.json"):
        result: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return result
    return None


def report(name: str, old: Path, new: Path) -> bool:
    """Print how a run of two revisions compares; return whether the new one keeps all metrics of the old one."""
    results = {where: result_of(folder, name) for where, folder in (("OLD", old), ("NEW", new))}
    for where, folder in (("OLD", old), ("NEW", new)):
        if results[where] is None:
            lines = (folder / "runs" / name / "log").read_text(encoding="utf-8").splitlines()
            print(f"{name}: {where} gave no result: {lines[-1] if lines else 'it said nothing'}")
    if not results["OLD"] or not results["NEW"]:
        return False
    found = compare(results["OLD"], results["NEW"])
    print(f"{name}: {len(found.equal)} equal, {len(found.differing)} differing")
    for metric, (a, b) in found.differing.items():
        print(f"    {metric}: OLD {a}\n    {' ' * len(metric)}  NEW {b}")
    for metric in found.only_old:
        print(f"    {metric}: only in OLD")
    for metric in found.only_new:
        print(f"    {metric}: new")
    return found.kept


def commit_of(revision: str) -> str:
    """Return the commit that a revision means, in short; `.` stays what it is."""
    if revision == ".":
        return revision
    command = ["git", "-C", str(ROOT), "rev-parse", "--verify", "--quiet", "--short=12", f"{revision}^{{commit}}"]
    commit = subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout.strip()
    if not commit:
        raise SystemExit(f"{revision}: no such revision")
    return commit


def main(argv: Sequence[str] | None = None) -> int:
    """Train with both revisions and compare; return 0 if nothing was lost or altered."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("old", metavar="OLD", help="a git revision")
    parser.add_argument("new", metavar="NEW", help="a git revision, or . for the working tree")
    parser.add_argument("--keep", metavar="DIR", help="keep what the runs leave; runs of a commit are not done twice")
    parser.add_argument("--only", metavar="NAME", nargs="+", help="runs whose names contain one of these")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="ganx-compare-") as temporary:
        root = Path(arguments.keep or temporary).resolve()
        names = {"old": commit_of(arguments.old), "new": commit_of(arguments.new)}
        folders = {side: root / f"{side}-{name.replace('.', 'working-tree')}" for side, name in names.items()}
        for side, name in names.items():
            if name == ".":
                shutil.rmtree(folders[side], ignore_errors=True)
            export(name, folders[side] / "tree")
        chosen = {
            name: words
            for name, words in runs(folders["old"] / "tree")
            if not arguments.only or any(part in name for part in arguments.only)
        }
        for side, name in names.items():
            started = time.monotonic()
            print(f"{side.upper()} {name}: {len(chosen)} runs", flush=True)
            train(folders[side], chosen)
            print(f"{time.monotonic() - started:.0f} s\n")
        kept = [report(name, folders["old"], folders["new"]) for name in chosen]
    print(f"\n{sum(kept)} of {len(kept)} runs keep every metric of OLD")
    return 0 if all(kept) and kept else 1


if __name__ == "__main__":
    sys.exit(main())
