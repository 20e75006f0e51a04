from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ganx.data import Column, Encoding, Table, load, make_splits
from ganx.data.csv_doubts import number_like, numbers_rows, sentinels
from ganx.data.csv_like import Like, read_like
from ganx.data.csv_table import read_csv
from ganx.data.csv_text import TextTable, read_text
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


@pytest.mark.parametrize(
    ("content", "encoding", "category"),
    [
        ("ort,x\nKöln,1\nBonn,2\n".encode("latin-1"), "cp1252", "Köln"),
        ("ort,x\n5 € “x”,1\nBonn,2\n".encode("cp1252"), "cp1252", "5 € “x”"),
        (b"ort,x\n\x81\x80,1\nBonn,2\n", "latin-1", "\x81\x80"),  # no letter in cp1252
        ("ort,x\n5 €,1\nBonn,2\n".encode("utf-8-sig"), "utf-8-sig", "5 €"),
    ],
)
def test_encodings_give_the_bytes_back(write, content: bytes, encoding: str, category: str) -> None:
    path = write(content)
    assert category in read_csv(path).columns[0].categories
    text = read_text(path)
    assert text.encoding == encoding
    assert (text.head([]) + text.filled(0, 2, {}, [])).encode(encoding) == content


def test_rows_of_one_column(write) -> None:
    """A blank line is a row there, but not at the end of the file; in other tables it is none."""
    table = read_csv(write("v\n1\n\n3\n  \n5\n\n\n"))
    np.testing.assert_array_equal(table.x[:, 0], [1, NAN, 3, NAN, 5])
    text = read_text(write("v\r\n1\r\n\r\n3\r\n\r\n"))
    assert text.filled(0, 3, {"v": {1: "2"}}, ["w"]) == "1,\r\n2,\r\n3,\r\n\r\n"
    text = read_text(write("\na,b\n1,2\n\n3,4"))
    assert len(text) == 2
    assert text.line(1) == 5
    assert text.head([]) + text.filled(0, 2, {}, []) == "\na,b\n1,2\n\n3,4"


def test_only_new_cells_are_written(write) -> None:
    content = 'a;"b b";c\r\n "x" ;"2; 3";"?"\r\n1.50;"q""q\nz";\r\n'
    text = read_text(write(content))
    assert text.head([]) + text.filled(0, 2, {}, []) == content
    filled = text.filled(0, 2, {"c": {0: "new", 1: 'b;"c'}}, ["d;e"])
    assert filled == ' "x" ;"2; 3";"new";\r\n1.50;"q""q\nz";"b;""c";\r\n'
    assert text.head(["d;e"]) == 'a;"b b";c;"d;e"\r\n'


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
    "empty column": ("a,b\n1,\n2,NA\n", {}, "column 'b' is empty in every row; leave it out with 'dataset.drop=[b]'"),
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
    "decimals or thousands": ("a;b\n1,500;2\n2,500;3\n", {}, "'1,500', which may be 1500 or 1.500"),
    "both": ('a,b\n"1.234,5",2\n"1,25",3\n', {}, "column 'a' has decimal commas ('1.234,5')"),
    "a word in a third of the cells": (
        "a,b\n" + "".join(f"{'n.a.' if i % 3 else i},x\n{i}.5,y\n" for i in range(20)),
        {},
        "column 'a' is numeric but for 'n.a.' in line 4 and 12 other cells; "
        "use 'dataset.missing=[n.a.]' if that means unknown, or leave the column out with 'dataset.drop=[a]'",
    ),
    "a unit": (
        "w (kg),b\n" + "".join(f"{i} kg,x\n" for i in range(20)),
        {},
        "column 'w (kg)' looks numeric but has '0 kg' in line 2 and 19 other cells; write plain numbers, without "
        "currency, unit or separator, or leave the column out with 'dataset.drop=[\"w (kg)\"]'",
    ),
    "a currency": (
        "a,b\n" + "".join(f"${i}.50,x\n" for i in range(20)),
        {},
        "looks numeric but has '$0.50' in line 2 and 19 other",
    ),
    "spaces between thousands": (
        "a,b\n" + "".join(f"{i} 000,x\n" for i in range(20)),
        {},
        "looks numeric but has '0 000'",
    ),
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
    with pytest.raises(UserError, match="not a regular file"):
        load("csv", path="/dev/zero")


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


