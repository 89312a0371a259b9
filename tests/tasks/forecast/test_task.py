"""The forecast task on a small untrained network: what holds whatever the weights are."""

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from app.errors import InvalidInput
from app.features.trends import CANDIDATES
from app.serving.runtime.session import Session
from app.tasks.forecast.features import ForecastFeatures
from app.tasks.forecast.task import ForecastTask
from app.training.forecast.network import Forecaster, ForecasterOptions, forecaster_graph

OPTIONS = ForecasterOptions(cell="gru", hidden_size=8, candidates=CANDIDATES)


@cache
def task(calibrated: bool = False, name: tuple[str, str] = ("", "")) -> ForecastTask:
    """The same network every time; with `name` its answers are measured."""
    torch.manual_seed(0)
    network = Forecaster(OPTIONS).eval()
    for layer in (network.head, network.weights, network.shift):
        torch.nn.init.normal_(layer.weight, std=0.5)
    session = Session(forecaster_graph([network]).SerializeToString())
    factors = tuple(np.linspace(0.5, 2.0, len(OPTIONS.levels)).tolist())
    features = ForecastFeatures(
        context_length=24,
        memory=200,
        trained_horizon=20,
        trends=True,
        rare=True,
        levels=OPTIONS.levels,
        calibration={"": factors, "monthly": factors[::-1]} if calibrated else {},
    )
    return ForecastTask(features, session, name)


def series(points: int, seed: int = 0) -> list[float | None]:
    values = np.random.default_rng(seed).normal(size=points).cumsum() + 50.0
    return [*values.tolist()]


def test_an_answer_holds_every_step_and_quantile() -> None:
    example = task().encode(series(60), 7, (0.9, 0.1), "MS", start="2020-01-01")
    [answer] = task().predict([example])
    assert len(answer.mean) == 7
    assert answer.quantiles.keys() == {"0.9", "0.1"}
    assert answer.timestamps is not None
    assert answer.timestamps[0] == "2025-01-01T00:00:00"
    assert answer.season_length == 12
    assert answer.imputed == 0
    assert answer.notes == []


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(2, 90), min_size=2, max_size=6),
    horizons=st.lists(st.integers(1, 30), min_size=6, max_size=6),
)
def test_an_answer_never_depends_on_its_batch_mates(
    lengths: list[int], horizons: list[int]
) -> None:
    examples = [
        task().encode(series(n, seed=i), horizons[i], frequency="MS") for i, n in enumerate(lengths)
    ]
    together = task().predict(examples)
    alone = [task().predict([example])[0] for example in examples]
    assert together == alone  # bitwise: GRU, float32, one thread


def test_a_step_does_not_depend_on_the_horizon() -> None:
    short = task().predict([task().encode(series(50), 5)])[0]
    long = task().predict([task().encode(series(50), 500)])[0]
    assert len(long.mean) == 500
    assert np.isfinite(long.mean).all()
    np.testing.assert_allclose(long.mean[:5], short.mean, rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    quantiles=st.lists(st.floats(0.0001, 0.9999), min_size=2, max_size=12, unique=True),
    seed=st.integers(0, 50),
    calibrated=st.booleans(),
)
def test_quantiles_never_cross(quantiles: list[float], seed: int, calibrated: bool) -> None:
    example = task(calibrated).encode(series(40, seed), 6, quantiles, "MS")
    [answer] = task(calibrated).predict([example])
    assert list(answer.quantiles) == [repr(q) for q in quantiles]
    paths = [answer.quantiles[repr(q)] for q in sorted(quantiles)]
    assert (np.diff(np.array(paths), axis=0) >= 0).all()


def test_known_levels_are_answered_as_the_graph_gave_them() -> None:
    levels = OPTIONS.levels
    example = task().encode(series(40), 4, (*levels, 0.3))
    [answer] = task().predict([example])
    between = np.array(answer.quantiles["0.3"])
    assert (between > answer.quantiles["0.25"]).all()
    assert (between < answer.quantiles["0.5"]).all()


def test_missing_values_are_imputed_and_said() -> None:
    values = series(60)
    values[3] = values[30] = values[59] = None
    [answer] = task().predict([task().encode(values, 4, frequency="MS")])
    assert answer.imputed == 3
    assert "3 missing values were imputed" in answer.notes
    leading: list[float | None] = [*([None] * 10), *series(50)]
    [answer] = task().predict([task().encode(leading, 4)])
    assert answer.imputed == 10


