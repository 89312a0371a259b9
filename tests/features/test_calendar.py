"""Frequencies in every spelling, the cycles they imply, inference, and timestamps."""

import numpy as np
import pytest

from app.errors import InvalidInput
from app.features.calendar import Cycles, cycles_of, offset, timestamps
from app.features.cycles import choose_cycles, infer_season_length


@pytest.mark.parametrize(
    ("frequency", "short", "long"),
    [
        ("h", 24, 168), ("H", 24, 168), ("2h", 12, 84), ("15min", 96, 672), ("15T", 96, 672),
        ("D", 7, 365), ("B", 5, 260), ("W", 1, 52), ("W-SUN", 1, 52), ("MS", 12, 1),
        ("M", 12, 1), ("ME", 12, 1), ("QS", 4, 1), ("Q", 4, 1), ("QE-DEC", 4, 1), ("YS", 1, 1),
        ("A", 1, 1), ("Y", 1, 1), ("AS-JAN", 1, 1), ("2MS", 6, 1),
    ],
)  # fmt: skip
def test_cycles_of_a_frequency(frequency: str, short: int, long: int) -> None:
    cycles = cycles_of(frequency)
    assert (cycles.short, cycles.long) == (short, long)


@pytest.mark.parametrize(
    "frequency", ["", "fortnight", "C", "cbh", "-1D", "0h", "H24", "M S", "12"]
)
def test_an_unknown_frequency_is_refused(frequency: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        cycles_of(frequency)
    assert caught.value.field == "frequency"
    assert "MS" in caught.value.allowed


def test_a_given_season_length_wins_and_the_long_cycle_stays() -> None:
    values = np.zeros(10)
    assert choose_cycles(values, "W", 1) == Cycles(1, 52, "weekly")
    assert choose_cycles(values, "W", 52) == Cycles(1, 52, "weekly")
    assert choose_cycles(values, "h", 12) == Cycles(12, 168, "hourly")
    assert choose_cycles(values, "MS", 5).short == 5
    assert choose_cycles(values, None, 24) == Cycles(24, 168, "hourly")
    assert choose_cycles(values, None, 9) == Cycles(9, 1, None)


@pytest.mark.parametrize("period", [4, 7, 12, 24, 52])
def test_a_season_is_inferred_from_values(period: int) -> None:
    rng = np.random.default_rng(period)
    shape = rng.normal(size=period)
    t = np.arange(period * 8)
    values = 0.05 * t + 3.0 * shape[t % period] + 0.3 * rng.normal(size=len(t))
    values[::17] = np.nan
    assert infer_season_length(values) == period


def test_no_season_is_inferred_from_noise_or_too_little() -> None:
    rng = np.random.default_rng(0)
    found = [infer_season_length(np.cumsum(rng.normal(size=150))) for _ in range(50)]
    assert np.mean(np.array(found) > 1) < 0.1
    assert infer_season_length(np.ones(100)) == 1
    assert infer_season_length(np.array([1.0, 2.0])) == 1


@pytest.mark.parametrize("days", [4, 7, 14])
def test_a_long_smooth_season_is_not_taken_a_step_too_short(days: int) -> None:
    """A day of five-minute values: 287 steps foretell nearly as well as 288."""
    t = np.arange(288 * days)
    x = 50 + 20 * np.sin(2 * np.pi * t / 288) + 8 * np.sin(4 * np.pi * t / 288 + 1)
    x = x + np.random.default_rng(days).normal(size=len(t))
    assert infer_season_length(x) == 288


@pytest.mark.parametrize("period", [20, 44, 60, 100])
@pytest.mark.parametrize("noise", [0.02, 0.3])
def test_a_smooth_season_is_inferred(period: int, noise: float) -> None:
    t = np.arange(8 * period)
    x = 10 + 3 * np.sin(2 * np.pi * t / period)
    x = x + noise * np.random.default_rng(period).normal(size=len(t))
    assert abs(infer_season_length(x) - period) <= 1


@pytest.mark.parametrize(
    ("start", "frequency", "skip", "stamps"),
    [
        ("2020-01-01", "MS", 3, ["2020-04-01T00:00:00", "2020-05-01T00:00:00"]),
        ("2024-02-28", "D", 1, ["2024-02-29T00:00:00", "2024-03-01T00:00:00"]),
        (
            "2024-01-01T05:00:00Z",
            "h",
            1,
            ["2024-01-01T06:00:00+00:00", "2024-01-01T07:00:00+00:00"],
        ),
        ("2020-01-06", "W", 2, ["2020-01-20T00:00:00", "2020-01-27T00:00:00"]),
        ("2020-01", "M", 1, ["2020-02-29T00:00:00", "2020-03-31T00:00:00"]),
        ("2019", "YS", 1, ["2020-01-01T00:00:00", "2021-01-01T00:00:00"]),
        ("2020-02-10", "QS", 1, ["2020-04-01T00:00:00", "2020-07-01T00:00:00"]),
        ("2020-01-04", "B", 1, ["2020-01-07T00:00:00", "2020-01-08T00:00:00"]),
        ("2020-W05-1", "D", 0, ["2020-01-27T00:00:00", "2020-01-28T00:00:00"]),
    ],
)
def test_timestamps_follow_the_observations(
    start: str, frequency: str, skip: int, stamps: list[str]
) -> None:
    assert timestamps(start, frequency, skip, 2)[0] == stamps


def test_a_start_off_the_frequency_says_so() -> None:
    assert timestamps("2020-01-15", "MS", 0, 1)[1] is not None
    assert timestamps("2020-01-01", "MS", 0, 1)[1] is None
    assert timestamps("2020-01-06", "W", 0, 1)[1] is None


@pytest.mark.parametrize(
    ("frequency", "first", "following"),
    [
        ("W-SUN", "2024-01-07", ["2024-01-14", "2024-01-21"]),
        ("W-MON", "2024-01-08", ["2024-01-15", "2024-01-22"]),
        ("2W-MON", "2024-01-08", ["2024-01-22", "2024-02-05"]),
        ("WOM-3FRI", "2024-01-19", ["2024-02-16", "2024-03-15"]),
    ],
)
def test_weeks_off_their_day_are_moved_with_a_note(
    frequency: str, first: str, following: list[str]
) -> None:
    stamps, note = timestamps("2024-01-02", frequency, 1, 2)
    assert stamps == [f"{each}T00:00:00" for each in following]
    assert note is not None
    assert note.endswith(f"are counted from {first}T00:00:00")


@pytest.mark.parametrize(
    ("frequency", "meant"),
    [("15m", "15min"), ("5m", "5min"), ("m", "min"), ("2hours", "2h"), ("daily", "D")],
)
def test_what_was_meant_is_told(frequency: str, meant: str) -> None:
    with pytest.raises(InvalidInput, match=f"did you mean '{meant}'"):
        offset(frequency)
    offset(meant)


@pytest.mark.parametrize("count", ["99999999999999999999", "9223372036854775807", "9" * 30])
@pytest.mark.parametrize("name", ["ns", "s", "min", "h", "D", "B", "W", "MS", "ME", "QS", "YS"])
def test_a_step_beyond_the_calendar_is_refused(count: str, name: str) -> None:
    for call in (offset, cycles_of):
        with pytest.raises(InvalidInput, match="is longer than the calendar") as caught:
            call(count + name)
        assert caught.value.field == "frequency"


@pytest.mark.parametrize(
    ("start", "frequency", "skip", "stamps"),
    [
        # the clocks go forward between 02:00 and 03:00 on the 31st
        (
            "2024-03-31T00:00[Europe/Berlin]",
            "h",
            1,
            ["2024-03-31T01:00:00+01:00", "2024-03-31T03:00:00+02:00"],
        ),
        (
            "2024-03-30T02:30[Europe/Berlin]",
            "D",
            1,
            ["2024-03-31T03:00:00+02:00", "2024-04-01T02:30:00+02:00"],
        ),
        (
            "2024-03[Europe/Berlin]",
            "MS",
            0,
            ["2024-03-01T00:00:00+01:00", "2024-04-01T00:00:00+02:00"],
        ),
        # and back on 27 October: the hour from 02:00 comes twice
        (
            "2024-10-27T02:00[Europe/Berlin]",
            "h",
            0,
            ["2024-10-27T02:00:00+02:00", "2024-10-27T02:00:00+01:00"],
        ),
        (
            "2024-10-27T02:00+01:00[Europe/Berlin]",
            "h",
            0,
            ["2024-10-27T02:00:00+01:00", "2024-10-27T03:00:00+01:00"],
        ),
    ],
)
def test_a_time_zone_is_kept(start: str, frequency: str, skip: int, stamps: list[str]) -> None:
    assert timestamps(start, frequency, skip, 2) == (stamps, None)


@pytest.mark.parametrize("zone", ["Nowhere/Town", "", "../UTC", "UTC]"])
def test_a_zone_that_is_none_is_refused(zone: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        timestamps(f"2024-01-01[{zone}]", "h", 0, 1)
    assert caught.value.field == "start"


@pytest.mark.parametrize(
    "start",
    [
        "2024-01-01[",
        "2024-01-01]",
        "yesterday-ish",
        "",
        "2020-13-01",
        "NaT",
        "now",
        "01/02/2020",
        "10:00",
        "\uff12020",
    ],
)
def test_a_start_that_is_no_date_is_refused(start: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        timestamps(start, "D", 1, 1)
    assert caught.value.field == "start"


def test_a_calendar_has_an_end() -> None:
    with pytest.raises(InvalidInput, match="calendar"):
        timestamps("2020-01-01", "YS", 100_000, 10)
