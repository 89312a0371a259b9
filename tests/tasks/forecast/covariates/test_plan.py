"""Forecasts with covariates on a network that stands still: the whole difference is theirs."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from app.errors import InvalidInput
from app.serving.runtime.session import Session
from app.tasks.forecast.covariates.build import ASKS, plan_of
from app.tasks.forecast.covariates.calendars import holiday_columns
from app.tasks.forecast.task import ForecastTask
from tests.forecaster import FEATURES, quantile_graph

STILL = ForecastTask(FEATURES.model_copy(update={"memory": 500}), Session(quantile_graph()))
HORIZON = 5


def forecast(**options: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {"horizon": HORIZON, "quantiles": (0.1, 0.5, 0.9)}
    plan = plan_of(**(usual | options))
    assert len(plan.asks) <= ASKS
    examples = [STILL.encode(**ask.request) for ask in plan.asks]
    return plan.combine([one.to_json() for one in STILL.predict(examples)]).to_json()


def promoted(points: int, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(a level of 50 with noise, and 20 more where there is a promotion; the promotions)."""
    rng = np.random.default_rng(seed)
    promotion = rng.random(points) < 0.2
    return 50.0 + 20.0 * promotion + rng.normal(size=points), promotion


@pytest.mark.parametrize("kind", ["numbers", "booleans", "texts"])
def test_what_a_covariate_does_is_learned_and_told(kind: str) -> None:
    values, promotion = promoted(125)
    shown = {
        "numbers": promotion.astype(float).tolist(),
        "booleans": promotion.tolist(),
        "texts": np.where(promotion, "sale", "none").tolist(),
    }[kind]
    answer = forecast(
        series=values[:-HORIZON].tolist(),
        season_length=1,
        past_covariates={"promotion": shown[:-HORIZON]},
        future_covariates={"promotion": shown[-HORIZON:]},
    )
    about = answer["covariates"]
    assert about["weight"] == 1.0
    assert about["error"] < 0.5 * about["error_without"]
    assert np.abs(np.array(answer["median"]) - values[-HORIZON:]).max() < 5.0
    added = np.array(about["contributions"]["promotion"])
    coming = promotion[-HORIZON:]
    if coming.any() and not coming.all():
        assert added[coming].min() - added[~coming].max() == pytest.approx(20.0, abs=3.0)
    low, high = answer["quantiles"]["0.1"], answer["quantiles"]["0.9"]
    assert (np.array(low) < answer["median"]).all()
    assert (np.array(high) > answer["median"]).all()


def test_the_mean_is_that_of_the_quantiles() -> None:
    values, promotion = promoted(120)
    levels = tuple(((np.arange(400) + 0.5) / 400).tolist())
    answer = forecast(
        series=values.tolist(),
        quantiles=levels,
        season_length=1,
        past_covariates={"promotion": promotion.tolist()},
        future_covariates={"promotion": [True] * HORIZON},
        minimum=60,
        maximum=75,
    )
    sample = np.array(list(answer["quantiles"].values()))
    assert answer["mean"] == pytest.approx(sample.mean(axis=0), abs=0.02)
    assert sample.min() >= 60
    assert sample.max() <= 75


def test_intervals_are_fitted_to_what_is_left() -> None:
    """The still network's own would hold 97 % of these values, not 80."""
    held = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        cause = rng.normal(size=284)
        values = 100.0 + 30.0 * cause + rng.normal(0, 2, 284)
        answer = forecast(
            series=values[:260].tolist(),
            horizon=24,
            past_covariates={"cause": cause[:260].tolist()},
            future_covariates={"cause": cause[260:].tolist()},
        )
        low, high = (np.array(answer["quantiles"][level]) for level in ("0.1", "0.9"))
        held.append(np.mean((values[260:] >= low) & (values[260:] <= high)))
    assert 0.7 < np.mean(held) < 0.93


def test_noise_is_left_out_and_it_is_said() -> None:
    weights = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        series, noise = rng.normal(size=120).cumsum(), rng.normal(size=120).tolist()
        answer = forecast(
            series=series, season_length=1, past_covariates={"noise": noise}, future_covariates={}
        )
        weights.append(answer["covariates"]["weight"])
        if not weights[-1]:
            plain = STILL.predict([STILL.encode(series.tolist(), HORIZON, season_length=1)])[0]
            assert answer["median"] == pytest.approx(plain.median)
            assert answer["quantiles"]["0.9"] == pytest.approx(plain.quantiles["0.9"])
            assert answer["mean"] == pytest.approx(plain.mean, rel=0.05, abs=0.05)
            assert answer["covariates"]["contributions"]["noise"] == [0.0] * HORIZON
    assert sum(weights) <= 2


def test_a_block_is_forecast_from_the_days_before_and_its_covariates() -> None:
    """Every hour of a day hangs on another hour's covariate: no line for all steps can say that."""
    rng = np.random.default_rng(0)
    days = 120
    load = rng.normal(size=(days, 4))
    values = (30.0 + 5.0 * load[:, ::-1] + 0.2 * rng.normal(size=(days, 4))).ravel()
    load = load.ravel()
    answer = forecast(
        series=values[:-4].tolist(),
        horizon=4,
        season_length=4,
        past_covariates={"load": load[:-4].tolist()},
        future_covariates={"load": load[-4:].tolist()},
    )
    assert answer["covariates"]["weight"] == 1.0
    assert np.abs(np.array(answer["median"]) - values[-4:]).max() < 1.5


