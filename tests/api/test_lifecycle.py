"""Whether one client is alone, which decides what is computed in place."""

import pytest

from app.api.lifecycle import Lifecycle


def test_one_connection_is_alone_a_while_after_another_has_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("app.api.lifecycle.time.monotonic", lambda: now)
    lifecycle = Lifecycle()
    lifecycle.in_flight = 1
    lifecycle.note_client(("127.0.0.1", 1))
    assert not lifecycle.is_alone(), "somebody else may have asked just before"
    now += 2
    lifecycle.note_client(("127.0.0.1", 1))
    assert lifecycle.is_alone()
    lifecycle.in_flight = 2
    assert not lifecycle.is_alone()
    lifecycle.in_flight = 1
    lifecycle.note_client(("127.0.0.1", 2))
    assert not lifecycle.is_alone()
    now += 2
    assert lifecycle.is_alone()
