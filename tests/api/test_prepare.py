"""Preparing many inputs: others are answered meanwhile, and it ends when nobody waits for it."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.api.doubles import NaiveTask, write_version
from tests.api.service import Service, running, until
from tests.api.test_errors import check

STEP = 0.05  # seconds per series
MANY = [[1, 2, 3]] * 20


@pytest.fixture(name="slow", scope="module")
def slow_encoding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root = tmp_path_factory.mktemp("models")
    write_version(root, encode_seconds=STEP)
    with running(root) as service:
        yield service


def task_of(service: Service) -> NaiveTask:
    task = service.app.services.repository.get("forecast").task
    assert isinstance(task, NaiveTask)
    return task


def hurried(service: Service, milliseconds: int, series: object) -> httpx.Response:
    return service.http.post(
        "/forecast",
        json={"series": series, "horizon": 1},
        headers={"X-Request-Timeout-Ms": str(milliseconds)},
    )


def test_others_are_answered_meanwhile(slow: Service) -> None:
    with ThreadPoolExecutor(1) as other:
        answer = other.submit(slow.forecast, series=MANY)
        until(lambda: slow.app.services.lifecycle.in_flight == 1)
        for _ in range(3):
            start = time.monotonic()
            assert slow.http.get("/health/live").status_code == 200
            assert time.monotonic() - start < 5 * STEP
        assert not answer.done()
        assert len(answer.result().json()["forecasts"]) == len(MANY)


@pytest.mark.parametrize("horizon", [1, 900])
def test_one_long_forecast_does_not_block_either(slow: Service, horizon: int) -> None:
    """What is short runs at once, anything else in a thread; the answer is the same."""
    assert len(slow.forecast(horizon=horizon).json()["forecasts"][0]["mean"]) == horizon


@pytest.mark.parametrize("series", [MANY, MANY[:4]], ids=["in a thread", "inline"])
def test_the_deadline_holds_meanwhile(slow: Service, series: list[list[int]]) -> None:
    before = task_of(slow).encoded
    start = time.monotonic()
    check(hurried(slow, 75, series), 504, "deadline-exceeded")
    assert time.monotonic() - start < len(MANY) * STEP / 2
    time.sleep(3 * STEP)
    assert task_of(slow).encoded - before < 4


def test_it_ends_when_the_client_leaves(slow: Service) -> None:
    before = task_of(slow).encoded
    body = json.dumps({"series": MANY, "horizon": 1}).encode()
    with slow.connection() as connection:
        connection.sendall(
            b"POST /forecast HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
            b"X-Request-ID: early-leaver\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        until(lambda: task_of(slow).encoded > before)
    until(lambda: slow.app.services.lifecycle.in_flight == 0, seconds=len(MANY) * STEP / 2)
    assert [line["status"] for line in slow.lines("early-leaver")] == [499]
    time.sleep(3 * STEP)
    assert task_of(slow).encoded - before < len(MANY) / 2


def test_a_wrong_series_among_many_is_named(slow: Service) -> None:
    response = slow.forecast(series=[*MANY[:5], [None]])
    check(response, 422, "invalid-input")
    assert response.json()["errors"][0]["field"] == "series[5]"
