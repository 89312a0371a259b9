"""When a connection is closed for its silence, on a loop whose time is set by hand."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from app.http.keep_alive import KeptAlive

SECONDS = 5.0


class Loop:
    """Calls what is due when its time is set."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, call: Callable[[], None]) -> "Timer":
        self.timers.append(Timer(self.now + seconds, call))
        return self.timers[-1]

    def until(self, now: float) -> None:
        while due := [timer for timer in self.timers if timer.at <= now and not timer.done]:
            timer = min(due, key=lambda each: each.at)
            self.now, timer.done = timer.at, True
            timer.call()
        self.now = now


class Timer:
    def __init__(self, at: float, call: Callable[[], None]) -> None:
        self.at = at
        self.call = call
        self.done = False

    def cancel(self) -> None:
        self.done = True


class Transport:
    closed = False

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


@pytest.fixture(name="loop")
def new_loop() -> Loop:
    return Loop()


@pytest.fixture(name="connection")
def new_connection(loop: Loop) -> Any:
    connection: Any = KeptAlive.__new__(KeptAlive)
    connection.loop = loop
    connection.transport = Transport()
    connection.flow = SimpleNamespace(resume_reading=lambda: None)
    connection.server_state = SimpleNamespace(total_requests=0)
    connection.pipeline = []
    connection.timeout_keep_alive = SECONDS
    connection.timeout_keep_alive_task = None
    return connection


def test_a_quiet_connection_is_closed(connection: Any, loop: Loop) -> None:
    connection.on_response_complete()
    loop.until(SECONDS - 0.1)
    assert not connection.transport.closed
    loop.until(SECONDS)
    assert connection.transport.closed


def test_silence_counts_from_the_last_answer_and_takes_one_timer(
    connection: Any, loop: Loop
) -> None:
    for second in range(12):
        loop.until(float(second))
        connection._unset_keepalive_if_required()  # a request comes
        connection.on_response_complete()
    assert connection.server_state.total_requests == 12
    assert len(loop.timers) == 3  # those that were over before the silence was
    loop.until(11 + SECONDS - 0.1)
    assert not connection.transport.closed
    loop.until(11 + SECONDS)
    assert connection.transport.closed


def test_nobody_is_cut_off_while_a_request_is_under_way(connection: Any, loop: Loop) -> None:
    connection.on_response_complete()
    loop.until(1.0)
    connection._unset_keepalive_if_required()
    loop.until(60.0)
    assert not connection.transport.closed
    connection.on_response_complete()
    loop.until(60 + SECONDS - 0.1)
    assert not connection.transport.closed
    loop.until(60 + SECONDS)
    assert connection.transport.closed


def test_a_request_that_waits_behind_another_is_started(connection: Any, loop: Loop) -> None:
    started: list[tuple[str, str]] = []
    connection._start_asgi_task = lambda *both: started.append(both)
    connection.pipeline = [("last", "app"), ("next", "app")]
    connection.on_response_complete()
    assert started == [("next", "app")]
    assert loop.timers == []


def test_a_connection_that_closes_waits_for_nothing(connection: Any, loop: Loop) -> None:
    connection.transport.close()
    connection.on_response_complete()
    assert loop.timers == []
