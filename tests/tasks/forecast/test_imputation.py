"""Gaps: where they are, how both sides meet, and what is left of a side without points."""

import numpy as np
import pytest

from app.serving.runtime.session import Session
from app.tasks.forecast.imputation import Gap, encode_gaps, find_gaps, joined, meet
from app.tasks.forecast.task import ForecastTask
from tests.forecaster import FEATURES, quantile_graph

NAN = np.nan


@pytest.fixture(scope="module")
def task() -> ForecastTask:
    return ForecastTask(FEATURES, Session(quantile_graph()))


def test_gaps_are_found_at_both_ends_and_between() -> None:
    found = find_gaps(np.array([NAN, 1.0, NAN, NAN, 2.0, 3.0, NAN]))
    assert found == [Gap(0, 1), Gap(2, 4), Gap(6, 7)]
    assert find_gaps(np.ones(3)) == []


def test_two_random_walks_meet_on_a_straight_line_with_the_interval_of_a_bridge() -> None:
    steps = np.arange(1, 8)
    wide = 1.28 * np.sqrt(steps)
    forecast = {0.1: 0.0 - wide, 0.5: np.zeros(7), 0.9: wide}
    backcast = {0.1: 8.0 - wide[::-1], 0.5: np.full(7, 8.0), 0.9: 8.0 + wide[::-1]}
    met = meet(forecast, backcast)
    assert met is not None
    np.testing.assert_allclose(met[0.5], steps)
    np.testing.assert_allclose(met[0.9] - met[0.5], 1.28 * np.sqrt(steps * (8 - steps) / 8))
    np.testing.assert_allclose(met[0.5] - met[0.1], met[0.9] - met[0.5])


def test_a_certain_side_decides_and_one_side_is_enough() -> None:
    sure = {0.1: np.full(2, 3.0), 0.5: np.full(2, 3.0), 0.9: np.full(2, 3.0)}
    unsure = {0.1: np.zeros(2), 0.5: np.ones(2), 0.9: np.full(2, 2.0)}
    met = meet(sure, unsure)
    assert met is not None
    np.testing.assert_allclose(met[0.5], 3.0)
    assert meet(None, unsure) is unsure
    assert meet(sure, None) is sure
    assert meet(None, None) is None


def test_the_best_of_all_guesses_counts_most_and_nobody_else_where_it_is_certain() -> None:
    met = {0.1: np.zeros(3), 0.5: np.ones(3), 0.9: np.full(3, 2.0)}
    deviation = 1.0 / 1.2815515655446004  # that of `met`
    alike = joined(met, [(np.full(3, 3.0), deviation)])
    np.testing.assert_allclose(alike[0.5], 2.0)
    np.testing.assert_allclose(alike[0.9] - alike[0.1], 2.0)
    better = joined(met, [(np.full(3, 3.0), deviation / 2.0)])
    assert (better[0.5] > 2.8).all()
    assert (better[0.9] - better[0.1] < 1.2).all()
    sure = joined(met, [(np.full(3, 3.0), 0.0)])
    np.testing.assert_allclose(sure[0.5], 3.0)
    assert joined(met, [])[0.5].tolist() == [1.0, 1.0, 1.0]


def test_a_smooth_series_is_filled_nearly_as_it_was(task: ForecastTask) -> None:
    """Casts of the last value would meet on a straight line, off by more than one."""
    series = 10.0 + 5.0 * np.sin(np.arange(96) / 4.0)
    gaps = series.copy()
    gaps[30:35] = gaps[60] = NAN
    for values, truth in ((gaps, series), (gaps[::-1], series[::-1])):
        filling = encode_gaps(task, values, (0.1, 0.9), season_length=1)
        past = filling.filled(task.predict(filling.examples))
        np.testing.assert_allclose(past.values, truth, atol=0.3)


