"""Throttled work takes at most half of the time."""

import time

from app.serving.runtime.throttle import half_duty_cycle, no_throttle


def test_a_sleep_is_as_long_as_the_work_before_it() -> None:
    began = time.monotonic()
    throttle = half_duty_cycle()
    while time.monotonic() - began < 0.02:
        pass
    worked = time.monotonic() - began
    throttle()
    assert time.monotonic() - began >= 2 * worked
    no_throttle()
