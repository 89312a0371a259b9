"""Large bodies in pieces: the same as a parser gives that reads them at once."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import from_json

from app.api.bodies import long_json, long_lists, long_texts
from app.api.bodies.long_json import read_long
from app.api.bodies.long_lists import EmptyList, LongList, Malformed, Reading, TooLong
from app.errors import InvalidInput

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.text(min_size=40, max_size=60)
    | st.sampled_from(['"', "\\", "[1,2]", ",", "]", "{", "x" * 70, '\\"' * 40, "ä\\😀" * 20])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=12)
        | st.lists(SCALARS, min_size=1, max_size=40)
        | st.dictionaries(st.text(max_size=3) | st.just("😀\n" * 20), inner, max_size=3)
    ),
    max_leaves=60,
)


# Pieces so small that every kind of cut occurs.
SIZES = st.sampled_from(
    [Reading(piece=size, between=4 * size, long=20, text=30) for size in (11, 64, 300)]
)


def restored(value: Any) -> Any:
    """`value` with lists in the place of what was left as text."""
    if isinstance(value, dict):
        return {key: restored(each) for key, each in value.items()}
    if isinstance(value, list):
        return [restored(each) for each in value]
    return value.plain(10**6) if isinstance(value, LongList) else value


@settings(deadline=None)
@given(
    value=VALUES, spaces=st.sampled_from(["", " ", "\n  "]), escaped=st.booleans(), reading=SIZES
)
def test_it_reads_what_a_parser_reads(
    value: Any, spaces: str, escaped: bool, reading: Reading
) -> None:
    separators = (f"{spaces},{spaces}", f"{spaces}:{spaces}")
    body = json.dumps({"k": value}, separators=separators, ensure_ascii=escaped).encode()
    found = read_long(body, reading)
    assert found.whole
    assert restored(found.content) == from_json(body)


@settings(deadline=None)
@given(
    value=VALUES,
    at=st.floats(0, 1),
    what=st.sampled_from(list('[]{},:"0\\ ')),
    how=st.sampled_from(["insert", "replace", "delete"]),
    reading=SIZES,
)
def test_it_takes_nothing_that_a_parser_refuses(
    value: Any, at: float, what: str, how: str, reading: Reading
) -> None:
    body = bytearray(json.dumps({"k": value}).encode())
    place = int(at * (len(body) - 1))
    body[place : place + (how != "insert")] = b"" if how == "delete" else what.encode()
    try:
        content = restored(read_long(bytes(body), reading).content)
    except (Malformed, EmptyList):
        return
    assert content == from_json(bytes(body))


def test_a_long_list_is_left_as_text() -> None:
    body = json.dumps({"series": list(range(50_000)), "horizon": 3}).encode()
    content = read_long(body).content
    assert isinstance(content["series"], LongList)
    assert content["horizon"] == 3
    values = [each for piece in content["series"].pieces() for each in piece.values]
    assert values == list(range(50_000))
    assert content["series"].plain(50_000) == values
    with pytest.raises(TooLong, match="49999"):
        content["series"].plain(49_999)


def test_a_text_is_cut_between_characters_only() -> None:
    for escaped in (False, True):
        for shift in range(13):
            text = "x" * shift + '😀ä"\\\n' * 40_000
            body = json.dumps({text: [text], "k": text}, ensure_ascii=escaped).encode()
            assert restored(read_long(body).content) == {text: [text], "k": text}


def test_no_text_is_read_in_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    text = b'"%b"' % (rb"\n" * 400_000)
    for body in (b'{"k":%b}', b"{%b:1}", b'{"k":[%b]}', b'{"k":[[%b],["b"]]}'):
        longest = 0

        def watched(content: bytes, **options: Any) -> Any:
            nonlocal longest
            longest = max(longest, len(content))
            return from_json(content, **options)

        for module in (long_json, long_lists, long_texts):
            monkeypatch.setattr(module, "from_json", watched)
        restored(read_long(body % text).content)
        assert 0 < longest < 100_000


def test_a_text_that_would_take_four_times_its_bytes_is_not_put_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(long_texts, "MOST_NOT_ASCII", 400_000)
    for body in ('{"k":"%s"}', '{"k":["b","%s"]}', '{"%s":1}'):
        most = "a" * 399_999
        for text in (most + "😀", most + "ab"):  # not too long; of ASCII only
            assert restored(read_long((body % text).encode()).content) == json.loads(body % text)
        for text in (most + "a😀", "😀" + most + "a"):
            with pytest.raises(InvalidInput, match="too long"):
                restored(read_long((body % text).encode()).content)


def test_what_is_too_much_is_read_as_far_as_it_may_be() -> None:
    found = read_long(b"{" + b",".join(b'"k%d":0' % each for each in range(50_000)) + b"}")
    assert not found.whole
    assert found.content["k0"] == 0
    assert len(found.content) < 20_000


def test_lists_in_lists_are_not_looked_through_again_and_again() -> None:
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1

    for one in (b"[1,", b'["a",', b"[" + b"1," * 200):
        found = read_long(b'{"k":' + one * (2**21 // len(one)) + b"{}", Reading(look))
        assert not found.whole
    assert looks < 3000


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"a":[' + b"1," * 20_000, "in the middle of a list"),
        (b'{"a":"' + b"x" * 100_000, "in the middle of a text"),
        (b'{"a":[' + b"1," * 20_000 + b"1}", "expected"),
        (b"[" * 300_000, "no comma"),
        (b'{"a":"' + rb"\ud83d" * 100_000 + b'"}', "hex escape"),
        (b'{"a":"' + b"\xff" * 300_000 + b'"}', "unicode"),
        (b'{"a":"' + b"\n" * 300_000 + b'"}', "control character"),
        (b"{[" + b"1," * 20_000 + b"1]:1}", "key must be a string"),
        (b'["' + b"x" * 70_000 + b'" "x"]', "a comma is missing"),
    ],
)
def test_what_is_no_json_is_told(body: bytes, words: str) -> None:
    with pytest.raises(Malformed, match=words):
        read_long(body)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"1,,", "expected value"),
        (b"1,x,", "expected value"),
        (b"1,2 3,", "expected"),
        (b"1[,2],", "misplaced"),
        (b"[1]2,", "misplaced"),
    ],
)
def test_what_is_no_list_is_told_with_its_place(text: bytes, words: str) -> None:
    content = read_long(b'{"a":[' + text * 20_000 + b"1]}").content
    with pytest.raises(Malformed, match=words):
        list(content["a"].pieces())


def test_an_empty_list_is_told() -> None:
    content = read_long(b'{"a":[' + b"[ ]," * 20_000 + b"[]]}").content
    with pytest.raises(EmptyList):
        list(content["a"].pieces())
