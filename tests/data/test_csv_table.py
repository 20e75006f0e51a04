from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganx.data import Column, Encoding, Table, load, make_splits
from ganx.data.csv_table import read_csv, read_like
from ganx.errors import UserError
from ganx.schema import Protocol

NAN = np.nan
GOOD = "size,colour,label\n1,red,yes\n2.5,,no\n?,blue,yes\n1e3,red,NA\n"


@pytest.fixture
def write(tmp_path: Path):
    def writer(content: str | bytes, name: str = "my.csv") -> str:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return writer


def check_good(table: Table) -> None:
    assert table.columns == (Column("size"), Column("colour", ("blue", "red")))
    np.testing.assert_array_equal(table.x, [[1, 1], [2.5, NAN], [NAN, 0], [1000, 1]])
    assert table.y.tolist() == [1, 0, 1, -1]
    assert table.classes == ("no", "yes")
    assert table.target == "label"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_separators_encodings_and_newlines(write, separator: str, encoding: str, newline: str) -> None:
    check_good(
        load("csv", path=write(GOOD.replace(",", separator).replace("\n", newline).encode(encoding)), target="label")
    )


def test_spaces_blank_lines_and_a_missing_last_newline(write) -> None:
    check_good(load("csv", path=write(GOOD.replace(",", " , ").replace("\n", "\n\n").rstrip()), target="label"))


def test_latin_1(write) -> None:
    table = read_csv(write("ort,x\nKöln,1\nBonn,2\n".encode("latin-1")))
    assert table.columns[0].categories == ("Bonn", "Köln")


@pytest.mark.parametrize("cell", ["", " ", "?", "NA", "na", "NaN", "null", "NULL", "-", "N/A", "None", "."])
def test_missing_cells(write, cell: str) -> None:
    table = read_csv(write(f"a,b\n1,x\n{cell},{cell}\n2,y\n"))
    np.testing.assert_array_equal(table.x, [[1, 0], [NAN, NAN], [2, 1]])


def test_plus_and_minus_are_classes(write) -> None:
    table = read_csv(write("a,b\n1,+\n2,-\n3,?\n"), "b")
    assert table.classes == ("+", "-")
    assert table.y.tolist() == [0, 1, -1]


def test_quoted_cells_with_separators_and_newlines(write) -> None:
    table = read_csv(write('a,b\n1,"x, y"\n2,"two\nlines"\n3,"x, y"\n'))
    assert table.columns[1].categories == ("two\nlines", "x, y")


def test_separator_is_not_fooled_by_text(write) -> None:
    table = read_csv(write('a;b;c\n1;"Berlin, Mitte";x|y\n2;"Köln, Süd";x\n'))
    assert [column.name for column in table.columns] == ["a", "b", "c"]


def test_booleans_text_and_years_as_names(write) -> None:
    table = read_csv(write("2019,2020,2021\nTrue,a,1\nFalse,b,2\n"))
    assert [column.numeric for column in table.columns] == [False, False, True]


def test_one_column_and_constant_columns(write) -> None:
    table = read_csv(write("a\n5\n5\n"))
    assert Encoding.of(table).encode(table.x).tolist() == [[0], [0]]
    table = read_csv(write("a,b\nx,1\nx,2\n"))
    assert Encoding.of(table).encode(table.x).tolist() == [[1, 0], [1, 1]]


def test_drop_and_no_target(write) -> None:
    table = read_csv(write(GOOD), drop=["size", "label"])
    assert [column.name for column in table.columns] == ["colour"]
    assert table.y is None
    assert table.classes == ()
    assert table.n_classes == 0


def test_dropped_columns_are_not_judged(write) -> None:
    assert read_csv(write("id,empty,a\n1,,2\nx,,3\n"), drop=["id", "empty"]).n_columns == 1


