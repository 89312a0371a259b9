"""Who is let in; the clock is a number, and rounds end when they are told to."""

import threading
from collections.abc import Callable
from pathlib import Path

from app.api.door import Door
from app.api.errors import Problem
from app.api.limits import patience_of
from tests.api.service import running, until
from tests.serving.scheduling.test_wait_estimate import Clock


class Loop:
    """Rounds of an event loop: `arrive` answers a request for `seconds`, or refuses it."""

    def __init__(self, most: int = 1000) -> None:
        self.clock = Clock()
        self._ends: list[Callable[[], None]] = []
        self.backlog = 0.0
        self._door = Door(
            most, lambda: self.backlog, clock=self.clock, at_next_round=self._ends.append
        )

    def arrive(self, patience: float, seconds: float = 0.001, in_flight: int = 0) -> bool:
        refused = self._door.refuses(in_flight, patience)
        self.clock.now += seconds / 10 if refused else seconds
        return not refused

    def end(self, idle: float = 0.0) -> None:
        assert len(self._ends) <= 1
        while self._ends:
            self._ends.pop()()
        self.clock.now += idle


def test_a_burst_is_answered_as_long_as_it_is_in_time() -> None:
    loop = Loop()
    loop.end(idle=1.0)
    admitted = [loop.arrive(0.25) for _ in range(500)]
    answered = sum(admitted)
    assert admitted == [True] * answered + [False] * (500 - answered)
    assert 0.05 <= answered * 0.001 <= 0.125, "half of its time is still left for the last one"


def test_in_a_flood_everybody_who_is_let_in_is_in_time_and_the_rest_soon_refused() -> None:
    """Four times as much comes as can be answered; refusing costs a tenth of answering."""
    loop = Loop()
    answered, longest, arrived = 0, 0.0, 40
    start = loop.clock.now
    for _ in range(400):
        began = loop.clock.now
        for _ in range(arrived):
            answered += loop.arrive(0.25)
        took = loop.clock.now - began
        loop.end()
        arrived = max(1, round(took * 4000))
        if began > start + 1:
            longest = max(longest, took)
    assert longest < 0.020
    assert answered * 0.001 > 0.5 * (loop.clock.now - start)


def test_many_clients_who_wait_for_their_answers_are_no_flood() -> None:
    loop = Loop()
    for _ in range(200):
        assert all(loop.arrive(0.25) for _ in range(50))
        loop.end()


def test_who_has_time_is_let_in_whatever_comes() -> None:
    loop = Loop()
    for _ in range(10):
        assert all(loop.arrive(30.0) for _ in range(300))
        loop.end()


def test_a_rest_ends_a_flood() -> None:
    loop = Loop()
    assert not all(loop.arrive(0.25) for _ in range(100))
    loop.end()
    assert not all(loop.arrive(0.25) for _ in range(20))
    loop.end(idle=0.01)
    assert all(loop.arrive(0.25) for _ in range(20))


def test_what_was_let_in_and_waits_on_the_loop_counts() -> None:
    loop = Loop()
    loop.backlog = 0.06
    assert loop.arrive(0.25)
    loop.backlog = 0.07
    assert not loop.arrive(0.25)
    loop.end(idle=1.0)
    loop.backlog = 0.02
    assert not loop.arrive(0.25), "while something is left it is no rest, and the flood goes on"
    loop.end(idle=1.0)
    loop.backlog = 0.0
    assert loop.arrive(0.25)


def test_only_so_many_are_answered_at_once() -> None:
    loop = Loop(most=3)
    assert loop.arrive(30.0, in_flight=2)
    assert not loop.arrive(30.0, in_flight=3)


def test_patience_is_read_without_complaint() -> None:
    def headers(*values: bytes) -> list[tuple[bytes, bytes]]:
        return [(b"x-request-timeout-ms", each) for each in values]

    assert patience_of(headers(b"250"), 30.0) == 0.25
    assert patience_of(headers(b"99999"), 30.0) == 30.0
    for wrong in (b"", b"-1", b"soon", b"1" * 20, b"\xb2"):
        assert patience_of(headers(wrong), 30.0) == 30.0
    assert patience_of(headers(), 30.0) == 30.0


def test_who_is_not_let_in_is_told_when_to_come_back(models_dir: Path) -> None:
    with running(models_dir, max_in_flight=1) as service:

        def ask() -> None:
            service.forecast(model="slow")

        other = threading.Thread(target=ask)
        other.start()
        until(lambda: service.app.state.lifecycle.in_flight == 1)
        name = {"X-Request-ID": "mine"}
        refused = service.http.post("/forecast", json={"series": [1], "horizon": 1}, headers=name)
        assert refused.status_code == 429
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["retry-after"] == "1"
        problem = refused.json()
        assert problem["type"] == "urn:unroll:problem:queue-full"
        assert problem.keys() == Problem.model_fields.keys() - {"errors"}
        assert problem["request_id"] == refused.headers["x-request-id"] == "mine"
        tensors = service.http.post("/v2/models/any/infer", json={"inputs": []})
        assert (tensors.status_code, list(tensors.json())) == (429, ["error"])
        closing = service.http.post("/forecast", json={}, headers={"Connection": "close"})
        assert closing.status_code == 429
        assert service.http.get("/health/live").status_code == 200, "only what asks a network"
        page = service.http.get("/metrics").text
        assert 'unroll_rejections_total{model="",reason="overload"} ' in page
        other.join()
        assert service.forecast().status_code == 200


def test_a_queue_that_is_full_turns_its_task_away(models_dir: Path) -> None:
    """Before a body is read; other tasks are not concerned."""
    with running(models_dir) as service:
        [full] = [model for model in service.app.state.repository.loaded() if model.name == "slow"]
        gate = service.app.state.gate
        service.app.state.door.refuses = lambda *_: ""  # the loop has nothing to do
        assert gate("/forecast", [], []) is None
        others = [model for model in service.app.state.repository.loaded() if model is not full]
        full.scheduler.is_full = lambda seconds: True
        assert gate("/forecast", [], []) is None, "another model of the task is not full"
        for model in others:
            model.scheduler.is_full = lambda seconds: seconds < 1
        timeout = [(b"x-request-timeout-ms", b"500")]
        assert b"HTTP/1.1 429 " in (gate("/forecast", timeout, []) or b"")
        assert gate("/forecast", [], []) is None, "it has time enough for the others"
        assert gate("/sentiment", timeout, []) is None
