from __future__ import annotations

import math

import numpy as np
import pytest

from ganx.data.written import style_of, style_of_values, write
from ganx.errors import RunError


@pytest.mark.parametrize(
    ("texts", "value", "written"),
    [
        (["1", "2", "30"], -0.3, "0"),
        (["1.50", "2.25"], -0.001, "0.00"),
        (["1", "2.5"], 3.14159, "3.1"),
        (["01000", "01001"], 1019.2, "01019"),
        (["0", "1"], 1.2, "1"),
        (["1,234", "5"], 1234567.8, "1,234,568"),
        (["1608131637.391946", "1608201390.41627"], 1604630000.123456, "1604630000.12346"),
        (["660443.75736"], 655099.123456, "655099.12346"),
        (["97.43710015513501"], 96.1234567890123, "96.1234567890123"),
        (["4.15e-10", "8.8e-10"], 4.7123456e-10, "4.71235e-10"),
        (["100000000000001001"], 1e17, "100000000000000000"),
        ([*["1"] * 40, "2.12345678"], 2.5, "2"),  # one artefact
        (["0" * 119 + "1"], 2.0, "2"),  # so wide that it is no format
        ([], 2.4, "2"),
        (["1"], math.nan, ""),
    ],
)
def test_numbers_are_written_as_their_column(texts: list[str], value: float, written: str) -> None:
    assert write([value], (), style_of(texts)) == [written]


def test_values_tell_a_style_too() -> None:
    assert style_of_values(np.array([1.0, np.nan, 2.25])) == "z.2f"
    assert style_of_values(np.array([0, 255], dtype=np.uint8)) == "z.0f"
    assert style_of_values(np.array([np.nan])) == "z.0f"


def test_categories() -> None:
    assert write([1.0, math.nan, 0.0], ("a", "b"), "") == ["b", "", "a"]


@pytest.mark.parametrize("style", ["", "z.999999999f", ">99999999", "z.2e", "z.2f\n", 5])
def test_a_damaged_style_is_refused(style: str) -> None:
    with pytest.raises(RunError, match="the run is damaged"):
        write([1.0], (), style)
