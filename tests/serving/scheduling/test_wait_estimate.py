"""When work will be done; the clock is a number."""

import pytest

from app.serving.scheduling.wait_estimate import WaitEstimate


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_free_worker_takes_work_at_once() -> None:
    estimate = WaitEstimate(2, Clock())
    assert estimate.until(0.0) == 0.0
    estimate.began(0, 5.0)
    assert estimate.until(0.0) == 0.0


def test_work_goes_to_the_worker_that_is_free_first() -> None:
    clock = Clock()
    estimate = WaitEstimate(3, clock)
    for server, work in enumerate((1.0, 2.0, 6.0)):
        estimate.began(server, work)
    assert estimate.until(0.0) == 1.0
    assert estimate.until(1.0) == 2.0
    assert estimate.until(9.0) == 6.0
    assert estimate.until(12.0) == 7.0
    clock.now += 1.5
    assert estimate.until(0.0) == 0.0, "it should be done now"
    estimate.ended(2)
    assert estimate.until(0.25) == pytest.approx(0.125)


def test_the_slowdown_is_that_of_recent_work() -> None:
    estimate = WaitEstimate(1, Clock())
    for _ in range(100):
        estimate.note(1.0, 3.0)
    assert estimate.until(2.0) == pytest.approx(6.0, rel=0.01)
    estimate.note(0.0, 5.0)
    estimate.note(1e-9, 1000.0)  # the machine stood still
    assert estimate.slowdown < 15
    for _ in range(200):
        estimate.note(1.0, 1.0)
    assert estimate.slowdown == pytest.approx(1.0, rel=0.01)
