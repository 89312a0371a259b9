"""Attacks by what values say: numbers and calendars at their ends."""

import json

from tests import fresh
from tests.attack.attack import Attack, Target

_LARGEST = 1.7976931348623157e308
_EXTREMES = (
    [1e308, None, -1e308, 1, 2, 3],
    [_LARGEST, -_LARGEST, None, None, _LARGEST],
    [None, 5e-324, -5e-324, None, _LARGEST],
    [_LARGEST] * 40 + [None, -_LARGEST] * 40,
    [1e300 * (-1) ** n * (n % 7) for n in range(200)],
)
_FREQUENCIES = ("99999999999999999999h", "9223372036854775807D", "9" * 32, "1" + "0" * 18 + "MS")


def _extreme_series(target: Target) -> list[int]:
    found = []
    for series in _EXTREMES:
        for horizon in (1, 60):
            answer = fresh.post(
                f"http://127.0.0.1:{target.port}/forecast",
                json={"series": series, "horizon": horizon},
                timeout=60,
            )
            json.loads(answer.content, parse_constant=_refuse)
            found.append(answer.status_code)
    metrics = fresh.get(f"http://127.0.0.1:{target.port}/metrics", timeout=60).text
    values = [line.rsplit(" ", 1)[1] for line in metrics.splitlines() if line[:1] != "#"]
    assert not {"NaN", "+Inf", "-Inf"} & set(values)
    return found


def _refuse(word: str) -> None:
    raise AssertionError(f"an answer holds {word}")


def _steps_beyond_the_calendar(target: Target) -> list[int]:
    found = []
    for frequency in _FREQUENCIES:
        body = {"series": [1, 2, 3, 4, 5], "horizon": 3, "frequency": frequency}
        found += target.post("/forecast", body)
        found += target.post("/forecast", body | {"start": "2024-01-01"})
        found += target.post("/forecast", body | {"start": "2024-01-01[Europe/Berlin]"})
    return found


ATTACKS = [
    Attack("series at the ends of what a double holds", _extreme_series, [200]),
    Attack("frequencies beyond the calendar", _steps_beyond_the_calendar, [422]),
]