# What is said of a table that is read


def notes_of(write, cells: list[str], **arguments: object) -> tuple[Table, list[str]]:
    table = read_csv(write("a,b\n" + "".join(f'"{cell}",{i % 7}\n' for i, cell in enumerate(cells))), **arguments)
    return table, list(table.notes)


def test_thousands(write) -> None:
    table, notes = notes_of(write, ["1,234", "12", "1,234,567.5", ""])
    np.testing.assert_array_equal(table.x[:, 0], [1234, 12, 1234567.5, NAN])
    assert notes == ["column 'a': commas are taken as separators of thousands ('1,234')"]
    assert table.columns[0].style == "z,.1f"


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (["1.234", "12.345", "999", "", "-1.000"], True),
        (["1.234", "2.500"], True),
        (["1.234", "0.500"], False),  # thousands do not begin with 0
        (["1.234", "2.5"], False),
        (["1.234", "1000"], False),
        (["1", "2"], False),
    ],
)
def test_points_that_may_separate_thousands_are_told(write, cells: list[str], told: bool) -> None:
    table, notes = notes_of(write, cells)
    assert table.x[0, 0] in (1, 1.234)
    message = "column 'a': points are taken as decimal points ('1.234' is less than a thousand); "
    assert notes == ([message + "if they separate thousands, write 1234"] if told else [])


@pytest.mark.parametrize("cells", [["1.234,5", "1.234", "7"], ["1.234"] * 20 + ["1.234,5"]])
@pytest.mark.parametrize("separator", [";", ","])
def test_numbers_in_german_are_not_read_as_others(write, cells: list[str], separator: str) -> None:
    lines = [f'"{cell}"{separator}{i}' for i, cell in enumerate(cells * 6)]
    with pytest.raises(UserError, match=r"column 'a' has decimal commas \('1\.234,5'\)"):
        read_csv(write("\n".join([f"a{separator}b", *lines]) + "\n"))
    _, (note,) = notes_of(write, ["1.234.567", "1.234"] * 6)
    assert "numbers such as '1.234.567' are taken as names of categories" in note


def test_few_cells_that_look_like_numbers_are_categories_and_told(write) -> None:
    table, notes = notes_of(write, ["5 €", "6 €", "free"] * 5)
    assert table.columns[0].categories == ("5 €", "6 €", "free")
    assert len(notes) == 1
    assert "numbers such as '5 €' are taken as names of categories" in notes[0]
    assert "such as '3+'" in notes_of(write, ["0", "1", "2", "3+"] * 5)[1][0]
    assert notes_of(write, ["1", "2", "two"] * 5)[1] == []


def test_spellings_of_one_word_and_words_for_unknown_are_told(write) -> None:
    table, notes = notes_of(write, ["Ja", "ja", "nein", "unbekannt", "Unbekannt", "n.a."] * 3)
    assert len(table.columns[0].categories) == 6
    assert notes == [
        "column 'a': 'Ja', 'ja' are different categories, though they differ in case or spaces alone; "
        "write them alike if they are the same",
        "column 'a': 'Unbekannt', 'n.a.' are taken as categories; if they mean unknown, "
        "add 'dataset.missing=[Unbekannt,n.a.]'",
    ]
    _, notes = notes_of(write, ["Ja", "nein", "unbekannt", "Unbekannt"] * 3, missing=["unbekannt"])
    assert notes == []


def test_the_same_is_told_of_classes(write) -> None:
    table, notes = notes_of(write, ["ill", " ILL ", "Ill", "well", "unknown"] * 3, target="a")
    assert table.classes == ("ILL", "Ill", "ill", "unknown", "well")
    assert notes == [
        "column 'a': 'ILL', 'Ill', 'ill' are different classes, though they differ in case or spaces alone; "
        "write them alike if they are the same",
        "column 'a': 'unknown' is taken as a class; if it means unknown, add 'dataset.missing=[unknown]'",
    ]


def test_plus_and_minus_are_no_doubt(write) -> None:
    assert notes_of(write, ["+", "-"] * 5)[1] == []


