"""A sealed state comes back as it was, or not at all."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save

from app.errors import InvalidInput
from app.serving.streams.sealed import SealedFacts, seal, unseal

FACTS = SealedFacts("lstm", "1", "d" * 64, 2**53 + 1, "pin", 60.5)
TENSORS: dict[str, Any] = {
    "h": np.arange(4, dtype=np.float32).reshape(1, 4),
    "c": np.arange(4, dtype=np.float16).reshape(2, 2),
}
KEY = b"key"
SEALED = seal(FACTS, TENSORS, KEY)


def metadata(content: bytes) -> dict[str, Any]:
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    found: dict[str, Any] = header["__metadata__"]
    return found


def test_it_comes_back() -> None:
    facts, tensors = unseal(SEALED, KEY)
    assert facts == FACTS
    assert tensors.keys() == TENSORS.keys()
    for name, array in tensors.items():
        np.testing.assert_array_equal(array, TENSORS[name])
        assert array.dtype == TENSORS[name].dtype


def test_others_can_read_it() -> None:
    np.testing.assert_array_equal(load(SEALED)["h"], TENSORS["h"])
    assert metadata(SEALED)["position"] == str(2**53 + 1)


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(InvalidInput, match="the seal does not fit"):
        unseal(SEALED, b"another")


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_no_byte_may_change(at: int, by: int) -> None:
    """A byte of the header's blanks may: it says nothing."""
    changed = bytearray(SEALED)
    changed[at] ^= by
    try:
        facts, tensors = unseal(bytes(changed), KEY)
    except InvalidInput:
        return
    assert facts == FACTS
    assert all(np.array_equal(tensors[name], TENSORS[name]) for name in TENSORS)


@given(st.binary(max_size=200))
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        unseal(content, KEY)


@pytest.mark.parametrize(
    "header",
    [
        b"[]",
        b"1",
        b'{"__metadata__":[]}',
        b'{"__metadata__":{"a":1}}',
        b"[" * 100_000,
        b" " * 300_000 + b"{}",
    ],
    ids=["list", "number", "no names", "no texts", "lists in lists", "long"],
)
def test_what_is_no_header_is_refused(header: bytes) -> None:
    with pytest.raises(InvalidInput, match="no sealed state"):
        unseal(len(header).to_bytes(8, "little") + header, KEY)


@pytest.mark.parametrize(
    "change",
    [{"position": "1"}, {"model": "gru"}, {"format": "2"}, {"mac": "0"}, {"mac": "\u00e4"}],
)
def test_no_fact_may_change(change: dict[str, str]) -> None:
    facts = metadata(SEALED) | change
    with pytest.raises(InvalidInput):
        unseal(save(TENSORS, facts), KEY)
