"""AutoETS beside a backtest: over a real socket, fitted in a process of its own."""

import threading
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from app.api.forecasts import autoets as beside
from app.tasks.forecast.autoets import autoets, available
from app.tasks.forecast.backtest import score
from tests.api.service import Service, running

needs_package = pytest.mark.skipif(not available(), reason="statsforecast is not installed")

HORIZON = 4
LONG = np.random.default_rng(0).normal(0, 1, 6000).tolist()
RISING = (np.arange(40) * 2.0 + np.random.default_rng(3).normal(0, 0.5, 40)).round(3).tolist()


def backtest(service: Service, **body: Any) -> httpx.Response:
    return service.http.post("/backtest", json={"series": RISING, "horizon": HORIZON} | body)


@pytest.fixture(scope="module")
def fitting(service: Service) -> Service:
    """A service whose process for fits has started; what it imports takes seconds."""
    end = time.monotonic() + 60.0
    while backtest(service, windows=1).json()["backtests"][0]["notes"]:
        assert time.monotonic() < end
    return service


@needs_package
def test_scores_are_those_of_the_package(fitting: Service) -> None:
    (one,) = backtest(fitting, windows=2, season_length=1).json()["backtests"]
    assert one["notes"] == []
    for window in one["windows"]:
        known, actual = (
            np.array(RISING[: window["origin"]]),
            np.array(RISING[window["origin"] :][:HORIZON]),
        )
        guess = autoets(known, 1, HORIZON)
        levels = [0.1, 0.5, 0.9]
        expected = score(
            actual, known, 1, guess.point, guess.point, guess.quantiles(levels), levels
        )
        for name, value in window["scores"]["autoets"].items():
            assert value == pytest.approx(expected[name], rel=1e-6), name
    # a line: it goes on, where the last value stays behind
    assert one["scores"]["autoets"]["mae"] < one["scores"]["naive"]["mae"] / 4


@needs_package
def test_a_series_that_cannot_be_fitted_says_so_and_leaves_no_mean_over_others(
    fitting: Service,
) -> None:
    answer = backtest(fitting, series=[RISING, [1, 2, 3, 4, 5, 6]], horizon=2, windows=1).json()
    good, tiny = answer["backtests"]
    assert good["scores"]["autoets"]["mae"] is not None
    assert set(tiny["scores"]["autoets"].values()) == {None}
    assert tiny["notes"] == [beside.NEVER]
    assert answer["scores"]["naive"]["mase"] is not None
    assert set(answer["scores"]["autoets"].values()) == {None}


@needs_package
def test_what_takes_too_long_is_left_out_and_the_answer_comes_in_time(fitting: Service) -> None:
    headers = {"X-Request-Timeout-Ms": "8000"}
    body = {"series": [RISING, LONG], "horizon": HORIZON, "windows": 30, "step": 1}
    started = time.monotonic()
    response = fitting.http.post("/backtest", json=body, headers=headers)
    assert time.monotonic() - started < 8.0
    assert response.status_code == 200, response.text
    quick, slow = response.json()["backtests"]
    assert quick["notes"] == []
    assert slow["notes"] == [beside.LATE]
    assert slow["scores"]["forecast"]["mae"] is not None
    end = time.monotonic() + 60.0  # the other process was killed, and a new one starts
    while backtest(fitting, windows=1).json()["backtests"][0]["notes"]:
        assert time.monotonic() < end


@needs_package
def test_nobody_waits_for_a_fit(fitting: Service) -> None:
    body = {"series": LONG, "horizon": HORIZON, "windows": 60}
    headers = {"X-Request-Timeout-Ms": "8000"}
    slow = threading.Thread(
        target=lambda: httpx.post(
            f"http://127.0.0.1:{fitting.port}/backtest", json=body, headers=headers, timeout=30
        )
    )
    slow.start()
    time.sleep(0.5)
    waits: list[float] = []
    while slow.is_alive() and len(waits) < 10:
        started = time.monotonic()
        assert fitting.forecast().status_code == 200
        waits.append(time.monotonic() - started)
    slow.join()
    assert len(waits) == 10
    assert sorted(waits)[5] < 0.3


def test_without_the_package_a_note_says_what_is_missing(
    models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "available", lambda: False)
    with running(models_dir) as service:
        answer = backtest(service, windows=1).json()
    (one,) = answer["backtests"]
    assert one["notes"] == [beside.ABSENT]
    assert set(one["scores"]["autoets"].values()) == {None}
    assert one["scores"]["naive"]["mae"] is not None
