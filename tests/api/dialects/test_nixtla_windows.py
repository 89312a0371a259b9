"""Nixtla's cross validation and anomalies: every value forecast from those before it alone."""

from statistics import NormalDist
from typing import Any

import httpx
import pytest

from tests.api.dialects.test_nixtla import error_of
from tests.api.service import Service

SIZES = [12, 10]
Y: list[float | None] = [*[10.0 + step % 3 for step in range(12)], *map(float, range(10))]
Z = NormalDist().inv_cdf(0.99 / 2 + 0.5)


def ask(service: Service, path: str, y: list[Any] = Y, **body: Any) -> httpx.Response:
    series = {"y": y, "sizes": SIZES, "X": None}
    fields = {"series": series, "model": "timegpt-1", "freq": "D", **body}
    return service.http.post(f"/v2/{path}", json=fields)


def plainly(service: Service, known: list[float | None], horizon: int) -> dict[str, Any]:
    """What POST /forecast says after `known`."""
    body = {"series": known, "horizon": horizon, "frequency": "D", "quantiles": [0.1, 0.9]}
    found: dict[str, Any] = service.http.post("/forecast", json=body).json()["forecasts"][0]
    return found


def test_windows_are_forecast_from_what_was_before(real: Service) -> None:
    response = ask(real, "cross_validation", h=2, n_windows=3, step_size=1, level=[80])
    assert response.status_code == 200, response.text
    answer = response.json()
    assert answer["sizes"] == [6, 6]
    first = [8, 9, 9, 10, 10, 11]
    assert answer["idxs"] == [*first, *(12 + 10 - 12 + each for each in first)]
    for series, (begin, size) in enumerate(((0, 12), (12, 10))):
        for window in range(3):
            known = plainly(real, Y[begin : begin + size - 4 + window], 2)
            at = series * 6 + window * 2
            assert answer["mean"][at : at + 2] == pytest.approx(known["mean"])
            for name, level in (("lo-80", "0.1"), ("hi-80", "0.9")):
                found = answer["intervals"][name][at : at + 2]
                assert found == pytest.approx(known["quantiles"][level])


def test_steps_between_windows_are_the_horizon(real: Service) -> None:
    answer = ask(real, "cross_validation", h=2, n_windows=2).json()
    assert answer["idxs"] == [8, 9, 10, 11, 18, 19, 20, 21]
    assert answer["intervals"] is None


def test_a_full_history(real: Service) -> None:
    answer = ask(real, "cross_validation", h=4, n_windows=1, full_history=True).json()
    assert answer["sizes"] == [10, 8]  # whatever h and n_windows are
    assert answer["idxs"] == [*range(2, 12), *range(14, 22)]


def test_the_last_values_are_judged(real: Service) -> None:
    y = [*Y[:10], 60.0, Y[11], *Y[12:20], None, -50.0]
    body: dict[str, Any] = {"h": 3, "detection_size": 4, "level": 99}
    answer = ask(real, "online_anomaly_detection", y=y, **body).json()
    assert answer["sizes"] == [4, 4]
    assert answer["idxs"] == [8, 9, 10, 11, 18, 19, 20, 21]
    assert answer["anomaly"][2] is True
    assert answer["anomaly"][6:] == [False, True]
    known = plainly(real, y[:8], 3)
    assert answer["mean"][:3] == pytest.approx(known["mean"])
    for place, index in enumerate(answer["idxs"]):
        value = y[index]
        if value is None:
            assert answer["anomaly_score"][place] == 0
            continue
        low, high = (answer["intervals"][f"{side}-99"][place] for side in ("lo", "hi"))
        outside = not low <= value <= high
        assert answer["anomaly"][place] == outside
        assert (answer["anomaly_score"][place] > Z * (1 - 1e-9)) == outside


def test_steps_of_online_detection(real: Service) -> None:
    body: dict[str, Any] = {"h": 3, "detection_size": 3, "step_size": 1, "level": 90}
    answer = ask(real, "online_anomaly_detection", **body).json()
    known = [plainly(real, Y[: 9 + step], 1)["mean"][0] for step in range(3)]
    assert answer["mean"][:3] == pytest.approx(known)


