"""`ganx impute`: a user's table comes back whole, with nothing touched that was there."""

import re
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


def test_what_was_there_comes_back_byte_for_byte(place: Path) -> None:
    parts = [
        b'height;"id";age;colour;label\r\n 181.50 ;"\x80 1";"36";Blue;yes\r\n\r\n170.00;\x93x\x94;',
        b';"green";no\r\n1e2;\x80;40;',
        b";yes",
    ]
    (place / "win.csv").write_bytes(parts[0] + b'""' + parts[1] + parts[2])
    assert impute(place, f"input={place / 'win.csv'}", f"out={place / 'win_filled.csv'}") == 0
    begin, middle, end = map(re.escape, parts)
    filled = begin + rb'"\d+"' + middle + b"(red|green|blue)" + end
    assert re.fullmatch(filled, (place / "win_filled.csv").read_bytes())


def test_numbers_are_written_as_their_column_is(place: Path) -> None:
    (place / "gaps.csv").write_text("age,colour,height\n,red,\n,,\n")
    assert impute(place, f"input={place / 'gaps.csv'}", f"out={place / 'gaps_filled.csv'}") == 0
    after = as_text(place / "gaps_filled.csv")
    assert after["age"].str.fullmatch(r"\d+").all()
    assert after["height"].str.fullmatch(r"\d+\.\d\d").all()


def test_what_the_run_does_not_know(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "odd.csv").write_text("age,colour,label\n30,purple,perhaps\n,RED,YES\n")
    assert impute(place, f"input={place / 'odd.csv'}", f"out={place / 'odd_filled.csv'}") == 0
    told = capsys.readouterr().out
    assert "'colour': 1 cell with values that the run does not know ('purple')" in told
    assert "'label': 1 cell with values that the run does not know ('perhaps')" in told
    assert "lacks the column 'height'" in told
    assert "3 cells filled and 0 labels predicted" in told
    after = as_text(place / "odd_filled.csv")
    assert list(after.columns) == ["age", "colour", "label", "height"]
    assert list(after["colour"]) == ["purple", "RED"]
    assert list(after["label"]) == ["perhaps", "YES"]
    assert after["height"].str.fullmatch(r"\d+\.\d\d").all()


def test_portions_make_no_difference_to_what_is_written(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "few.csv").write_text("age,colour,height,label\n1,red,170,yes\n,red,170,no\n3,red,170,\n")
    lines = []
    for portion in (1, 100):
        monkeypatch.setattr("ganx.serve.ensemble.PORTION", portion)
        monkeypatch.setattr("ganx.data.csv_like.PORTION", portion)
        out, spread = place / f"few_{portion}.csv", place / f"few_spread_{portion}.csv"
        assert impute(place, f"input={place / 'few.csv'}", f"out={out}", "--spread", str(spread)) == 0
        lines.append([line.split(",") for line in (out.read_text() + spread.read_text()).splitlines()])
    assert [[bool(cell) for cell in line] for line in lines[0]] == [[bool(cell) for cell in line] for line in lines[1]]
    assert lines[0][1] == ["1", "red", "170", "yes"]


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        ("weight\n1\n", "none of the run's columns: age, colour, height"),
        ("age,colour,height\nold,red,170\n", "'old' in line 2, which is not a number"),
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


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("own.csv", "is the input itself"),
        ("link.csv", "is the input itself"),
        ("hard.csv", "is the input itself"),
        ("sub/../spread.csv", "spread={place}/spread.csv is out={place}/sub/../spread.csv, too"),
        ("x.xlsx", "ganx writes text (.csv, .tsv, .txt) and Parquet, no .xlsx"),
        ("x.csv.gz", "no .gz"),
        ("x.tsv", "cells are separated by ','"),
        ("sub", "this is a folder"),
        ("own.csv/x.csv", "cannot write there"),
        ("o/runs/csv/RUN/x.csv", "in the folder of a run"),
    ],
)
def test_places_that_are_refused(place: Path, out: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "sub").mkdir(exist_ok=True)
    if not (place / "link.csv").exists():
        (place / "link.csv").symlink_to(place / "own.csv")
        (place / "hard.csv").hardlink_to(place / "own.csv")
    (run,) = (place / "o").glob("runs/csv/*")
    before = sorted(place.rglob("*"))
    name = str(place / out.replace("RUN", run.name))
    assert impute(place, f"input={place / 'own.csv'}", f"out={name}", "--spread", str(place / "spread.csv")) == 2
    told = capsys.readouterr().err
    assert told.startswith(("ganx: out=", "ganx: spread="))
    assert message.replace("{place}", str(place)) in told
    assert sorted(place.rglob("*")) == before


def test_parquet(place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    out = place / "filled.parquet"
    with monkeypatch.context() as without:
        without.setattr("ganx.serve.table_file.find_spec", lambda name: None)
        assert impute(place, f"input={place / 'own.csv'}", f"out={out}") == 2
        assert "needs pyarrow" in capsys.readouterr().err
    pytest.importorskip("pyarrow")
    csv = place / "filled.csv"
    assert impute(place, f"input={place / 'own.csv'}", f"out={out}") == 0
    assert impute(place, f"input={place / 'own.csv'}", f"out={csv}") == 0
    after, text = pd.read_parquet(out), pd.read_csv(csv)
    assert after["age"].dtype == "int64"
    assert after["height"].dtype == "float64"
    pd.testing.assert_frame_equal(after, text, check_dtype=False)


@pytest.mark.parametrize("command", ["impute", "predict"])
def test_ctrl_c_leaves_nothing(
    place: Path, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ganx.serve.ensemble.Ensemble.answer", interrupted)
    before = sorted(place.iterdir())
    (run,) = (place / "o").glob("runs/csv/*")
    argv = [command, f"run={run}", f"input={place / 'own.csv'}", f"out={place / 'stopped.csv'}"]
    assert cli.main(argv) == 130
    assert capsys.readouterr().err == "ganx: interrupted\n"
    assert sorted(place.iterdir()) == before


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


@pytest.mark.parametrize("model", [["model=copula", "model.answer=draw"], ["model=mice", "model.posterior=true"]])
def test_draws_differ_between_portions_of_equal_rows_and_not_between_commands(
    model: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    table = pd.DataFrame(random.normal(size=(60, 3)), columns=["a", "b", "c"])
    table.to_csv(tmp_path / "own.csv", index=False)
    command = ["train", *model, "dataset=csv", f"dataset.path={tmp_path / 'own.csv'}"]
    assert cli.main([*command, "dataset.target=null", "protocol.folds=0", f"outputs={tmp_path / 'o'}"]) == 0
    pd.concat([table.head(20).assign(b=None)] * 2).to_csv(tmp_path / "twice.csv", index=False)
    monkeypatch.setattr("ganx.serve.ensemble.PORTION", 20)
    for name in ("one.csv", "other.csv"):
        assert impute(tmp_path, f"input={tmp_path / 'twice.csv'}", f"out={tmp_path / name}") == 0
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "other.csv").read_bytes()
    drawn = pd.read_csv(tmp_path / "one.csv")["b"].to_numpy()
    assert (drawn[:20] != drawn[20:]).mean() > 0.7