def test_only_the_tail_of_a_long_series_counts_and_timestamps_do_not_care() -> None:
    long = series(5000)
    [whole] = task().predict([task().encode(long, 3, frequency="D", start="2000-01-01")])
    [tail] = task().predict([task().encode(long[-200:], 3, frequency="D")])
    assert whole.mean == tail.mean
    assert whole.notes == ["the last 200 of 5000 points were used"]
    assert whole.timestamps is not None
    assert whole.timestamps[0].startswith("2013-09-09")


def test_a_far_horizon_is_answered_and_said() -> None:
    [answer] = task().predict([task().encode(series(30), 21)])
    assert answer.notes == ["steps beyond 20 reach further than the network was trained for"]


@pytest.mark.parametrize("constant", [5.0, -3.5, 1e9, 1e-9])
def test_a_constant_series_is_continued_and_not_for_certain(constant: float) -> None:
    [few] = task().predict([task().encode([constant] * 12, 5)])
    assert few.median == pytest.approx([constant] * 5, rel=1e-12)
    [many] = task().predict([task().encode([constant] * 150, 5)])
    for step in range(5):
        widths = [each.quantiles["0.9"][step] - each.quantiles["0.1"][step] for each in (few, many)]
        assert 0 < 5 * widths[1] < widths[0]


def test_zeros_stay_zero_and_it_is_said() -> None:
    [answer] = task().predict([task().encode([0.0] * 12, 3, (0.01, 0.99))])
    assert answer.mean == answer.quantiles["0.01"] == answer.quantiles["0.99"] == [0.0] * 3
    assert answer.notes[0].startswith("every value is 0")


def test_rare_demand_is_answered_with_values_that_can_be() -> None:
    rng = np.random.default_rng(0)
    sold = ((rng.random(120) < 0.2) * (1.0 + rng.poisson(2.0, 120))).tolist()
    example = task().encode(sold, 4, (0.99, 0.5, 0.9), "W", start="2020-01-05", maximum=4)
    [answer] = task().predict([example])
    assert answer.median == answer.quantiles["0.5"] == [0.0] * 4
    assert answer.quantiles["0.99"] == [4.0] * 4
    assert 1.0 <= answer.quantiles["0.9"][0] <= 4.0
    assert answer.mean[0] == pytest.approx(np.minimum(sold, 4).mean(), abs=0.3)
    assert "not the network's" in answer.notes[0]
    assert answer.timestamps is not None


def test_what_repeats_exactly_is_continued_in_an_interval_with_a_width() -> None:
    [answer] = task().predict([task().encode([10.0, 20.0, 30.0, 15.0] * 8, 8, season_length=4)])
    assert answer.median == pytest.approx([10.0, 20.0, 30.0, 15.0] * 2)
    widths = np.subtract(answer.quantiles["0.9"], answer.quantiles["0.1"])
    assert (widths > 0.1).all()


LEVELS = tuple(((np.arange(3000) + 0.5) / 3000).tolist())


@pytest.mark.parametrize("options", [{}, {"integer": True}, {"minimum": 45.5, "maximum": 60}])
@pytest.mark.parametrize("lowest", [50.0, -1.0, 0.0])
def test_the_mean_is_the_expected_value(options: dict[str, float], lowest: float) -> None:
    """By simulation: the answered quantiles of evenly spread levels are a sample of each step."""
    past = [None if v is None else v - 50.0 + lowest for v in series(60)]
    [answer] = task().predict([task().encode(past, 4, LEVELS, **options)])  # type: ignore[arg-type]
    sample = np.array(list(answer.quantiles.values()))  # (levels, horizon)
    spread = sample.std(axis=0) + 1e-9
    assert (np.abs(answer.mean - sample.mean(axis=0)) < 0.02 * spread).all()
    middle = np.abs(np.array(answer.median) - np.median(sample, axis=0))
    assert (middle <= (1.0 if "integer" in options else 0.01 * spread)).all()
    if "integer" in options:
        assert (sample == np.rint(sample)).all()
        assert answer.median == np.rint(answer.median).tolist()
    if "minimum" in options:
        assert sample.min() >= 45.5
        assert sample.max() <= 60


@pytest.mark.parametrize("factor", [1e-12, -1e6, 1e300])
def test_scale_and_sign_are_free(factor: float) -> None:
    values = [factor * v for v in (1.0, 1.5, 1.2, 1.4, 1.1)]
    [answer] = task().predict([task().encode(values, 5)])
    assert np.isfinite(answer.mean).all()
    assert np.abs(answer.mean).max() < 100 * abs(factor)


