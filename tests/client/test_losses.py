"""Answers that get lost, services that are busy or go away: nothing is lost, nothing done twice."""

import json
import time
from typing import Any

import httpx
import pytest

from tests.api.service import Service
from tests.client.proxy import cutting
from tests.client.servers import free_address, silent
from unroll_client import (
    Busy,
    Client,
    DeadlineExceeded,
    Failed,
    InvalidInput,
    NotFound,
    NotUnroll,
    Unanswered,
    WrongPosition,
)

TEXTS = [f"good film {i}" if i % 3 else f"bad film {i}" for i in range(600)]
SERIES = [[1.0, 2.0, float(i)] for i in range(600)]


class Shared(httpx.AsyncBaseTransport):
    """Answers without a network: what `answer` makes of each request."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        found: httpx.Response = self.answer(len(self.requests), request)
        return found


def client(answer: Any, **options: Any) -> tuple[Client, Shared]:
    shared = Shared(answer)
    return Client("http://unroll.test", transport=shared, **options), shared


def problem(status: int, **body: Any) -> httpx.Response:
    headers = {"Retry-After": "0"} if status in (429, 503) else {}
    whole = {"title": "No", "detail": "no", "type": "urn:unroll:problem:x", **body}
    return httpx.Response(status, json=whole, headers=headers)


def fine() -> httpx.Response:
    return httpx.Response(200, json={"models": []})


def test_no_input_is_lost_when_answers_are_cut_off(service: Service) -> None:
    with Client(str(service.http.base_url)) as direct:
        texts, series = direct.sentiment(TEXTS), direct.forecast(SERIES, 2)
    with cutting(service.port, 0.05) as proxy, Client(proxy.url, connections=8) as through:
        # Many small lists: more of them are cut off.
        found = [through.sentiment(TEXTS[i : i + 20])[0] for i in range(0, 600, 20)]
        assert through.sentiment(TEXTS) == texts
        assert through.forecast(SERIES, 2) == series
    assert found == texts[::20]
    assert proxy.cut > 1


def test_steps_are_taken_once_when_answers_are_cut_off(service: Service) -> None:
    values = [float(i % 7) for i in range(100)]
    with Client(str(service.http.base_url)) as direct, direct.stream("direct", "lstm") as stream:
        expected = list(stream.feed(values))
    with (
        cutting(service.port, 0.05) as proxy,
        Client(proxy.url) as through,
        through.stream("cut", "lstm") as stream,
    ):
        assert list(stream.feed(values)) == expected
        assert stream.position == len(values)
        copy = stream.fork("cut-copy")
        assert copy.position == len(values)
        assert copy.step(1.0)["steps"] == stream.step(1.0)["steps"]
        stream.delete()
        with pytest.raises(NotFound):
            stream.refresh()
    assert proxy.cut > 1


def test_words_go_on_where_they_broke_off(service: Service) -> None:
    with Client(str(service.http.base_url)) as direct:
        (expected,) = direct.generate("ab", 60, seed=5)
    with cutting(service.port, 0.3) as proxy, Client(proxy.url) as through:
        for _ in range(5):
            assert "".join(through.generate_words("ab", 60, seed=5)) == expected["text"]
    assert proxy.cut > 1


@pytest.mark.parametrize("status", [429, 503, 502])
def test_a_busy_service_is_asked_again(status: int) -> None:
    one, shared = client(lambda number, _: problem(status) if number < 4 else fine())
    with one:
        assert one.models() == []
    assert len(shared.requests) == 4


def test_the_time_that_the_service_names_is_waited_for() -> None:
    def answer(number: int, _: httpx.Request) -> httpx.Response:
        times.append(time.monotonic())
        return problem(429) if number == 1 else fine()

    times: list[float] = []
    one, _ = client(answer)
    with one:
        one.models()
    assert len(times) == 2
    # Retry-After: 30 is longer than is waited in all: it is not waited for in vain.
    one, shared = client(
        lambda *_: httpx.Response(
            429, json={"title": "Full", "detail": "later"}, headers={"Retry-After": "30"}
        ),
        retry_seconds=20,
    )
    with one, pytest.raises(Busy) as caught:
        one.models()
    assert caught.value.retry_after == 30
    assert len(shared.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422, 500, 504])
def test_other_errors_are_told_at_once(status: int) -> None:
    one, shared = client(lambda *_: problem(status))
    with one, pytest.raises(Exception, match=f"{status} No: no"):
        one.models()
    assert len(shared.requests) == 1


def test_nobody_answers() -> None:
    url = free_address()
    with Client(url) as one, pytest.raises(Unanswered) as caught:
        one.models()
    assert str(caught.value) == f"nobody answers at {url}; start a service with: unroll serve"


def test_a_service_that_goes_away_is_waited_for() -> None:
    def answer(number: int, request: httpx.Request) -> httpx.Response:
        if number in (2, 3):
            raise httpx.ConnectError("away", request=request)
        return fine()

    one, shared = client(answer)
    with one:
        assert one.models() == one.models() == []
    assert len(shared.requests) == 4


def test_something_else_listens() -> None:
    one, _ = client(lambda *_: httpx.Response(200, text="<html>"))
    with one, pytest.raises(NotUnroll, match="does not answer as Unroll does"):
        one.models()
    one, _ = client(lambda *_: httpx.Response(404, text="<html>"))
    with one, pytest.raises(NotUnroll, match="answered 404, and not as Unroll does"):
        one.models()


def test_a_redirect_is_not_followed() -> None:
    one, shared = client(lambda *_: httpx.Response(307, headers={"Location": "http://other/"}))
    with one, pytest.raises(NotUnroll, match="answered 307"):
        one.models()
    assert len(shared.requests) == 1


def test_a_deadline_is_kept_and_told(service: Service) -> None:
    one, shared = client(lambda *_: problem(429))
    with one, pytest.raises((DeadlineExceeded, Busy)):
        one.ask("/models", deadline=0.2)
    left = [int(each.headers["X-Request-Timeout-Ms"]) for each in shared.requests]
    assert left == sorted(left, reverse=True)
    assert left[0] <= 200
    # a `Retry-After` of 0 seconds does not mean without a pause
    assert len(left) <= 3
    with Client(str(service.http.base_url)) as real, pytest.raises(DeadlineExceeded):
        real.sentiment(TEXTS * 10, deadline=0.001)


def test_a_service_that_is_silent_until_the_deadline() -> None:
    with silent(b"") as url, Client(url) as one, pytest.raises(DeadlineExceeded, match=r"0\.1 sec"):
        one.ask("/models", deadline=0.1)


def test_a_list_that_is_too_large_or_takes_too_long_is_cut() -> None:
    asked: list[int] = []

    def answer(_: int, request: httpx.Request) -> httpx.Response:
        texts = json.loads(request.content)["text"]
        asked.append(len(texts))
        if len(texts) > 30:
            wrong = {"field": "text", "message": "too many", "allowed": "at most 30 texts"}
            return problem(422, errors=[wrong])
        if "slow" in texts:
            return problem(504)
        return httpx.Response(
            200,
            json={"model": "m", "version": "1", "predictions": [{"label": each} for each in texts]},
        )

    texts = [str(i) for i in range(400)]
    texts[123] = "slow"
    one, _ = client(answer, connections=1)
    with one:
        found: list[Any] = list(one.iter_sentiment(texts))
    assert isinstance(found[123], DeadlineExceeded)
    del found[123], texts[123]
    assert [each["label"] for each in found] == texts
    # It is remembered: later lists are no longer than what was taken.
    assert sum(count > 30 for count in asked) < 12


def test_a_failure_of_the_network_is_found() -> None:
    def answer(_: int, request: httpx.Request) -> httpx.Response:
        texts = json.loads(request.content)["text"]
        if "bad" in texts:
            return problem(500, type="urn:unroll:problem:inference-failed")
        return httpx.Response(200, json={"model": "m", "predictions": [{}] * len(texts)})

    one, _ = client(answer)
    with one:
        found: list[Any] = list(one.iter_sentiment(["a", "b", "bad", "c"]))
    assert [isinstance(each, Failed) for each in found] == [False, False, True, False]


def test_more_wrong_inputs_than_are_named_at_once() -> None:
    def answer(_: int, request: httpx.Request) -> httpx.Response:
        texts = json.loads(request.content)["text"]
        wrong = [
            {"field": f"text[{i}]", "message": "no", "allowed": "b"}
            for i, each in enumerate(texts)
            if each == "a"
        ]
        if wrong:
            return problem(422, errors=wrong[:3])
        return httpx.Response(200, json={"model": "m", "predictions": [{}] * len(texts)})

    texts = ["a", "b"] * 20
    one, _ = client(answer)
    with one:
        found: list[Any] = list(one.iter_sentiment(texts))
    assert [isinstance(each, InvalidInput) for each in found] == [True, False] * 20
    assert [each.field for each in found[::2]] == [f"text[{i}]" for i in range(0, 40, 2)]


def test_somebody_else_steps_the_stream(service: Service) -> None:
    with (
        Client(str(service.http.base_url)) as one,
        one.stream("shared", "lstm") as mine,
        one.stream("shared", "lstm") as other,
    ):
        mine.step(1.0)
        with pytest.raises(WrongPosition) as caught:
            other.step(2.0)
        assert caught.value.position == 1
        other.refresh()
        assert other.step(2.0)["position"] == 2