def test_numeric_classes_are_ordered_and_merged(write) -> None:
    table = read_csv(write("a,b\n1,10\n2,9\n3,10.0\n4,-1\n"), "b")
    assert table.classes == ("-1", "9", "10")
    assert table.y.tolist() == [2, 1, 2, 0]


def test_large_integers_and_exact_floats(write) -> None:
    table = read_csv(write("a\n0.1\n9007199254740991\n-1e-300\n"))
    assert table.x[:, 0].tolist() == [0.1, 9007199254740991, -1e-300]


MIXED = "a,b\n" + "".join(f"{i},x\n" for i in range(20))
NAMES = "a,b\n" + "".join(f"{i},name {i}\n" for i in range(60))
BAD = {
    "nothing": ("", {}, "is empty"),
    "header only": ("a,b\n", {}, "no rows"),
    "duplicate names": ("a,b,a\n1,2,3\n", {}, "columns 1 and 3 are both named 'a'"),
    "unnamed column": (",a\n0,1\n", {}, "column 1 has no name"),
    "no header": ("5.1,3.5,1.4\n4.9,3.0,1.4\n", {}, "first line looks like data (5.1, ...)"),
    "ragged": ("a,b\n1,2\n3\n", {}, "line 3: 1 cells where the header has 2"),
    "open quote": ('a,b\n1,"2\n3,4\n', {}, "quotation mark"),
    "binary": (b"PK\x03\x04\0\0", {}, "not a plain text file"),
    "utf-16": ("a,b\n1,2\n".encode("utf-16"), {}, "not a plain text file"),
    "text in a numeric column": (
        MIXED.replace("7,x", "seven,x"),
        {},
        "column 'a' is numeric but for 'seven' in line 9",
    ),
    "infinite": ("a,b\n1,2\ninf,3\n", {}, "column 'a' is infinite in line 3"),
    "too large": ("a,b\n1,2\n-1e999,3\n", {}, "column 'a' is infinite in line 3"),
    "decimal commas": ("a;b\n1,5;2\n2,5;3\n", {}, "column 'a' has decimal commas ('1,5')"),
    "empty column": ("a,b\n1,\n2,NA\n", {}, "column 'b' is empty in every row; leave it out with dataset.drop=[b]"),
    "free text": (NAMES, {}, "column 'b' has 60 different texts in 60 cells ('name 0', ...)"),
    "unknown target": (
        GOOD,
        {"target": "lable"},
        "dataset.target: {path} has no column 'lable'; did you mean 'label'?",
    ),
    "unknown drop": (GOOD, {"drop": ["siez"]}, "dataset.drop: {path} has no column 'siez'; did you mean 'size'?"),
    "target dropped": (GOOD, {"target": "size", "drop": ["size"]}, "both dataset.target and in dataset.drop"),
    "no column left": (GOOD, {"target": "label", "drop": ["size", "colour"]}, "no column is left"),
    "one class": ("a,b\n1,x\n2,x\n", {"target": "b"}, "a single class, 'x'; use dataset.target=null"),
    "no class": ("a,b\n1,?\n2,\n", {"target": "b"}, "no value at all"),
    "regression": (MIXED.replace("x", "1"), {"target": "a"}, "20 different numbers, which looks like regression"),
    "names as target": (NAMES, {"target": "b", "drop": []}, "60 different texts"),
}


@pytest.mark.parametrize(("content", "arguments", "message"), BAD.values(), ids=BAD)
def test_refused_by_name(write, content: str | bytes, arguments: dict, message: str) -> None:
    path = write(content)
    with pytest.raises(UserError) as refused:
        load("csv", path=path, **arguments)
    assert message.replace("{path}", path) in str(refused.value)
    assert path in str(refused.value) or "dataset." in str(refused.value)
    assert "\n" not in str(refused.value)


