"""Covariates for a network that has learned them: what is asked for, refused, and told of."""

from typing import Any

import numpy as np
import pytest

from app.errors import InvalidInput
from app.features.calendar import Cycles
from app.features.covariates import CALENDAR_FEATURES, context_features, future_features
from app.features.series import restore, scale
from app.serving.runtime.session import Session
from app.tasks.forecast.example import ForecastExample
from app.tasks.forecast.features import CovariateFeatures, ForecastFeatures, LearnedCovariate
from app.tasks.forecast.task import ForecastTask
from app.training.forecast.covariates.network import (
    CovariateForecaster,
    CovariateSizes,
    covariate_graph,
)
from tests.forecaster import FEATURES, LEVELS, quantile_graph

POINTS, HORIZON = 40, 6
COLUMNS = (
    LearnedCovariate(
        name="load", kind="number", ahead=True, centre=10.0, scale=5.0, lowest=0.0, highest=20.0
    ),
    LearnedCovariate(name="sale", kind="boolean", ahead=True),
    LearnedCovariate(name="seen", kind="number", ahead=False, lowest=0.0, highest=1.0),
    LearnedCovariate(name="sky", kind="category", ahead=True, categories=("cloud", "sun")),
    LearnedCovariate(
        name="shop", kind="category", ahead=True, static=True, categories=("north", "south")
    ),
)
LEARNED = ForecastFeatures(
    context_length=21,
    memory=POINTS - 5,
    trained_horizon=HORIZON,
    levels=LEVELS,
    covariates=CovariateFeatures(columns=COLUMNS, scale_length=28, years=False, frequency="D"),
)
# The head of a network that has learned nothing yet is zero.
STILL = CovariateForecaster(CovariateSizes(hidden_size=4, levels=LEVELS), 3, (3, 3)).eval()
TASK = ForecastTask(LEARNED, Session(covariate_graph([STILL]).SerializeToString()))
SERIES = [float(20 + i % 7) for i in range(POINTS)]
PAST: dict[str, list[Any]] = {
    "load": [float(i % 21) for i in range(POINTS)],
    "sale": [i % 5 == 0 for i in range(POINTS)],
    "seen": [0.5] * POINTS,
    "sky": ["sun" if i % 2 else "cloud" for i in range(POINTS)],
    "shop": ["south"] * POINTS,
}
FUTURE: dict[str, list[Any]] = {
    "load": [5.0] * HORIZON,
    "sale": [True] * HORIZON,
    "sky": ["sun"] * HORIZON,
}


def encoded(**changes: Any) -> ForecastExample:
    asked: dict[str, Any] = {"series": SERIES, "horizon": HORIZON}
    asked |= {"past_covariates": PAST, "future_covariates": FUTURE}
    return TASK.encode(**(asked | changes))


def test_a_window_holds_values_covariates_and_codes() -> None:
    example = encoded()
    assert example.context.shape == (21, context_features(3))
    assert example.future.shape == (HORIZON, future_features(3))
    assert example.codes is not None
    past, ahead = example.codes
    np.testing.assert_array_equal(past[-2:], [[1, 2], [2, 2]])  # cloud and sun, south
    np.testing.assert_array_equal(ahead, [[2, 2]] * HORIZON)
    np.testing.assert_allclose(example.context[-1, 2:5], [(PAST["load"][-1] - 10) / 5, 0.0, 0.5])
    numbers = example.future[:, 10:13]
    np.testing.assert_allclose(numbers, [[-1.0, 1.0, 0.5]] * HORIZON)
    assert not example.context[:, -CALENDAR_FEATURES:].any(), "no start, so no calendar"
    dated = encoded(start="2024-01-01")
    assert dated.context[0, -CALENDAR_FEATURES + 4 :].sum() == 1.0
    assert dated.timestamps is not None


def test_a_network_that_stands_still_answers_the_last_cycle() -> None:
    [answer] = TASK.predict([encoded()])
    assert answer.median == pytest.approx(SERIES[-7:-1], rel=1e-5)
    assert (np.array(answer.quantiles["0.1"]) < answer.median).all()
    window = encoded().window
    assert answer.season_length == 7
    truth = np.array(SERIES[-HORIZON:])
    np.testing.assert_allclose(restore(window, scale(window, truth)[:, None])[:, 0], truth)


@pytest.mark.parametrize("name", [one.name for one in COLUMNS])
def test_what_was_learned_has_to_be_there(name: str) -> None:
    with pytest.raises(InvalidInput, match=f"has learned {name}, which is not there") as past:
        encoded(
            past_covariates={key: cells for key, cells in PAST.items() if key != name},
            future_covariates={key: cells for key, cells in FUTURE.items() if key != name},
        )
    assert past.value.field == "past_covariates"
    assert past.value.allowed == "load, sale, seen, sky, shop, each a list"
    future = {key: cells for key, cells in FUTURE.items() if key != name}
    if name in FUTURE:
        with pytest.raises(InvalidInput, match=f"has learned {name}") as ahead:
            encoded(future_covariates=future)
        assert ahead.value.allowed == "load, sale, sky, each a list"
    else:
        assert not encoded(future_covariates=future).notes[1:]


