"""The shipped forecaster over HTTP. Skipped where the model repository holds none."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from app.main import TASKS
from tests.api.service import Service, running

MODELS = Path(__file__).resolve().parent.parent / "models"
PASSENGERS = [
    *(112, 118, 132, 129, 121, 135, 148, 148, 136, 119, 104, 118),
    *(115, 126, 141, 135, 125, 149, 170, 170, 158, 133, 114, 140),
    *(145, 150, 178, 163, 172, 178, 199, 199, 184, 162, 146, 166),
    *(171, 180, 193, 181, 183, 218, 230, 242, 209, 191, 172, 194),
]

pytestmark = pytest.mark.skipif(
    not (MODELS / "forecast").is_dir(), reason="models/forecast is not there"
)


@pytest.fixture(name="shipped", scope="module")
def shipped_models() -> Iterator[Service]:
    with running(MODELS, tasks=TASKS) as service:
        yield service


def test_a_monthly_series(shipped: Service) -> None:
    response = shipped.forecast(
        series=PASSENGERS, horizon=12, frequency="MS", start="1949-01-01", quantiles=[0.1, 0.9]
    )
    assert response.status_code == 200, response.text
    (forecast,) = response.json()["forecasts"]
    assert forecast["season_length"] == 12
    assert len(forecast["timestamps"]) == 12
    assert forecast["timestamps"][0].startswith("1953-01-01")
    # The next year, 1953, which the request does not hold.
    actual = [196, 196, 236, 235, 229, 243, 264, 272, 237, 211, 180, 201]
    errors = [abs(a - f) / a for a, f in zip(actual, forecast["mean"], strict=True)]
    assert sum(errors) / 12 < 0.12
    low, high = forecast["quantiles"]["0.1"], forecast["quantiles"]["0.9"]
    assert all(below < above for below, above in zip(low, high, strict=True))


@pytest.mark.parametrize(
    "series",
    [
        [1, 2],
        [7.0] * 30,
        [0] * 10,
        [-1e9, -2e9, -1.5e9],
        [1e-9, 2e-9, 3e-9, 2e-9],
        [None, 3, None, None, 5, None, 4],
        [float(i % 24) for i in range(100_000)],
    ],
    ids=["two", "constant", "zeros", "large", "tiny", "gaps", "long"],
)
def test_unusual_series(shipped: Service, series: list[float | None]) -> None:
    response = shipped.forecast(series=series, horizon=5, quantiles=[0.05, 0.5, 0.95])
    assert response.status_code == 200, response.text
    (forecast,) = response.json()["forecasts"]
    for levels in zip(*forecast["quantiles"].values(), strict=True):
        assert all(low <= high for low, high in pairwise(levels))


def test_company_changes_nothing(shipped: Service) -> None:
    others = [[float(i * j % 11) for i in range(5 + 13 * j)] for j in range(1, 8)]
    (alone,) = shipped.forecast(series=PASSENGERS, horizon=6).json()["forecasts"]
    among = shipped.forecast(series=[*others, PASSENGERS], horizon=6).json()["forecasts"][-1]
    assert among["mean"] == pytest.approx(alone["mean"], rel=1e-5)


def test_a_long_horizon(shipped: Service) -> None:
    response = shipped.forecast(series=PASSENGERS, horizon=500)
    assert len(response.json()["forecasts"][0]["mean"]) == 500


def test_waves(shipped: Service) -> None:
    if not (MODELS / "forecast-waves").is_dir():
        pytest.skip("models/forecast-waves is not there")
    answer = shipped.forecast(model="forecast-waves", series=[0.1] * 50, horizon=10).json()
    assert answer["model"] == "forecast-waves"
    assert len(answer["forecasts"][0]["mean"]) == 10