def test_a_whole_history_is_judged_but_for_its_beginning(real: Service) -> None:
    y = [*Y[:7], 90.0, *Y[8:]]
    answer = ask(real, "anomaly_detection", y=y).json()
    assert answer["sizes"] == [10, 8]
    assert answer["idxs"] == [*range(2, 12), *range(14, 22)]
    assert answer["anomaly"][5] is True
    assert answer["weights_x"] is None
    # A step ahead, as there are few.
    assert answer["mean"][3] == pytest.approx(plainly(real, y[:5], 1)["mean"][0])


@pytest.mark.parametrize(
    ("path", "body", "field", "message"),
    [
        ("cross_validation", {"h": 2, "n_windows": 5}, "series.sizes[1]", "5 windows of 2"),
        ("cross_validation", {"h": 2, "n_windows": 0}, "n_windows", "at least 1"),
        ("cross_validation", {"h": 2, "multivariate": True}, "multivariate", "not served"),
        (
            "cross_validation",
            {"h": 2, "feature_contributions": True},
            "feature_contributions",
            "not served",
        ),
        ("cross_validation", {"h": 2, "finetune_steps": 1}, "finetune_steps", "fine-tuned"),
        ("cross_validation", {"h": 0}, "h", "at least 1"),
        ("anomaly_detection", {"level": 100}, "level", "less than 100"),
        ("anomaly_detection", {"y": [*Y[:-1], "x"]}, "series.y[21]", 'got "x"'),
        ("online_anomaly_detection", {"h": 1}, "detection_size", "required"),
        (
            "online_anomaly_detection",
            {"h": 1, "detection_size": 9},
            "series.sizes[1]",
            "needs 11 values",
        ),
        (
            "online_anomaly_detection",
            {"h": 1, "detection_size": 2, "step_size": 2},
            "step_size",
            "leave values out",
        ),
        (
            "online_anomaly_detection",
            {"h": 1, "detection_size": 2, "threshold_method": "multivariate"},
            "threshold_method",
            "one by one",
        ),
    ],
)
def test_refused_in_its_own_words(
    real: Service, path: str, body: dict[str, Any], field: str, message: str
) -> None:
    error = error_of(ask(real, path, **body))
    assert error["field"] == field
    assert message in error["message"]


def test_a_series_without_numbers_is_named(real: Service) -> None:
    y = [*Y[:12], *[None] * 8, 1.0, 2.0]
    error = error_of(ask(real, "cross_validation", y=y, h=2))
    assert error["field"] == "series.sizes[1]"
    assert "missing" in error["message"]


def test_too_many_windows(narrow: Service) -> None:
    body: dict[str, Any] = {"series": {"y": Y, "sizes": SIZES}, "freq": "D", "h": 1, "n_windows": 2}
    error = error_of(narrow.http.post("/v2/cross_validation", json=body))
    assert error["field"] == "series.sizes"
    assert "4 forecasts" in error["message"]


def test_covariates_of_windows(service: Service) -> None:
    """The same forecasts as in a backtest with covariates."""
    sale = [i % 5 == 0 for i in range(50)]
    y = [30.0 + i % 3 + 10.0 * sale[i] for i in range(50)]
    other = [float(i % 2) for i in range(50)]
    series = {"y": y + y, "sizes": [50, 50], "X": [sale * 2, other * 2]}
    body = {"series": series, "freq": "D", "h": 3, "n_windows": 2, "hist_exog": [1]}
    answer = service.http.post("/v2/cross_validation", json=body)
    assert answer.status_code == 200, answer.text
    asked = {
        "series": [y, y],
        "horizon": 3,
        "windows": 2,
        "frequency": "D",
        "past_covariates": {"x0": sale, "x1": other},
        "future_covariates": {"x0": []},
    }
    tests = service.http.post("/backtest", json=asked).json()["backtests"]
    means = [mean for one in tests for window in one["windows"] for mean in window["mean"]]
    assert answer.json()["mean"] == pytest.approx(means)
    plain = body | {"series": series | {"X": None}}
    assert service.http.post("/v2/cross_validation", json=plain).json()["mean"] != means
    judged = {"series": series, "freq": "D", "h": 2, "detection_size": 5, "level": 99}
    found = service.http.post("/v2/online_anomaly_detection", json=judged)
    assert found.status_code == 200, found.text
    assert len(found.json()["mean"]) == 10
    long = {"y": y * 4, "sizes": [100, 100], "X": [sale * 4]}
    many = {"series": long, "freq": "D", "h": 1, "n_windows": 51}
    refused = service.http.post("/v2/cross_validation", json=many)
    assert refused.status_code == 422
    assert error_of(refused)["allowed"].startswith("at most 100 forecasts")
