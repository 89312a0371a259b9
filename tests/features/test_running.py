"""What is known of a series after each value: alike for every scale, bounded, and in parts."""

import math

import numpy as np
import pytest

from app.errors import InvalidInput
from app.features.running import AHEAD, ROW, Running

SERIES = (30 + 10 * np.sin(np.arange(300) / 24 * 2 * np.pi) + np.cos(np.arange(300) * 1.7)).tolist()


def rows_of(values: list[float | None], **told: object) -> np.ndarray:
    running = Running(**told)  # type: ignore[arg-type]
    return np.array([running.take(value) + running.ahead(3) for value in values])


@pytest.mark.parametrize("told", [{}, {"season_length": 24}, {"frequency": "h"}])
def test_the_whole_is_its_parts(told: dict[str, object]) -> None:
    values: list[float | None] = [None, *SERIES[:90], None, None, *SERIES[92:]]
    whole = rows_of(values, **told)
    running = Running(**told)  # type: ignore[arg-type]
    for value, row in zip(values, whole.tolist(), strict=True):
        running = Running.unpack(running.pack())
        assert running.take(value) + running.ahead(3) == row


@pytest.mark.parametrize("factor", [1e-9, -3.0, 1e12])
def test_rows_do_not_depend_on_the_unit(factor: float) -> None:
    plain, other = rows_of(SERIES), rows_of([factor * value for value in SERIES])
    if factor > 0:
        assert other == pytest.approx(plain, abs=1e-6)
    else:  # what is above is below
        assert np.abs(other[:, :10]) == pytest.approx(np.abs(plain[:, :10]), abs=1e-6)


def test_a_season_is_found_while_it_runs() -> None:
    running = Running()
    found = []
    for value in SERIES:
        running.take(value)
        found.append(running.season_length)
    assert found[0] == 1
    assert found[-1] == 24


def test_a_season_that_is_known_is_guessed() -> None:
    running = Running(season_length=5)
    for step in range(40):
        running.take([0.0, 1.0, 5.0, 2.0, 3.0][step % 5])
    assert running.last + running.ahead(1)[4] * running.unit == pytest.approx(0.0)
    assert running.last + running.ahead(3)[4] * running.unit == pytest.approx(5.0)
    assert running.last + running.ahead(13)[4] * running.unit == pytest.approx(5.0)


def test_the_state_does_not_grow() -> None:
    running = Running(frequency="h")
    sizes = set()
    for value in SERIES * 3:
        running.take(value)
        sizes.add(len(running.pack()))
    assert len(sizes) == 1


@pytest.mark.parametrize(
    "values",
    [
        [7.0] * 300,
        [0.0] * 300,
        [1.0, -1.0] * 150,
        [float(each) for each in range(300)],
        [1e9 + each for each in range(300)],
        [0.0] * 200 + [1e100] + [0.0] * 50,
        [1e-250 * each for each in range(300)],
        [1e100, -1e100] * 100,
        [None] * 100 + [5.0] + [None] * 200,
    ],
)
def test_every_row_is_finite(values: list[float | None]) -> None:
    rows = rows_of(values)
    assert rows.shape == (len(values), ROW + AHEAD)
    assert np.isfinite(rows).all()
    assert np.isfinite(rows.astype(np.float32)).all()


def test_missing_values_are_filled_with_the_best_guess() -> None:
    running = Running(season_length=4)
    for step in range(40):
        running.take(float(step % 4))
    running.take(None)
    assert running.last == 0.0
    assert (running.position, running.known) == (41, 40)


def test_wrong_content_and_frequencies_are_refused() -> None:
    with pytest.raises(ValueError, match="no running series"):
        Running.unpack(Running().pack()[:-8])
    with pytest.raises(InvalidInput, match="frequency"):
        Running(frequency="fortnightly-ish")
    assert not math.isnan(Running(season_length=10**6).unit)
