"""Packed arrays come back as they were; anything else is refused in one line and fills no memory."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from ganx.baselines.packing import GREATEST_RATIO, pack, unpack
from ganx.errors import RunError

dtypes = st.sampled_from([np.int8, np.int16, np.int32, np.int64, np.float32, np.float64, np.bool_])


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text(max_size=5), dtypes.flatmap(lambda d: arrays_of.arrays(d, arrays_of.array_shapes()))))
def test_packed_arrays_come_back(arrays: dict[str, np.ndarray]) -> None:
    for name, array in unpack(pack(arrays)).items():
        assert array.dtype == arrays[name].dtype
        np.testing.assert_array_equal(array, arrays[name])


def test_constant_arrays_stay_below_the_greatest_ratio() -> None:
    packed = pack({"zeros": np.zeros((1000, 1000))})
    assert len(packed["zeros"]) * GREATEST_RATIO >= 8_000_000
    assert not unpack(packed)["zeros"].any()


def packed_bytes(data: bytes) -> dict[str, np.ndarray]:
    return {"rows": np.frombuffer(data, np.uint8)}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no zlib",
        zlib.compress(b"no array"),
        zlib.compress(bytes(10**8)),  # a bomb
        zlib.compress(b"PK\x03\x04"),  # an archive
        zlib.compress(
            b"\x93NUMPY\x01\x00\x76\x00" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (9" + b"0" * 17
        ),
    ],
)
def test_what_is_no_packed_array_is_refused(data: bytes) -> None:
    with pytest.raises(RunError, match="damaged"):
        unpack(packed_bytes(data))


@pytest.mark.parametrize("shape", ["(10000000000000,)", "(-1,)", "(99999999999999999999,)", "'text'"])
def test_a_header_that_lies_is_refused(shape: str) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.zeros(3))
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    data = zlib.compress(buffer.getvalue()[:10] + header.encode() + bytes(24), 0)
    with pytest.raises(RunError, match="damaged"):
        unpack(packed_bytes(data))


@settings(deadline=None)
@given(st.integers(0, 10**6), st.binary(min_size=1, max_size=3))
def test_spoiled_bytes_are_refused(place: int, spoiled: bytes) -> None:
    data = bytearray(pack({"rows": np.random.default_rng(0).random((20, 3))})["rows"].tobytes())
    place %= len(data) - len(spoiled)
    same = data[place : place + len(spoiled)] == spoiled
    data[place : place + len(spoiled)] = spoiled
    if not same:
        with pytest.raises(RunError, match="damaged"):
            unpack(packed_bytes(bytes(data)))