@pytest.mark.parametrize(
    ("past", "future", "field", "what"),
    [
        ({"load": ["a"] * POINTS}, {"load": ["a"] * HORIZON}, "past_covariates.load", "number"),
        ({"sky": [1] * POINTS}, {"sky": [1] * HORIZON}, "past_covariates.sky", "category"),
        ({"load": [1.0] * 3}, {}, "past_covariates.load", "3 values"),
        ({}, {"load": [1.0] * 5 + [None]}, "future_covariates.load[5]", "no value"),
        ({}, {"other": [1.0] * HORIZON}, "future_covariates.other", "past is not there"),
    ],
)
def test_what_is_not_what_was_learned_is_refused(
    past: dict[str, Any], future: dict[str, Any], field: str, what: str
) -> None:
    with pytest.raises(InvalidInput, match=what) as refused:
        encoded(past_covariates=PAST | past, future_covariates=FUTURE | future)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("past", "future", "note"),
    [
        ({}, {"sky": ["rain"] * HORIZON}, "sky: 'rain' is no category"),
        ({"shop": ["west"] * POINTS}, {}, "shop: 'west' is no category"),
        ({}, {"load": [50.0] * HORIZON}, "load is outside of what this model has learned, 0 to 20"),
        ({"other": [1] * POINTS}, {"other": [1] * HORIZON}, "has not learned other: left out"),
    ],
)
def test_what_is_outside_of_what_was_learned_is_told(
    past: dict[str, Any], future: dict[str, Any], note: str
) -> None:
    example = encoded(past_covariates=PAST | past, future_covariates=FUTURE | future)
    assert any(note in each for each in example.notes)
    assert not any(note in each for each in encoded().notes)
    assert example.codes is not None
    if "category" in note:
        assert 0 in example.codes[1]


def test_what_is_not_known_ahead_does_not_count_there() -> None:
    usual = encoded().future
    given = encoded(future_covariates=FUTURE | {"seen": [9.0] * HORIZON}).future
    np.testing.assert_array_equal(given, usual)
    static = encoded(future_covariates=FUTURE | {"shop": ["north"] * HORIZON})
    assert static.codes is not None
    assert (static.codes[1][:, 1] == 2).all()


def test_booleans_are_read_as_files_have_them() -> None:
    texts = {
        "sale": ["True" if cell else "false" for cell in PAST["sale"]],
    }
    example = encoded(
        past_covariates=PAST | texts, future_covariates=FUTURE | {"sale": ["true"] * HORIZON}
    )
    np.testing.assert_array_equal(example.context, encoded().context)
    np.testing.assert_array_equal(example.future, encoded().future)


def test_missing_cells_of_the_past_are_filled() -> None:
    holes = {
        name: [None if i % 9 == 4 else cell for i, cell in enumerate(PAST[name])]
        for name in ("load", "sky")
    }
    example = encoded(past_covariates=PAST | holes)
    assert np.isfinite(example.context).all()
    assert np.isfinite(example.future).all()


@pytest.mark.parametrize(
    "series",
    [[3.0, 5.0], [0.0] * 30, [7.0] * 30, [1e300, -1e300] * 10, [1e-300, 2e-300] * 10, [None, 2.0]],
    ids=str,
)
def test_any_series_is_answered(series: list[float | None]) -> None:
    points = len(series)
    past = {name: cells[:1] * points for name, cells in PAST.items()}
    [answer] = TASK.predict([encoded(series=series, past_covariates=past)])
    assert np.isfinite(answer.mean).all()
    assert np.isfinite(list(answer.quantiles.values())).all()


def test_a_step_does_not_depend_on_how_many_follow() -> None:
    short = encoded(horizon=2, future_covariates={name: c[:2] for name, c in FUTURE.items()})
    np.testing.assert_array_equal(short.future, encoded().future[:2])


def test_the_last_cycles_stand_beside_a_step() -> None:
    window = encoded(series=[float(i) for i in range(POINTS)]).window
    assert window.cycles == Cycles(7, 365, "daily")
    future = encoded(series=[float(i) for i in range(POINTS)]).future
    z = np.arcsinh((window.x - window.level) / window.spread)
    np.testing.assert_allclose(future[:, 0], z[-7:-1], rtol=1e-6)
    np.testing.assert_allclose(future[:, 1], z[-14:-8], rtol=1e-6)
    assert future[0, 5] == 0.0, "no year is there"


def test_without_such_features_nothing_has_changed() -> None:
    task = ForecastTask(FEATURES, Session(quantile_graph()))
    assert task.learned is None
    assert task.encode(SERIES, HORIZON).codes is None
