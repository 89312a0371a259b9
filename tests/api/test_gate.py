"""What the gate remembers of heads that come again and again."""

import re

import pytest

from app.api import gate as module
from app.api.door import Door
from app.api.gate import Gate
from app.api.lifecycle import Lifecycle

PATH = "/sentiment"


@pytest.fixture(name="gate")
def full_gate() -> Gate:
    door = Door(0, at_next_round=lambda end: None)  # nobody may be in flight
    lifecycle = Lifecycle()
    gate = Gate(door, lifecycle, lambda path: "sentiment" if path == PATH else "", 30.0)
    assert gate(PATH, [], []) is not None
    return gate


def request(body: bytes, *lines: str, path: str = PATH) -> bytes:
    head = "\r\n".join([f"POST {path} HTTP/1.1", f"Content-Length: {len(body)}", *lines])
    return head.encode() + b"\r\n\r\n" + body


def id_of(answer: bytes | None) -> bytes:
    assert answer is not None
    found = re.search(rb"x-request-id: (\S+)\r\n", answer)
    assert found is not None
    return found[1]


def test_every_refusal_has_an_id_of_its_own(gate: Gate) -> None:
    ids = {id_of(gate.unread(request(b"{}"), [])) for _ in range(5)}
    assert len(ids) == 5
    for name in ("first", "second"):
        sent = gate.unread(request(b"{}", f"X-Request-ID: {name}"), [])
        assert id_of(sent) == name.encode()
    assert len(gate._heads) == 1  # one that is sent once is not worth remembering


def test_a_head_that_is_known_is_no_excuse_for_another_body(gate: Gate) -> None:
    whole = request(b"{}")
    assert gate.unread(whole, []) is not None
    assert gate.unread(whole + b"x", []) is None
    assert gate.unread(whole[:-1], []) is None


def test_the_headers_of_every_answer_are_those_of_now(gate: Gate) -> None:
    for second in (b"one", b"two"):
        answer = gate.unread(request(b"{}"), [(b"date", second)])
        assert answer is not None
        assert b"date: " + second + b"\r\n" in answer


def test_heads_are_remembered_within_bounds(gate: Gate) -> None:
    for number in range(3 * module._HEADS):
        assert gate.unread(request(b"{}", f"X-Number: {number}"), []) is not None
        assert gate.unread(request(b"{}", "X-Long: " + "x" * 2000), []) is not None
    assert 0 < len(gate._heads) <= module._HEADS
    assert max(map(len, gate._heads)) <= module._SHORT
