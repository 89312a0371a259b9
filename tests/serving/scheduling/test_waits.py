"""When work will be done; the clock is a number."""

import pytest

from app.serving.scheduling.waits import Waits


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_somebody_who_is_free_takes_work_at_once() -> None:
    waits = Waits(2, Clock())
    assert waits.until(0.0) == 0.0
    waits.began(0, 5.0)
    assert waits.until(0.0) == 0.0


def test_work_fills_up_whoever_is_free_first() -> None:
    clock = Clock()
    waits = Waits(3, clock)
    for server, work in enumerate((1.0, 2.0, 6.0)):
        waits.began(server, work)
    assert waits.until(0.0) == 1.0
    assert waits.until(1.0) == 2.0
    assert waits.until(9.0) == 6.0
    assert waits.until(12.0) == 7.0
    clock.now += 1.5
    assert waits.until(0.0) == 0.0, "it should be done any moment"
    waits.ended(2)
    assert waits.until(0.25) == pytest.approx(0.125)


def test_the_pace_is_what_work_took_of_late() -> None:
    waits = Waits(1, Clock())
    for _ in range(100):
        waits.note(1.0, 3.0)
    assert waits.until(2.0) == pytest.approx(6.0, rel=0.01)
    waits.note(0.0, 5.0)
    waits.note(1e-9, 1000.0)  # the machine stood still
    assert waits.pace < 15
    for _ in range(200):
        waits.note(1.0, 1.0)
    assert waits.pace == pytest.approx(1.0, rel=0.01)
