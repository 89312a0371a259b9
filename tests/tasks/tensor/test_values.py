"""JSON values and arrays: strict about types, flat or nested, BF16 rounded as hardware does."""

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.serving.runtime.datatypes import NUMPY, Datatype
from app.tasks.tensor.values import bfloat16_values, from_json, shape_of, to_json


@pytest.mark.parametrize("values", [[1, 2, 3, 4, 5, 6], [[1, 2, 3], [4, 5, 6]]])
def test_flat_and_nested_are_the_same(values: Any) -> None:
    np.testing.assert_array_equal(from_json(values, "INT32", (2, 3)), [[1, 2, 3], [4, 5, 6]])


def test_scalars_may_stand_alone() -> None:
    assert from_json(5, "INT64", ()) == 5
    assert from_json([5], "INT64", ()) == 5


@pytest.mark.parametrize(
    ("values", "datatype", "shape", "words"),
    [
        (5, "INT32", (1,), "not a list"),
        ("ab", "BYTES", (2,), "not a list"),
        (None, "INT32", (1,), "not a list"),
        ([1, 2], "INT32", (3,), "2 values, and the shape has 3"),
        ([1, 2], "INT32", (10**30,), "the shape has 1000000"),
        ([[1, 2], [3]], "INT32", (2, 2), "not every list 1 deep has 2"),
        ([[1, 2], 3], "INT32", (2, 2), "not everything 1 deep"),
        ([[[1], [2]]], "INT32", (1, 2), "value 0 is not a whole number"),
        ([1, True], "INT32", (2,), "value 1 is not a whole number"),
        ([1.0], "INT32", (1,), "not a whole number"),
        (["1"], "INT32", (1,), "not a whole number"),
        ([1], "BOOL", (1,), "not true or false"),
        ([True], "FP32", (1,), "not a number"),
        ([None], "FP32", (1,), "not a number"),
        ([1], "BYTES", (1,), "not a text"),
        ([300], "UINT8", (1,), "out of the range of UINT8"),
        ([-1], "UINT64", (1,), "out of the range"),
        ([1e300], "FP32", (1,), "out of the range of FP32"),
        ([70000], "FP16", (1,), "out of the range of FP16"),
        ([10**400], "FP64", (1,), "out of the range"),
        ([10**400], "BF16", (1,), "out of the range"),
        ([1.0, float("nan")], "FP32", (2,), "value 1 is no finite number"),
        ([float("inf")], "FP64", (1,), "no finite number"),
        ([[0.0, 1.0], [float("-inf"), 1.0]], "FP16", (2, 2), "value 2 is no finite number"),
        ([float("nan")], "BF16", (1,), "no finite number"),
    ],
)
def test_nothing_is_guessed(
    values: Any, datatype: Datatype, shape: tuple[int, ...], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        from_json(values, datatype, shape)


def test_the_ends_of_the_ranges() -> None:
    for datatype, dtype in NUMPY.items():
        if dtype.kind in "iu" and datatype != "BF16":
            ends = [int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)]
            assert from_json(ends, datatype, (2,)).tolist() == ends


def bits(value: float) -> int:
    (whole,) = struct.unpack("<I", struct.pack("<f", value))
    return int(whole)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_bfloat16_takes_the_nearest(value: float) -> None:
    """One of the two neighbours, and none is nearer; of two equally near ones the even one."""
    (found,) = from_json([value], "BF16", (1,)).tolist()
    below = bits(value) >> 16
    assert found in (below, below + 1)
    rest = bits(value) & 0xFFFF
    expected = below + (rest > 0x8000 or (rest == 0x8000 and below % 2 == 1))
    assert found == expected


def test_bfloat16_keeps_what_is_no_number() -> None:
    array = np.array([0x7FC0, 0x7F80, 0xC020], np.uint16)
    assert str(to_json(array, "BF16")) == "[nan, inf, -2.5]"
    assert bfloat16_values(array).dtype == np.float32


def test_the_shape_of_nested_lists() -> None:
    assert shape_of([[[1, 2]], [[3, 4]]]) == (2, 1, 2)
    assert shape_of(3.5) == ()
    assert shape_of([[]]) == (1, 0)