def test_nothing_after_an_origin_is_looked_at_before_it() -> None:
    """The judged windows are the same whatever stands in the last one."""
    values, promotion = promoted(150)
    covariates: dict[str, Any] = {
        "past_covariates": {"promotion": promotion.tolist()},
        "future_covariates": {"promotion": [False] * HORIZON},
        "horizon": HORIZON,
        "quantiles": (0.5,),
        "season_length": 1,
    }
    changed = values.copy()
    first = plan_of(series=values, **covariates)
    origin = first.asks[0].origin
    changed[origin:] += np.random.default_rng(1).normal(size=len(values) - origin)
    second = plan_of(series=changed, **covariates)
    for one, other in zip(first.asks, second.asks, strict=True):
        assert (one.origin, one.candidate) == (other.origin, other.candidate)
        if one.origin == origin:
            np.testing.assert_allclose(one.request["series"], other.request["series"])
            np.testing.assert_allclose(one.ahead, other.ahead)


def test_holidays_are_a_covariate() -> None:
    """Orders stop on holidays; the next one is Christmas."""
    dates = pd.date_range("2021-01-01", "2022-12-23", freq="D")
    free = holiday_columns("DE", dates)[:, 0]
    assert 15 < free.sum() < 24
    values = 50.0 + np.random.default_rng(0).normal(size=len(dates)) - 25.0 * free
    plan = plan_of(
        series=values,
        horizon=HORIZON,
        quantiles=(0.5,),
        frequency="D",
        start="2021-01-01",
        past_covariates={},
        future_covariates={},
        holidays="DE",
    )
    _, ahead = plan.candidates["steps"].at(len(values))
    assert ahead[[1, 2]].max() < ahead[[0, 3, 4]].min()


def test_few_values_are_forecast_without() -> None:
    answer = forecast(
        series=[1.0, 2.0, 3.0], past_covariates={"a": [1, 2, 3]}, future_covariates={}
    )
    assert answer["covariates"]["weight"] == 0.0
    assert answer["covariates"]["error"] is None
    assert "too few to learn what covariates do" in answer["notes"][-1]


def test_missing_values_do_no_harm() -> None:
    values, promotion = promoted(120)
    series = [None if i % 17 == 3 or i < 4 else value for i, value in enumerate(values.tolist())]
    past = [None if i % 13 == 1 else float(value) for i, value in enumerate(promotion)]
    answer = forecast(
        series=series,
        past_covariates={"promotion": past},
        future_covariates={"promotion": [0] * HORIZON},
    )
    assert np.isfinite(answer["mean"]).all()
    assert answer["imputed"] == sum(value is None for value in series)


@pytest.mark.parametrize("level", [0.0, 5.0, 1e-300, 1e150, -1e308])
@pytest.mark.parametrize("moves", [0.0, 1.0])
@pytest.mark.parametrize("covariate", [[0.0, 1e308], [-1e308, 1e308], [5.0, 5.0], [0.0, 1e-320]])
def test_any_numbers_give_a_finite_answer(
    level: float, moves: float, covariate: list[float]
) -> None:
    values = level * (1.0 + moves * np.random.default_rng(0).random(60) / 10)
    answer = forecast(
        series=values.tolist(),
        season_length=4,
        past_covariates={"a": covariate * 30},
        future_covariates={"a": covariate[:1] * HORIZON},
    )
    for path in (answer["mean"], answer["median"], *answer["quantiles"].values()):
        assert np.isfinite(path).all()


@pytest.mark.parametrize("covariates", [1, 3, 12, 50])
@pytest.mark.parametrize("horizon", [1, 24, 60])
def test_any_count_and_horizon_is_planned(covariates: int, horizon: int) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=24 * 40)
    columns = rng.normal(size=(covariates, len(values) + horizon))
    plan = plan_of(
        series=values,
        horizon=horizon,
        quantiles=(0.5,),
        season_length=24,
        past_covariates={f"c{i}": each[:-horizon].tolist() for i, each in enumerate(columns)},
        future_covariates={f"c{i}": each[-horizon:].tolist() for i, each in enumerate(columns)},
    )
    assert 1 <= len(plan.asks) <= ASKS
    for ask in plan.asks:
        assert ask.ahead.shape == (horizon,)
        assert np.isfinite(ask.ahead).all()


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"future_covariates": {"b": [1] * 5}}, "future_covariates.b"),
        ({"past_covariates": {"a": [1] * 39}}, "past_covariates.a"),
        ({"future_covariates": {"a": [1] * 4}}, "future_covariates.a"),
        ({"future_covariates": {"a": [1, 2, None, 4, 5]}}, "future_covariates.a[2]"),
        ({"past_covariates": {"a": [1] * 39 + ["x"]}}, "past_covariates.a"),
        ({"past_covariates": {"a": [1] * 39 + [[1]]}}, "past_covariates.a[39]"),
        ({"past_covariates": {"a": [float("nan")] * 40}}, "past_covariates.a[0]"),
        ({"past_covariates": {"a": [None] * 40}}, "past_covariates.a"),
        ({"past_covariates": {"a": "text"}}, "past_covariates.a"),
        ({"past_covariates": {"a": ["x" * 65] * 40}}, "past_covariates.a[0]"),
        ({"past_covariates": {str(i): [1] * 40 for i in range(51)}}, "past_covariates"),
        ({"past_covariates": {"": [1] * 40}}, "past_covariates"),
        ({"holidays": "DE"}, "holidays"),
        ({"holidays": "XX", "frequency": "D", "start": "2024-01-01"}, "holidays"),
        ({"minimum": 2, "maximum": 1}, "maximum"),
    ],
)
def test_what_will_not_do_is_refused(options: dict[str, Any], field: str) -> None:
    request: dict[str, Any] = {
        "series": list(range(40)),
        "past_covariates": {"a": [float(i) for i in range(40)]},
        "future_covariates": {},
    }
    with pytest.raises(InvalidInput) as caught:
        forecast(**(request | options))
    assert caught.value.field == field
    assert caught.value.allowed
