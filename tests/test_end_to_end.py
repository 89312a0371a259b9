"""The shipped forecasters over HTTP."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from app.main import TASKS
from tests.api.service import Service, running, until

# Monthly means of carbon dioxide at Mauna Loa, 1998 to 2000 (Keeling and Whorf; public domain).
CARBON_DIOXIDE = [
    *(365.3, 366.2, 367.4, 368.5, 369.1, 368.8, 367.6, 365.7, 363.9, 364.3, 365.6, 366.9),
    *(368.1, 368.9, 369.6, 371.0, 370.8, 370.2, 369.0, 366.7, 364.7, 365.1, 366.6, 367.9),
    *(369.0, 369.4, 370.4, 371.5, 371.6, 371.6, 369.9, 367.9, 366.5, 366.7, 368.1, 369.4),
]
IN_2001 = [370.2, 371.3, 372.1, 372.8, 373.8, 373.1, 371.3, 369.4, 367.9, 368.1, 369.4, 371.0]


@pytest.fixture(name="shipped", scope="module")
def shipped_service(shipped_models: Path) -> Iterator[Service]:
    with running(shipped_models, wait=False, tasks=TASKS) as service:
        # Every shipped network is loaded and replayed, on whatever machine this is.
        until(lambda: service.http.get("/health/ready").status_code == 200, seconds=120)
        yield service


def test_a_monthly_series(shipped: Service) -> None:
    response = shipped.forecast(
        series=CARBON_DIOXIDE, horizon=12, frequency="MS", start="1998-01-01", quantiles=[0.1, 0.9]
    )
    assert response.status_code == 200, response.text
    (forecast,) = response.json()["forecasts"]
    assert forecast["season_length"] == 12
    assert len(forecast["timestamps"]) == 12
    assert forecast["timestamps"][0].startswith("2001-01-01")
    naive = [abs(a - CARBON_DIOXIDE[-12 + i]) for i, a in enumerate(IN_2001)]
    errors = [abs(a - f) for a, f in zip(IN_2001, forecast["mean"], strict=True)]
    assert sum(errors) < 0.7 * sum(naive), "a seasonal naive forecast is no worse"
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
    (alone,) = shipped.forecast(series=CARBON_DIOXIDE, horizon=6).json()["forecasts"]
    among = shipped.forecast(series=[*others, CARBON_DIOXIDE], horizon=6).json()["forecasts"][-1]
    assert among["mean"] == pytest.approx(alone["mean"], rel=1e-5)


def test_a_long_horizon(shipped: Service) -> None:
    response = shipped.forecast(series=CARBON_DIOXIDE, horizon=500)
    assert len(response.json()["forecasts"][0]["mean"]) == 500


def test_waves(shipped: Service) -> None:
    answer = shipped.forecast(model="forecast-waves", series=[0.1] * 50, horizon=10).json()
    assert answer["model"] == "forecast-waves"
    assert len(answer["forecasts"][0]["mean"]) == 10
