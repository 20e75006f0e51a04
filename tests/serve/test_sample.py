"""`ganx sample`, `interpolate` and `neighbours`: a finished run shows what it has learned to make."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from ganx import cli
from ganx.engine.checkpoint import read_checkpoint, write_checkpoint
from ganx.run.folder import RunFolder
from ganx.run.kept import digest
from ganx.serve.generator import TrainedGenerator, open_generator
from ganx.serve.interpolate import linear, spherical
from ganx.serve.neighbours import features, figures, training_index

Run = Callable[[str], Path]
TRAINED = {
    "cgan": ["model=cgan", "dataset=digits", "seeds=2"],
    "vcagan": ["model=vcagan", "dataset=ring8"],
    "infogan": ["model=infogan", "dataset=digits"],
    "gan": ["model=gan", "dataset=wine"],
    "hexagan": ["model=hexagan", "dataset=wine", "protocol.folds=0"],
    "triplegan": ["model=triplegan", "dataset=csv", "dataset.target=label", "protocol.folds=2"],
    "gain": ["model=gain", "dataset=wine", "protocol.folds=0"],
    "zeros": ["model=zeros", "dataset=wine"],
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a function from a name in `TRAINED` to the folder of that run, which is trained when first asked for."""
    place = tmp_path_factory.mktemp("sample")
    own_table().to_csv(place / "own.csv", index=False)

    def train(name: str) -> Path:
        outputs = place / name
        if not outputs.exists():
            own = [f"dataset.path={place / 'own.csv'}"] if "dataset=csv" in TRAINED[name] else []
            short = [] if name == "zeros" else ["model.steps=20", "model.validate_every=20"]
            assert cli.main(["train", *TRAINED[name], *own, *short, f"outputs={outputs}"]) == 0
        (folder,) = outputs.glob("runs/*/*")
        return folder

    return train


