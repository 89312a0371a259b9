"""Work that rests takes at most half of the time."""

import time

from app.serving.models.pace import halved, no_rest


def test_a_rest_is_as_long_as_the_work_before_it() -> None:
    began = time.monotonic()
    rest = halved()
    while time.monotonic() - began < 0.02:
        pass
    worked = time.monotonic() - began
    rest()
    assert time.monotonic() - began >= 2 * worked
    no_rest()