def test_leading_zeros(write) -> None:
    table, notes = notes_of(write, ["01000", "8001"] * 5)
    assert table.columns[0].categories == ("01000", "8001")
    assert notes == ["column 'a': digits with leading zeros ('01000') are taken as 2 categories"]
    table, notes = notes_of(write, [f"{i:05}" for i in range(60)])
    assert table.columns[0] == Column("a")
    assert table.columns[0].style == "z05.0f"
    assert "taken as numbers" in notes[0]


@pytest.mark.parametrize(
    ("missing", "cells"),
    [
        (["Missing", "n.a."], ["1", "missing", "n.a.", "MISSING", "4"]),
        ([-999], ["1", "-999", "-999.0", "-9.99e2", "4"]),
        ([-999.0, "unknown"], ["1", "-999", "unknown", "", "4"]),
    ],
)
def test_further_words_for_missing(write, missing: list[str | float], cells: list[str]) -> None:
    table, notes = notes_of(write, cells, missing=missing)
    np.testing.assert_array_equal(table.x[:, 0], [1, NAN, NAN, NAN, 4])
    assert notes == []
    target = read_csv(write("a,b\n" + "".join(f"{i},{cell}\n" for i, cell in enumerate(cells))), "b", missing=missing)
    assert target.classes == ("1", "4")
    assert target.y.tolist() == [0, -1, -1, -1, 1]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([-999, -999, *range(50)], [-999]),
        ([-9999, -9999, -999, -999, *range(50)], [-9999, -999]),
        ([9999, 9999, -99, -99, *range(50)], [-99, 9999]),
        ([-1, -1, *range(18, 90)], [-1]),
        ([-999, -999, 3, 50_000, 1_000_000], [-999]),  # the only one below 0
        ([-999, *range(50)], []),  # once
        ([-1, -1, 0, 1, 2, 3], []),
        ([1000, 1000, *range(50)], []),  # not what people write
        ([99, 99, *range(100)], []),
        ([0, 0, 999, 999], []),  # two values
    ],
)
def test_sentinels(values: list[float], found: list[float]) -> None:
    assert sentinels(np.array([NAN, *values], dtype=float)) == found


def test_a_sentinel_is_told(write) -> None:
    _, notes = notes_of(write, ["-999", "-999", *map(str, range(20, 60, 2))])
    assert notes == [
        "column 'a': -999 stands in 2 cells, far from others; if it means unknown, add 'dataset.missing=[-999]'"
    ]


@pytest.mark.parametrize(
    ("values", "running"),
    [
        (range(1, 21), True),
        (range(20, 0, -1), True),
        ([3, 1, 2, *range(4, 30)], True),
        (range(10), False),  # too few
        ([1, 1, *range(3, 21)], False),
        (range(0, 40, 2), False),
        ([NAN, *range(2, 21)], False),
    ],
)
def test_a_running_number(values: Iterable[float], running: bool) -> None:
    assert numbers_rows(np.array(list(values), dtype=float)) == running


def test_a_running_number_is_told(write) -> None:
    _, notes = notes_of(write, list(map(str, range(1, 21))))
    assert notes == [
        "column 'a': numbers the rows, 1 to 20; if it is no quantity, leave it out with 'dataset.drop=[a]'"
    ]


def test_what_looks_like_a_number() -> None:
    like = {
        "$510",
        "5 €",
        "€5",
        "US$ 1,200.50",
        "CHF 10",
        "5kg",
        "5 kg",
        "12 %",
        "<0.1",
        "1 234",
        "1'234",
        "10 m2",
        "-3 °C",
        "3+",
    }
    names = {"12a", "12b", "A12", "2021-05-01", "10:30", "1st", "18-25", "5 to 6", "R2D2", "C 5", "p8001", "Room 5"}
    assert number_like(like | names) == like
    assert number_like({"5m", "7m"}) == {"5m", "7m"}


# read_like


def like(write, content: str, known: str = GOOD) -> Like:
    table = read_csv(write(known, "known.csv"), "label")
    return read_like(write(content), table.columns, table.classes, table.target)


def test_read_like_itself(write) -> None:
    found = like(write, GOOD)
    table = read_csv(write(GOOD), "label")
    np.testing.assert_array_equal(found.x, table.x)
    np.testing.assert_array_equal(found.y, table.y)
    np.testing.assert_array_equal(found.gaps, np.isnan(table.x))
    assert found.gaps_y.tolist() == [False, False, False, True]
    assert found.notes == []


