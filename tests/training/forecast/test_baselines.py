"""The simple methods against hand-worked values, their library, and series that break them."""

import math
from pathlib import Path

import numpy as np
import pytest

from app.tasks.forecast.backtest import interpolated
from app.training.forecast import baselines
from app.training.forecast.baselines import Baseline, baseline_forecasts
from app.training.forecast.data import Series

pytest.importorskip("statsforecast", reason="the [train] extra is not installed")

PATTERN = np.array([0.5, 1.5, 1.2, 0.8])


def series(values: list[float] | np.ndarray, season_length: int = 1, horizon: int = 2) -> Series:
    """`values` is what is known; the future to score on does not matter here."""
    whole = np.concatenate([np.asarray(values, dtype=np.float64), np.zeros(horizon)])
    return Series("m3", f"s{len(whole)}", whole, "MS", season_length, horizon)


def test_naive_and_seasonal_naive_by_hand() -> None:
    known = np.array([1.0, 2.0, 3.0, 4.0, 6.0])
    assert baselines.SIMPLE["naive"](known, 4, 3).mean.tolist() == [6.0, 6.0, 6.0]
    assert baselines.SIMPLE["seasonal_naive"](known, 2, 3).mean.tolist() == [4.0, 6.0, 4.0]
    assert baselines.SIMPLE["seasonal_naive"](known, 12, 2).mean.tolist() == [6.0, 6.0]


@pytest.mark.parametrize("season_length", [1, 4])
def test_naive_intervals_are_those_of_the_library(season_length: int) -> None:
    from statsforecast import models

    known = np.random.default_rng(0).normal(100, 9, 30)
    answer = models.SeasonalNaive(season_length).forecast(y=known, h=10, level=[80, 95])
    ours = baselines.SIMPLE["seasonal_naive"](known, season_length, 10)
    assert np.allclose(ours.mean, answer["mean"])
    for row, key in zip(ours.quantiles, ("lo-95", "lo-80", "hi-80", "hi-95"), strict=True):
        assert np.allclose(row, answer[key], rtol=1e-6)


def test_naive2_adjusts_a_season_and_leaves_the_rest() -> None:
    seasonal = 100.0 * np.tile(PATTERN, 8)[:30]
    # exact: the last value is of the second quarter, so the next are the third and the fourth
    assert np.allclose(baselines.naive2(seasonal, 4, 3).mean, [120.0, 80.0, 50.0])
    noise = np.random.default_rng(1).normal(100, 5, 30)
    assert np.allclose(baselines.naive2(noise, 4, 3).mean, noise[-1])


def test_naive2_needs_three_seasons_and_positive_indices() -> None:
    assert not baselines.is_seasonal(np.tile(PATTERN, 3)[:11], 4)
    assert baselines.is_seasonal(np.tile(PATTERN, 6), 4)
    assert not baselines.is_seasonal(np.full(24, 7.0), 4)
    one_of_four = np.tile([0.0, 0.0, 0.0, 9.0], 10)  # indices of 0 cannot be divided by
    assert np.allclose(baselines.naive2(one_of_four, 4, 2).mean, 9.0)


@pytest.mark.parametrize("season_length", [4, 7, 12, 24])
def test_decomposition_is_the_classical_one(season_length: int) -> None:
    decompose = pytest.importorskip("statsmodels.tsa.seasonal").seasonal_decompose
    rng = np.random.default_rng(season_length)
    known = rng.uniform(50, 60, 5 * season_length + 3) + np.arange(5 * season_length + 3)
    theirs = decompose(known, model="multiplicative", period=season_length).seasonal
    ours = baselines.seasonal_indices(known, season_length)
    assert np.allclose(ours, theirs[:season_length])


def test_every_method_answers_on_tiny_and_odd_series() -> None:
    odd = [
        series([3.0]),
        series([3.0, 4.0], season_length=12),
        series([1.0, 2.0, 4.0]),
        series([5.0] * 9, season_length=4),
        series([0.0] * 14, season_length=4),
        series([-5.0, 3.0, -2.0, 8.0, 1.0, -7.0], season_length=4),
        series([1.0, math.nan, 3.0, 5.0, 8.0, math.nan, 13.0]),
        series(np.random.default_rng(2).normal(0, 1, 40) * 1e9, season_length=12),
    ]
    answers = baseline_forecasts(odd, baselines.METHODS)
    assert set(answers) == set(baselines.METHODS)
    for method, of in answers.items():
        for one in odd:
            forecast = of[one.dataset, one.id]
            assert forecast.mean.shape == (2,), method
            assert forecast.quantiles.shape == (len(baselines.LEVELS), 2), method
            assert np.isfinite(forecast.mean).all(), method
    single = answers["theta"]["m3", odd[0].id]
    assert single.fell_back
    assert single.mean.tolist() == [3.0, 3.0]
    assert not answers["theta"]["m3", odd[-1].id].fell_back


def test_the_mean_is_the_mean_of_its_parts() -> None:
    one = series(np.random.default_rng(4).normal(100, 5, 40), season_length=4, horizon=6)
    got = baseline_forecasts([one], ["autoets_autotheta", "autoets", "autotheta"])
    mean, ets, theta = (of[one.dataset, one.id] for of in got.values())
    assert np.allclose(mean.mean, (ets.mean + theta.mean) / 2)
    assert np.allclose(mean.quantiles, (ets.quantiles + theta.quantiles) / 2)
    assert np.all(np.diff(ets.quantiles, axis=0) > 0)
    assert list(baseline_forecasts([one], ["autoets_autotheta"])) == ["autoets_autotheta"]


def test_cache_spares_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def counted(known: np.ndarray, season_length: int, horizon: int) -> Baseline:
        calls.append(len(known))
        return Baseline(np.full(horizon, known[-1]), np.zeros((len(baselines.LEVELS), horizon)))

    monkeypatch.setitem(baselines.FITTED, "theta", counted)
    two = [series([1.0, 2.0, 3.0]), series([1.0, 2.0, 3.0, 4.0], horizon=3)]
    first = baseline_forecasts(two[:1], ["theta"], tmp_path)
    both = baseline_forecasts(two, ["theta"], tmp_path)
    again = baseline_forecasts(two, ["theta"], tmp_path)
    assert calls == [3, 4]
    assert [path.name for path in tmp_path.iterdir()] == ["m3.theta.npz"]
    key = (two[0].dataset, two[0].id)
    assert np.array_equal(first["theta"][key].mean, again["theta"][key].mean)
    for other, forecast in both["theta"].items():
        assert np.array_equal(forecast.mean, again["theta"][other].mean)
        assert np.array_equal(forecast.quantiles, again["theta"][other].quantiles)
    changed = Series("m3", two[0].id, two[0].values + 1, "MS", 1, 2)
    assert baseline_forecasts([changed], ["theta"], tmp_path)["theta"][key].mean[0] == 4.0
    assert calls == [3, 4, 3]


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []
    one = series([1.0, 2.0, 3.0])
    baseline_forecasts([one], ["naive"], progress=lambda method, done: told.append((method, done)))
    assert told == [("naive", 1)]


def test_unknown_method_and_empty_series_are_refused() -> None:
    with pytest.raises(ValueError, match=r"arima.*known"):
        baseline_forecasts([], ["arima"])
    with pytest.raises(ValueError, match="single value"):
        interpolated(np.array([math.nan, math.nan]))