def own_table() -> pd.DataFrame:
    """Return numbers, categories and missing cells; a column has a name that `ganx neighbours` uses."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "age": rng.integers(18, 80, 120).astype(str),
            "colour": rng.choice(["red", "green", "blue"], 120),
            "distance": [f"{h:.2f}" for h in rng.normal(170, 10, 120)],
            "label": rng.choice(["yes", "1.0"], 120),
        }
    )
    for column in ("age", "colour", "distance"):
        table.loc[rng.random(120) < 0.1, column] = ""
    return table


def generator_of(folder: Path, replica: int = 0) -> TrainedGenerator:
    return open_generator({"run": str(folder), "outputs": "outputs", "replica": replica}, [])


def command(folder: Path, name: str, *further: str) -> int:
    return cli.main([name, f"run={folder}", *further])


def as_text(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


# --- ganx sample ---------------------------------------------------------------------------------------------------


def test_a_grid_has_a_column_for_each_class(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "grid.png"
    assert command(run("cgan"), "sample", f"out={out}", "n=25") == 0
    assert "20 images of cgan on digits" in capsys.readouterr().out
    assert Image.open(out).size == (10 * 75 + 3, 24 + 2 * 75 + 3)
    assert command(run("cgan"), "sample", f"out={out}", "n=7", "label=3") == 0
    assert Image.open(out).size == (3 * 75 + 3, 3 * 75 + 3)


def test_table_and_arrays_hold_the_same_rows(run: Run, tmp_path: Path) -> None:
    table, arrays = tmp_path / "made.csv", tmp_path / "made.npz"
    for out in (table, arrays):
        assert command(run("cgan"), "sample", f"out={out}", "n=30", "label=7", "replica=1") == 0
    made = np.load(arrays)
    assert made["x"].shape == (30, 8, 8)
    assert made["x"].dtype == np.uint8
    assert made["x"].max() <= 16
    assert (made["y"] == 7).all()
    rows = as_text(table)
    assert list(rows.columns) == [f"pixel_{i}_{j}" for i in range(8) for j in range(8)] + ["digit"]
    assert (rows["digit"] == "7").all()
    assert (rows.drop(columns="digit").to_numpy(dtype=int) == made["x"].reshape(30, 64)).all()


def test_seed_and_replica_decide_what_is_made(run: Run, tmp_path: Path) -> None:
    def made(*further: str) -> bytes:
        assert command(run("cgan"), "sample", f"out={tmp_path / 'x.csv'}", "n=5", *further) == 0
        return (tmp_path / "x.csv").read_bytes()

    assert made() == made("seed=0", "replica=0")
    assert len({made(), made("seed=1"), made("replica=1"), made("label=0")}) == 4


def test_portions_join(run: Run) -> None:
    generator = generator_of(run("vcagan"))
    assert [len(x) for x, _ in generator.draw(2500, seed=0)] == [1000, 1000, 500]
    x, c = generator.draw_all(2500, seed=0)
    assert x.shape == (2500, 2)
    assert set(c) == set(range(8))
    assert len(np.unique(x, axis=0)) == 2500


def test_unsupervised_categories_have_numbers(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "made.csv"
    assert command(run("vcagan"), "sample", f"out={out}", "n=100") == 0
    rows = as_text(out)
    assert list(rows.columns) == ["x", "y", "category"]
    assert set(rows["category"]) <= set(map(str, range(8)))
    assert command(run("vcagan"), "sample", f"out={out}", "n=3", "label=5") == 0
    assert (as_text(out)["category"] == "5").all()
    assert command(run("vcagan"), "sample", f"out={tmp_path / 'made.png'}") == 0
    assert (tmp_path / "made.png").stat().st_size > 10_000


def test_categories_that_were_given_up_get_no_column(run: Run) -> None:
    generator = generator_of(run("vcagan"))
    assert generator.in_use == list(range(8))
    del generator.__dict__["in_use"]
    generator.g.p_c[0] = torch.tensor([0.5, 0.005, 0.3, 0.0, 0.1, 0.09, 0.005, 0.0])
    assert generator.in_use == [0, 2, 4, 5]


def test_a_model_without_categories(run: Run, tmp_path: Path) -> None:
    assert command(run("gan"), "sample", f"out={tmp_path / 'x.csv'}", "n=4") == 0
    assert command(run("gan"), "sample", f"out={tmp_path / 'x.npz'}", "n=4") == 0
    rows = as_text(tmp_path / "x.csv")
    assert rows.shape == (4, 13)
    assert rows["alcohol"].str.fullmatch(r"\d+\.\d\d").all()
    assert (np.load(tmp_path / "x.npz")["y"] == -1).all()


def test_hexagan_makes_rows_of_a_class_in_units_of_the_table(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "x.csv"
    assert command(run("hexagan"), "sample", f"out={out}", "n=50", "label=class_1") == 0
    rows = as_text(out)
    assert (rows["cultivar"] == "class_1").all()
    assert rows["proline"].astype(float).between(278, 1680).all()
    generator = generator_of(run("hexagan"))
    _, c = generator.draw_all(2000, seed=0)
    shares = np.bincount(generator.table.y) / generator.table.n_rows
    assert np.bincount(c) / 2000 == pytest.approx(shares, abs=0.05)


def test_triplegan_makes_rows_of_a_users_own_table(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "x.csv"
    assert command(run("triplegan"), "sample", f"out={out}", "label=1.0", "replica=1") == 0
    rows = as_text(out)
    assert list(rows.columns) == ["age", "colour", "distance", "label"]
    assert (rows["label"] == "1.0").all()
    assert set(rows["colour"]) <= {"red", "green", "blue"}
    assert rows["age"].str.fullmatch(r"\d+").all()


# --- ganx interpolate ----------------------------------------------------------------------------------------------


def test_an_arc_keeps_the_length() -> None:
    start, end = torch.tensor([[3.0, 0.0], [1.0, 1.0]]), torch.tensor([[0.0, 3.0], [1.0, 1.0]])
    t = torch.linspace(0, 1, 5)
    way = spherical(start, end, t)
    assert way.shape == (2, 5, 2)
    torch.testing.assert_close(way[:, 0], start)
    torch.testing.assert_close(way[:, -1], end)
    torch.testing.assert_close(way[0].norm(dim=1), torch.full((5,), 3.0))
    torch.testing.assert_close(way[0, 2], torch.tensor([4.5, 4.5]).sqrt())
    torch.testing.assert_close(way[1], torch.ones(5, 2))  # no angle, no arc
    torch.testing.assert_close(linear(start, end, t)[0, 2], torch.tensor([1.5, 1.5]))


@pytest.mark.parametrize("name", ["cgan", "infogan"])
def test_walks_of_images(run: Run, tmp_path: Path, name: str) -> None:
    png, gif = tmp_path / "walk.png", tmp_path / "walk.gif"
    assert command(run(name), "interpolate", f"out={png}", "n=3", "steps=4") == 0
    assert Image.open(png).size == (4 * 75 + 3, 3 * 75 + 3)
    assert command(run(name), "interpolate", f"out={gif}", "n=3", "steps=4", "label=2") == 0
    assert Image.open(gif).n_frames == 4


def test_walks_in_the_plane(run: Run, tmp_path: Path) -> None:
    png, gif = tmp_path / "walk.png", tmp_path / "walk.gif"
    assert command(run("vcagan"), "interpolate", f"out={png}", "n=3", "steps=4") == 0
    assert command(run("vcagan"), "interpolate", f"out={gif}", "n=3", "steps=4") == 0
    assert png.read_bytes().startswith(b"\x89PNG")
    assert Image.open(gif).n_frames == 4


# --- ganx neighbours -----------------------------------------------------------------------------------------------


def test_images_beside_their_neighbours(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "pairs.png"
    assert command(run("cgan"), "neighbours", f"out={out}", "n=4") == 0
    assert Image.open(out).size == (6 * 75 + 3, 24 + 4 * 75 + 3)
    told = capsys.readouterr().out
    assert "1,437 training rows" in told
    assert "of 1,000 generated rows" in told
    assert "of 360 test rows" in told


def test_the_nearest_rows_are_the_nearest(run: Run) -> None:
    generator = generator_of(run("cgan"))
    x, _ = generator.draw_all(5, seed=0)
    train = generator.split.rows
    distance, place = training_index(generator).kneighbors(features(generator, x), 1)
    by_hand = np.linalg.norm(x[:, np.newaxis] / 16 - generator.table.x[train] / 16, axis=2)
    assert distance[:, 0] == pytest.approx(by_hand.min(axis=1), rel=1e-5)
    assert (place[:, 0] == by_hand.argmin(axis=1)).all()


def test_copies_are_told(run: Run) -> None:
    generator = generator_of(run("cgan"))
    index, copies = training_index(generator), generator.table.x[generator.split.rows[:50]]
    distance, _ = index.kneighbors(features(generator, copies), 1)
    assert "100.0% of the generated rows" in figures(generator, index, distance[:, 0])[-1]
    test, _ = index.kneighbors(features(generator, generator.table.x[generator.split.test]), 1)
    assert "50.0% of the generated rows" in figures(generator, index, test[:, 0])[-1]


def test_without_test_rows_training_rows_are_compared(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(run("hexagan"), "neighbours") == 0
    assert "of 178 training rows, to the nearest other one" in capsys.readouterr().out


def test_rows_beside_their_neighbours(run: Run, tmp_path: Path) -> None:
    out, own = tmp_path / "pairs.csv", own_table()
    assert command(run("triplegan"), "neighbours", f"out={out}", "n=2") == 0
    rows = as_text(out)
    assert list(rows.columns) == ["sample", "neighbour", "distance_", "age", "colour", "distance", "label"]
    assert list(rows["neighbour"]) == list("012345" * 2)
    assert list(rows["sample"]) == ["0"] * 6 + ["1"] * 6
    real = rows[rows["neighbour"] != "0"]
    kept = set(own.itertuples(index=False, name=None))
    assert all(row in kept for row in real[list(own.columns)].itertuples(index=False, name=None))
    assert real["distance_"].astype(float).groupby(real["sample"]).apply(lambda d: d.is_monotonic_increasing).all()


# --- refused -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words", "told"),
    [
        ("cgan", ["sample", "out=x.jpg"], "none of .png, .csv, .npz"),
        ("cgan", ["sample", "out=x.csv", "label=ten"], "label=ten: no such class of dataset=digits, numbers 0 to 9"),
        ("cgan", ["sample", "out=x.csv", "n=100001"], "n=100001"),
        ("cgan", ["sample", "out=x.png", "n=20000"], "20,000 images is too large"),
        ("cgan", ["sample", "out=x.csv", "replica=2"], "has 2 replicas, 0 to 1"),
        ("cgan", ["sample"], "give out="),
        ("cgan", ["interpolate", "out=x.csv"], "none of .png, .gif"),
        ("cgan", ["interpolate", "out=x.png", "n=100", "steps=1000"], "100,000 images"),
        ("cgan", ["neighbours", "out=x.npz"], "none of .png, .csv"),
        ("cgan", ["neighbours", "out=x.png", "n=5000"], "30,000 images"),
        ("hexagan", ["sample", "out=x.csv", "label=class_7"], "did you mean 'class_"),
        ("vcagan", ["sample", "out=x.csv", "label=8"], "no such category of model=vcagan, numbers 0 to 7"),
        ("vcagan", ["neighbours", "out=x.png"], "no images; write out=FILE.csv"),
        ("gan", ["sample", "out=x.csv", "label=class_1"], "model=gan has no categories; leave label out"),
        ("gan", ["sample", "out=x.png"], "out=x.csv"),
        ("gan", ["interpolate", "out=x.png"], "ganx sample"),
        ("gain", ["sample", "out=x.csv"], "model=gain generates no rows"),
        ("zeros", ["neighbours"], "model=zeros generates no rows"),
    ],
)
def test_wrong_requests_are_one_line(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    words: list[str],
    told: str,
) -> None:
    folder = run(name)
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    assert command(folder, *words) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_unfinished_runs_and_failed_replicas(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy, out = tmp_path / run("cgan").name, tmp_path / "x.csv"
    shutil.copytree(run("cgan"), copy)
    checkpoint = copy / "checkpoints" / "last.ckpt"
    write_checkpoint(checkpoint, read_checkpoint(checkpoint) | {"failed": {"1,0": "loss is NaN"}})
    result = json.loads((copy / "result.json").read_text())
    RunFolder(copy).write_result(result | {"checkpoint": digest(RunFolder(copy))})
    assert command(copy, "sample", f"out={out}", "replica=1") == 2
    assert "replica 1 has failed (loss is NaN)" in capsys.readouterr().err
    assert command(copy, "sample", f"out={out}", "n=1") == 0
    (copy / "result.json").unlink()
    out.unlink()
    assert command(copy, "sample", f"out={out}") == 2
    assert "has not finished" in capsys.readouterr().err
    assert not out.exists()


def test_a_generator_that_was_never_trained_is_refused(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = ["model.steps=2", "model.validate_every=2", "protocol.folds=0", f"outputs={tmp_path}"]
    assert cli.main(["train", "model=hexagan", "dataset=wine", "model.n_cg=0", *short]) == 0
    (folder,) = tmp_path.glob("runs/wine/*")
    assert command(folder, "sample", f"out={tmp_path / 'x.csv'}") == 2
    assert "model.n_cg=0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "reply"), [("sample la", "label="), ("interpolate st", "steps="), ("neighbours ru", "run=")]
)
def test_completion(line: str, reply: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COMP_LINE", f"ganx {line}")
    assert cli.main(["-sc", "query=bash"]) == 0
    assert capsys.readouterr().out.split() == [reply]