def test_read_like_other_order_more_columns_and_no_target(write) -> None:
    found = like(write, "id;colour;size\n007; red ;1.50\nb;;\n")
    np.testing.assert_array_equal(found.x, [[1.5, 1], [NAN, NAN]])
    assert found.y is None
    assert found.gaps_y.all()
    assert found.notes == []


def test_read_like_accepts_what_the_known_table_could_not(write) -> None:
    """A column that is empty, or all of one class, is no reason to refuse a file to be filled."""
    found = like(write, "size,colour,label\n,,yes\n,,\n")
    assert np.isnan(found.x).all()
    assert found.y.tolist() == [1, -1]


def test_read_like_numeric_classes(write) -> None:
    assert like(write, "a,label\n1,1.0\n2,0\n", known="a,label\n1,0\n2,1\n").y.tolist() == [1, 0]


def test_what_a_run_does_not_know_is_missing_but_no_gap(write) -> None:
    found = like(write, "size,colour,label\n1,RED,Yes\n2,purple,maybe\n3,,\n4,Purple,no\n")
    np.testing.assert_array_equal(found.x, [[1, 1], [2, NAN], [3, NAN], [4, NAN]])
    assert found.gaps.tolist() == [[False, False], [False, False], [False, True], [False, False]]
    assert found.y.tolist() == [1, -1, -1, 0]
    assert found.gaps_y.tolist() == [False, False, True, False]
    assert found.notes == [
        "column 'colour': 2 cells with values that the run does not know ('purple', 'Purple'), "
        "counted as missing and left as they are",
        "column 'label': 1 cell with values that the run does not know ('maybe'), "
        "counted as missing and left as they are",
    ]


def test_case_tells_categories_apart_where_it_must(write) -> None:
    known = "a,label\nyes,0\nYES,1\nno,1\n"
    assert np.isnan(like(write, "a\nYes\nNO\n", known).x[:, 0]).tolist() == [True, False]