def test_filled_counts_are_whole(task: ForecastTask) -> None:
    series = [3.0, 5.0, 4.0, 6.0, None, None, 4.0, 7.0, 5.0, 6.0, 4.0, 5.0]
    filling = encode_gaps(task, series, (0.1, 0.9), minimum=0.0, integer=True)
    past = filling.filled(task.predict(filling.examples))
    for path in (past.values, *past.quantiles.values()):
        np.testing.assert_array_equal(path, np.rint(path))


def test_each_gap_is_forecast_from_before_and_from_behind(task: ForecastTask) -> None:
    series = [1.0, 2.0, 3.0, 4.0, None, None, 7.0, 8.0, 9.0, 8.0]
    filling = encode_gaps(task, series, (0.25, 0.75))
    assert filling.gaps == (Gap(4, 6),)
    assert [example.horizon for example in filling.examples] == [2, 2]
    past = filling.filled(task.predict(filling.examples))
    assert not np.isnan(past.values).any()
    known = np.array([0, 1, 2, 3, 6, 7, 8, 9])
    np.testing.assert_array_equal(past.values[known], [1, 2, 3, 4, 7, 8, 9, 8])
    for path in past.quantiles.values():
        np.testing.assert_array_equal(path[known], past.values[known])
    low, high = past.quantiles["0.25"], past.quantiles["0.75"]
    assert (low[4:6] < past.values[4:6]).all()
    assert (past.values[4:6] < high[4:6]).all()
    # the nearer side weighs more
    assert past.values[4] < past.values[5]


def test_turned_round_a_series_is_filled_the_same(task: ForecastTask) -> None:
    series = np.array([5.0, 6.0, 5.0, NAN, NAN, NAN, 8.0, 9.0, 8.0, 9.0, 7.0])
    ways = []
    for values in (series, series[::-1]):
        filling = encode_gaps(task, values, (0.1, 0.9), season_length=1)
        ways.append(filling.filled(task.predict(filling.examples)))
    np.testing.assert_allclose(ways[0].values, ways[1].values[::-1])
    np.testing.assert_allclose(ways[0].quantiles["0.1"], ways[1].quantiles["0.1"][::-1])


def test_a_side_with_one_point_is_left_out_and_without_any_it_is_interpolated(
    task: ForecastTask,
) -> None:
    filling = encode_gaps(task, [4.0, None, 6.0, 7.0, 6.0], (0.5,))
    assert filling.sides == ((None, 0),)
    filling = encode_gaps(task, [4.0, None, 6.0], (0.5,))
    assert filling.examples == ()
    past = filling.filled([])
    assert past.to_json() == {
        "values": [4.0, 5.0, 6.0],
        "quantiles": {"0.5": [4.0, None, 6.0]},
    }


def test_the_ends_are_cast_from_one_side(task: ForecastTask) -> None:
    filling = encode_gaps(task, [None, 5.0, 6.0, 5.0, None, None], (0.1, 0.9))
    assert filling.sides == ((None, 0), (1, None))
    past = filling.filled(task.predict(filling.examples))
    assert not np.isnan(past.quantiles["0.1"]).any()
    width = past.quantiles["0.9"] - past.quantiles["0.1"]
    assert width[4] < width[5]


def test_bounds_count_for_what_is_filled_in(task: ForecastTask) -> None:
    series = [0.0, 1.0, 0.0, 1.0, None, 0.0, 1.0, 0.0, 1.0]
    filling = encode_gaps(task, series, (0.01, 0.99), minimum=0.0, maximum=1.0)
    past = filling.filled(task.predict(filling.examples))
    assert 0.0 <= past.quantiles["0.01"][4] <= past.values[4] <= past.quantiles["0.99"][4] <= 1.0


def test_what_is_beyond_the_memory_does_not_make_a_side(task: ForecastTask) -> None:
    """All that one side could be forecast from is too old for the model."""
    series = [1.0, 2.0, 3.0, *[None] * 150, 5.0, None, 5.0, 6.0, 5.0]
    filling = encode_gaps(task, series, (0.5,), season_length=1)
    past = filling.filled(task.predict(filling.examples))
    assert filling.sides[1][0] is None
    assert not np.isnan(past.values).any()