def test_messages_stay_on_one_line(write) -> None:
    long = "very " * 50
    with pytest.raises(UserError) as refused:
        read_csv(write(MIXED.replace("7,x", f'"{long}\n{long}",x')))
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*nowhere.csv: No such file"):
        load("csv", path=str(tmp_path / "nowhere.csv"))
    with pytest.raises(UserError, match="cannot read"):
        load("csv", path=str(tmp_path))


def test_a_class_of_one_row_and_one_hot_go_through(write) -> None:
    rows = "".join(f"{i},{'rgb'[i % 3]},{'ab'[i % 2]}\n" for i in range(20))
    table = read_csv(write(f"n,c,y\n{rows}99,r,lonely\n"), "y")
    encoding = Encoding.of(table)
    splits = make_splits(
        table,
        encoding,
        Protocol("clean", 0.2, "mcar", 1.0, None, None, 5, 0.2, "observed", "validation", "class", "known"),
        0,
        2,
    )
    assert len(splits) == 10
    assert splits[0].low.shape == (4,)


# read_like


def like(write, content: str, known: str = GOOD):
    table = read_csv(write(known, "known.csv"), "label")
    return read_like(write(content), table.columns, table.classes, table.target)


def test_read_like_itself(write) -> None:
    raw, x, y = like(write, GOOD)
    table = read_csv(write(GOOD), "label")
    np.testing.assert_array_equal(x, table.x)
    np.testing.assert_array_equal(y, table.y)
    assert raw.attrs["separator"] == ","
    assert raw.to_csv(index=False) == GOOD


def test_read_like_other_order_more_columns_and_no_target(write) -> None:
    raw, x, y = like(write, "id;colour;size\n007; red ;1.50\nb;;\n")
    np.testing.assert_array_equal(x, [[1.5, 1], [NAN, NAN]])
    assert y is None
    assert raw.to_numpy().tolist() == [["007", " red ", "1.50"], ["b", "", ""]]
    assert raw.attrs["separator"] == ";"


def test_read_like_accepts_what_the_known_table_could_not(write) -> None:
    """A column that is empty, or all of one class, is no reason to refuse a file to be filled."""
    _, x, y = like(write, "size,colour,label\n,,yes\n,,\n")
    assert np.isnan(x).all()
    assert y.tolist() == [1, -1]


def test_read_like_numeric_classes(write) -> None:
    _, _, y = like(write, "a,label\n1,1.0\n2,0\n", known="a,label\n1,0\n2,1\n")
    assert y.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("size,label\n1,yes\n", "lacks the column 'colour'"),
        ("size,colur\n1,red\n", "lacks the column 'colour'; did you mean 'colur'?"),
        (
            "size,colour\n1,reed\n",
            "column 'colour' has 'reed' in line 2, which is not a known category; did you mean 'red'?",
        ),
        ("size,colour\n1,red\nbig,red\n", "column 'size' has 'big' in line 3, which is not a finite number"),
        ("size,colour\ninf,red\n", "not a finite number"),
        ("size,colour,label\n1,red,maybe\n", "column 'label' has 'maybe' in line 2"),
    ],
)
def test_read_like_refuses(write, content: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        like(write, content)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.one_of(st.none(), st.floats(-1e9, 1e9)), st.sampled_from([None, "red", "a, b", 'q"uote', "ü"])),
        min_size=2,
        max_size=20,
    ),
    st.sampled_from([",", ";", "\t", "|"]),
)
def test_what_pandas_writes_is_read(tmp_path_factory, rows: list[tuple], separator: str) -> None:
    frame = pd.DataFrame([*rows, (0.0, "red")], columns=["number", "text"])
    path = tmp_path_factory.mktemp("csv") / "frame.csv"
    frame.to_csv(path, index=False, sep=separator)
    table = read_csv(str(path))
    np.testing.assert_array_equal(table.x[:, 0], frame["number"].to_numpy(dtype=float))
    texts = [None if np.isnan(code) else table.columns[1].categories[int(code)] for code in table.x[:, 1]]
    assert texts == [None if pd.isna(text) else text for text in frame["text"]]
