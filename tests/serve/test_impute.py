"""`ganx impute`: a user's table comes back whole, with nothing touched that was there."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ganx import cli


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with own.csv and a run trained on it."""
    folder = tmp_path_factory.mktemp("impute")
    rng = np.random.default_rng(0)
    n = 120
    table = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n).astype(str),
            "colour": rng.choice(["red", "green", "blue"], n),
            "height": [f"{h:.2f}" for h in rng.normal(170, 10, n)],
            "label": rng.choice(["yes", "no"], n, p=[0.3, 0.7]),
        }
    )
    for column in table:
        table.loc[rng.random(n) < 0.15, column] = rng.choice(["", "?", "NA"])
    table.to_csv(folder / "own.csv", index=False)
    command = ["train", "model=hexagan", "dataset=csv", f"dataset.path={folder / 'own.csv'}", "dataset.target=label"]
    command += ["protocol.folds=0", "seeds=3", "model.steps=60", "model.validate_every=20", f"outputs={folder / 'o'}"]
    assert cli.main(command) == 0
    return folder


def impute(place: Path, *further: str) -> int:
    (run,) = (place / "o").glob("runs/csv/*")
    return cli.main(["impute", f"run={run}", *further])


def as_text(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def test_observed_cells_are_untouched_and_the_rest_is_filled(place: Path) -> None:
    out, spread = place / "filled.csv", place / "spread.csv"
    assert impute(place, f"input={place / 'own.csv'}", f"out={out}", "--spread", str(spread)) == 0
    before, after, spreads = as_text(place / "own.csv"), as_text(out), as_text(spread)
    assert list(after.columns) == list(before.columns)
    missing = before.isin(["", "?", "NA"])
    assert (after[~missing].fillna("-") == before[~missing].fillna("-")).all(axis=None)
    assert not after.isin(["", "?", "NA"]).any(axis=None)
    assert after["age"].str.fullmatch(r"\d+").all()
    assert set(after["colour"]) == {"red", "green", "blue"}
    assert set(after["label"]) == {"yes", "no"}
    assert ((spreads != "") == missing).all(axis=None)
    assert (spreads.to_numpy()[missing.to_numpy()].astype(float) >= 0).all()


def test_columns_in_another_order_further_columns_and_no_target(place: Path) -> None:
    Path(place / "new.csv").write_text("name;height;colour;age\nAda;;blue;36\nBob;181.5;?;\n")
    assert impute(place, f"input={place / 'new.csv'}", f"out={place / 'sub' / 'new_filled.csv'}") == 0
    after = pd.read_csv(place / "sub" / "new_filled.csv", dtype=str, sep=";")
    assert list(after.columns) == ["name", "height", "colour", "age", "label"]
    assert list(after["name"]) == ["Ada", "Bob"]
    assert after.loc[1, "height"] == "181.5"
    assert after.loc[0, "age"] == "36"
    assert set(after["label"]) <= {"yes", "no"}


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        ("age,colour\n1,red\n", "height"),
        ("age,colour,height\n1,purple,170\n", "purple"),
        ("age,colour,height\nold,red,170\n", "old"),
        ("age,colour,height\n", "row"),
    ],
)
def test_a_table_of_another_form_is_refused(
    place: Path, content: str, fragment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "bad.csv").write_text(content)
    assert impute(place, f"input={place / 'bad.csv'}", f"out={place / 'never.csv'}") == 2
    assert fragment in capsys.readouterr().err
    assert not (place / "never.csv").exists()


def test_runs_that_hold_rows_back_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", "model=zeros", "dataset=wine"]) == 0
    (run,) = Path("outputs").glob("runs/wine/*")
    assert cli.main(["impute", f"run={run}", "input=x.csv", "out=y.csv"]) == 2
    assert "refit=true" in capsys.readouterr().err
    assert cli.main(["impute", "run=0123456789", "input=x.csv", "out=y.csv"]) == 2
    assert "no such" in capsys.readouterr().err