def test_two_points_are_enough() -> None:
    [answer] = task().predict([task().encode([1.0, 2.0], 3)])
    assert np.isfinite(answer.mean).all()


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"series": [1.0]}, "series"),
        ({"series": []}, "series"),
        ({"series": [None, None, None]}, "series"),
        ({"horizon": 0}, "horizon"),
        ({"quantiles": [0.5, 0.0]}, "quantiles[1]"),
        ({"quantiles": [1.0]}, "quantiles[0]"),
        ({"season_length": 0}, "season_length"),
        ({"season_length": 2**62}, "season_length"),
        ({"frequency": "often"}, "frequency"),
        ({"start": "2020-01-01"}, "frequency"),
        ({"start": "soon", "frequency": "D"}, "start"),
    ],
)
def test_what_cannot_be_answered_is_refused(request_: dict[str, object], field: str) -> None:
    request = {"series": [1.0, 2.0, 3.0], "horizon": 2} | request_
    with pytest.raises(InvalidInput) as caught:
        task().encode(**request)  # type: ignore[arg-type]
    assert caught.value.field == field
    assert caught.value.allowed


def test_the_width_of_a_served_answer_is_measured_free_of_scale_and_quantiles() -> None:
    def observed() -> tuple[float, float]:
        name = "unroll_interval_width"
        labels = {"model": "widths", "version": "1"}
        values = [REGISTRY.get_sample_value(f"{name}_{part}", labels) for part in ("count", "sum")]
        return values[0] or 0.0, values[1] or 0.0

    unnamed = task()
    named = task(name=("widths", "1"))
    past = series(60)
    named.predict([named.encode(past, 5)])
    count, total = observed()
    assert (count, total > 0) == (1, True)
    large = [1000 * value for value in past if value is not None]
    named.predict([named.encode(large, 5, quantiles=[0.45])])
    assert observed()[0] == 2
    assert observed()[1] == pytest.approx(2 * total, rel=1e-3)
    unnamed.predict([unnamed.encode(past, 5)])
    assert observed()[0] == 2


def test_widths_beyond_the_trained_horizon_grow_no_faster_than_a_random_walk() -> None:
    example = task().encode(series(60), 500, (0.1, 0.9))
    [answer] = task().predict([example])
    low, high = (np.log(answer.quantiles[key]) for key in ("0.1", "0.9"))
    width = high - low  # on the scale of the network: this series is positive
    assert (np.diff(width[20:]) >= -1e-9).all()
    assert width[-1] / width[19] <= np.sqrt(500 / 20) + 1e-6


def test_a_series_that_was_never_negative_is_not_forecast_to_be() -> None:
    values = [0.0, 0.0, 3.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 2.0]
    [answer] = task().predict([task().encode(values, 12, (0.01, 0.5))])
    assert min(answer.quantiles["0.01"]) == 0.0
    [signed] = task().predict([task().encode([*values, -0.1], 12, (0.01, 0.5))])
    assert min(signed.quantiles["0.01"]) < 0.0


@pytest.mark.parametrize("level", [1e306, 1e-310, -1e306])
def test_the_ends_of_float64_are_kept(level: float) -> None:
    [answer] = task().predict([task().encode([level] * 5, 2)])
    assert answer.median == pytest.approx([level] * 2, rel=1e-3)
    assert np.isfinite(answer.mean).all()


def test_huge_alternating_values_are_answered() -> None:
    values: list[float | None] = [1e155, -1e155, 0, 1e155, 3, 4, 5, 6, 7, 8]
    [answer] = task().predict([task().encode(values, 1)])
    assert np.isfinite(answer.mean).all()


def test_two_points_do_not_explode() -> None:
    [answer] = task().predict([task().encode([1.0, 40.0], 500, (0.001, 0.999))])
    assert max(answer.quantiles["0.999"]) <= 40_000 * 1.01
    assert min(answer.quantiles["0.001"]) >= 1 / 1000 * 0.99


def test_a_start_off_the_frequency_is_moved_and_said() -> None:
    [answer] = task().predict([task().encode(series(3), 1, frequency="MS", start="2020-01-15")])
    assert answer.timestamps == ["2020-04-01T00:00:00"]
    assert answer.notes[0] == "start does not lie on MS: steps are counted from 2020-01-01T00:00:00"