def test_a_column_that_is_lacking_is_missing(write) -> None:
    found = like(write, "size,colur\n1,red\n")
    np.testing.assert_array_equal(found.x, [[1, NAN]])
    assert found.gaps.tolist() == [[False, True]]
    assert found.notes == [
        "the file lacks the column 'colour': it counts as missing in every row, is filled, and stands at the end; "
        "did you mean 'colur'?"
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,label\n1,yes\n", "none of the run's columns: size, colour"),
        ("size,colour\n1,red\nbig,red\n", "column 'size' has 'big' in line 3, which is not a number"),
        ("size,colour\n1,red\n1_000,red\n", "column 'size' has '1_000' in line 3, which is not a number"),
        ("size,colour\ninf,red\n", "column 'size' is infinite in line 2"),
        ('size,colour\n"1,5",red\n', "decimal commas"),
    ],
)
def test_read_like_refuses(write, content: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        like(write, content)


def test_read_like_reads_numbers_as_the_known_table(write) -> None:
    found = like(write, 'size,colour\n"1,234",red\n Na ,red\n -2 ,red\n')
    np.testing.assert_array_equal(found.x[:, 0], [1234, NAN, -2])


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


ODD = ["1", "-0", "+2.5", ".5", "5.", "1e-3", "1E5", "1e400", "-inf", "nan", "nAn", "?", " NA ", "", " ", " 7 ", "007"]
ODD += ["0.1234567890123456789", "123456789012345678901234567890", "9007199254740993", "18446744073709551615", "5e-324"]
ODD += [
    "1_000",
    "0x10",
    "1,234",
    "١",
    "\ufeff1",
    "\xa03",
    "True",
    "red",
    "- 5",
    "--5",
    "1e",
    "-999",
    "-999.0",
    "1.7e308",
]


@settings(max_examples=300, deadline=None)
@example([("1", "True", "red")], ",", "\n", False)
@given(
    st.lists(
        st.tuples(*[st.sampled_from(ODD)] * 2, st.sampled_from(["red", " RED", "", "a|b"])), min_size=1, max_size=6
    ),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n", "\r", "\n\n"]),
    st.booleans(),
)
def test_what_is_read_at_once_is_what_is_read_cell_by_cell(
    tmp_path_factory, rows: list[tuple], separator: str, newline: str, quoted: bool
) -> None:
    """Files without quotation marks are read by pandas and split as a whole; others, and odd cells, one by one."""
    lines = [separator.join(row) for row in [("a", "b", "c"), *rows, *([('"1"', "2", "red")] if quoted else [])]]
    path = tmp_path_factory.mktemp("csv") / "odd.csv"
    path.write_bytes(newline.join(lines).encode())
    columns = (Column("b"), Column("a"), Column("c", ("blue", "red")))

    def read() -> tuple[object, ...]:
        try:
            found = read_like(str(path), columns, (), None, [-999, "5."])
        except UserError as error:
            return (str(error),)
        text, new = found.text, {"a": {0: "x" + separator}, "d": {0: "new"}}
        filled = text.head(["d"]) + text.filled(0, len(text), new, ["d"])
        return found.x.tobytes(), found.gaps.tobytes(), found.notes, text.columns()[1][0], list(text.lines), filled

    at_once = read()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ganx.data.csv_like._parsed", lambda *_: None)
        patch.setattr("ganx.data.csv_text._plain_records", lambda *_: None)
        assert read() == at_once


# Beyond what a table can be.

LIMITS = {
    "columns": (",".join(f"c{j}" for j in range(10_001)) + "\n", "10,001 columns, and at most 10,000 are taken"),
    "long name": ("a" * 1001 + ",b\n1,2\n", "the name of column 1, 'a{40}...', has more than 1,000 letters"),
    "escape": ("a\x1b[31m,b\n1,2\n", r"the name of column 1, 'a\\x1b\[31m', has a control character"),
    "twice": ("[/x]\n".replace("\n", ",[/x]\n1,2\n"), r"both named '\[/x\]'"),
    "too large": ("a,b\n1,2\n-1e39,3\n", r"column 'a' has -1e\+39, beyond \+-1e\+30, in line 3"),
    "rows": ("a\n" + "1\n" * 60, "61 lines, and at most 50 are taken"),
    "cells": ("a,b,c\n" + "1,2,3\n" * 40, "120 cells, and at most 100 are taken"),
    "bytes": ("a\n" + "1" * 200_000, "200,002 bytes, and at most 100,000 are taken"),
}


@pytest.mark.parametrize(("content", "message"), LIMITS.values(), ids=LIMITS.keys())
def test_limits_of_a_table_to_train_on_and_of_one_to_fill(
    write, monkeypatch: pytest.MonkeyPatch, content: str, message: str
) -> None:
    for limit, value in (("bytes.MOST_ROWS", 50), ("text.MOST_CELLS", 100), ("bytes.MOST_BYTES", 100_000)):
        monkeypatch.setattr(f"ganx.data.csv_{limit}", value)
    path = write(content)
    with pytest.raises(UserError, match=message):
        read_csv(path)
    with pytest.raises(UserError, match=message):
        read_like(path, (Column("a"), Column("b")), (), None)


def test_a_header_without_an_end(write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganx.data.csv_bytes.LONGEST_NAME", 1)
    with pytest.raises(UserError, match="the first line is longer than 10,000 bytes"):
        read_csv(write("a" * 10_001))


def test_wide_tables_are_refused_before_their_cells_are_read(write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TextTable, "columns", None)
    names = ",".join(f"c{j}" for j in range(10_001))
    with pytest.raises(UserError, match="10,001 columns"):
        read_csv(write(f"{names}\n{names}\n"))


def test_names_with_marks_and_line_breaks_are_names(write) -> None:
    names = ["[/x]", "[red]b", "c\nd", "${oc.env:HOME}"]
    header = ",".join(f'"{name}"' for name in names)
    assert [column.name for column in read_csv(write(f"{header}\n1,2,3,4\n5,6,7,8\n")).columns] == names


def test_an_outlier_leaves_the_scale_of_the_other_rows_finite(write) -> None:
    """In 32 bits, a range of 1e-10 beside 1e29 is 0; what is scaled by it would be infinite."""
    rows = "".join(f"{k}e-10,{k}\n" for k in range(50))
    table = read_csv(write(f"a,b\n1e29,1\n{rows}"))
    protocol = Protocol("clean", 0.2, "mcar", 1.0, None, None, 5, 0.2, "observed", "validation", "class", "known")
    for split in make_splits(table, Encoding.of(table), protocol, 0, 1):
        assert np.isfinite(1 / split.span).all()
