"""`dataset.group`: a column of a CSV file whose equal values keep rows together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ganx.data.csv_table import read_csv
from ganx.errors import UserError

ROWS = "patient,age,ill\nb,1,yes\na,2,no\nb,3,no\n?,4,no\n?,5,yes\na ,6,yes\n"


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "visits.csv").write_text(ROWS)
    return str(tmp_path / "visits.csv")


def test_equal_values_are_one_group_and_an_unknown_one_stands_for_itself(file: str) -> None:
    table = read_csv(file, "ill", group="patient")
    assert [column.name for column in table.columns] == ["age"]
    assert table.groups is not None
    assert table.groups.tolist() == [0, 1, 0, 2, 3, 1]
    assert read_csv(file, "ill", drop=["patient"]).groups is None


def test_groups_belong_to_the_data(file: str) -> None:
    with_groups, without = read_csv(file, "ill", group="patient"), read_csv(file, "ill", drop=["patient"])
    assert with_groups.checksum() != without.checksum()
    cut = with_groups.cut(3)
    assert cut.groups is not None
    kept = np.searchsorted(with_groups.x[:, 0], cut.x[:, 0])
    assert cut.groups.tolist() == with_groups.groups[kept].tolist()  # type: ignore[index]


@pytest.mark.parametrize(
    ("target", "group", "told"),
    [
        ("ill", "patent", r"dataset\.group: .* has no column 'patent'; did you mean 'patient'"),
        ("patient", "patient", r"'patient' is both dataset\.target and dataset\.group"),
    ],
)
def test_refused(file: str, target: str, group: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        read_csv(file, target, group=group)
