"""Any number of inputs: in order, no more held than are on their way."""

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.client.test_losses import Shared
from unroll_client import AsyncClient, Client, WrongArgument
from unroll_client.options import Options


def labels(_: int, request: httpx.Request) -> httpx.Response:
    texts = json.loads(request.content)["text"]
    predictions = [{"label": each} for each in texts]
    return httpx.Response(200, json={"model": "m", "version": "1", "predictions": predictions})


def client(**options: Any) -> Client:
    return Client("http://unroll.test", transport=Shared(labels), **options)


def test_no_more_is_read_than_is_on_its_way() -> None:
    read = 0

    def texts() -> Iterator[str]:
        nonlocal read
        for i in range(100_000):
            read += 1
            yield str(i)

    with client(connections=2) as one:
        answers = one.iter_sentiment(texts())
        for number in range(2_000):
            answer: Any = next(answers)
            assert answer == {"label": str(number), "model": "m", "version": "1"}
            assert read < number + 1_000
        answers.close()  # type: ignore[attr-defined]
        assert read < 3_000
        assert one.sentiment(["after"])[0]["label"] == "after"


def test_iterators_are_read_in_the_thread_of_the_caller() -> None:
    threads = set()

    def texts() -> Iterator[str]:
        for i in range(300):
            threads.add(threading.current_thread())
            yield str(i)

    with client() as one:
        assert len(one.sentiment(texts())) == 300
        assert len(list(one.iter_sentiment(text=texts()))) == 300
    assert threads == {threading.current_thread()}


def test_what_an_iterator_raises_reaches_the_caller() -> None:
    def texts() -> Iterator[str]:
        yield "a"
        raise LookupError("the file ends here")

    with client() as one:
        with pytest.raises(LookupError, match="ends here"):
            one.sentiment(texts())
        with pytest.raises(LookupError, match="ends here"):
            list(one.iter_sentiment(texts()))


def test_no_more_requests_are_on_their_way_than_connections() -> None:
    class Slow(Shared):
        now = most = 0

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0.001)
            self.now -= 1
            return await super().handle_async_request(request)

    slow = Slow(labels)
    with Client("http://unroll.test", transport=slow, connections=3) as one:
        assert len(one.sentiment([str(i) for i in range(2_000)])) == 2_000
    assert slow.most == 3


def test_several_threads_share_a_client() -> None:
    found: dict[int, list[Any]] = {}

    def ask(number: int) -> None:
        found[number] = one.sentiment([f"{number}-{i}" for i in range(150)])

    with client() as one:
        threads = [threading.Thread(target=ask, args=(i,)) for i in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    for number in range(8):
        assert [each["label"] for each in found[number]] == [f"{number}-{i}" for i in range(150)]


def test_what_goes_with_steps_and_anomalies() -> None:
    def answer(number: int, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/anomalies":
            results: list[Any] = [
                {"scores": [], "anomalies": []} for _ in json.loads(request.content)["series"]
            ]
            return httpx.Response(200, json={"model": "m", "version": "1", "results": results})
        return httpx.Response(200, json={"stream": "s", "position": number - 1, "steps": []})

    shared = Shared(answer)
    with Client("http://unroll.test", transport=shared) as one, one.stream("s", "m") as stream:
        stream.step(1.0, None, horizon=3, feedback=[{"position": 0, "anomalous": False}])
        stream.step(2.0)
        assert len(one.anomalies([[1, 2], [3, 4]], frequency="h", threshold=0.9)) == 2
    # A load balancer may keep the steps of a stream at one of several replicas.
    sessions = [each.headers.get("X-Session-ID") for each in shared.requests]
    assert sessions == ["s", "s", "s", None]
    assert [json.loads(each.content) for each in shared.requests[1:]] == [
        {
            "position": 0,
            "values": [1.0, None],
            "horizon": 3,
            "feedback": [{"position": 0, "anomalous": False}],
        },
        {"position": 1, "values": [2.0]},
        {
            "series": [[1, 2], [3, 4]],
            "frequency": "h",
            "threshold": 0.9,
            "model": "forecast-stream",
        },
    ]


def test_covariates_go_with_their_series() -> None:
    asked: list[Any] = []

    def answer(_: int, request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        forecasts = [{"mean": [0.0]} for _ in asked[-1]["series"]]
        return httpx.Response(200, json={"model": "m", "version": "1", "forecasts": forecasts})

    past = [{"promotion": [i, float("nan")], "kind": ["a", None]} for i in range(60)]
    with Client("http://unroll.test", transport=Shared(answer), connections=1) as one:
        one.forecast([[1, 2]] * 60, 1, past_covariates=past, holidays="DE")
        one.forecast([[1, 2]] * 2, 1, future_covariates={"promotion": (0,)})
    assert [len(each["series"]) for each in asked] == [50, 10, 2]
    assert asked[1]["past_covariates"][9] == {"promotion": [59, None], "kind": ["a", None]}
    assert asked[1]["holidays"] == "DE"
    assert "future_covariates" not in asked[1]
    assert asked[2]["future_covariates"] == [{"promotion": [0]}] * 2


def test_where_another_loop_is_running() -> None:
    async def cell() -> list[Any]:
        with client() as one:
            return [*one.sentiment(["a"]), *one.iter_sentiment(["b"])]

    assert [each["label"] for each in asyncio.run(cell())] == ["a", "b"]


def test_progress(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[tuple[int, int | None]] = []
    with client(connections=1) as one:
        one.sentiment(["x"] * 250, progress=lambda *done: told.append(done))
        one.sentiment(iter(["x"] * 120), progress=lambda *done: told.append(done))
        one.sentiment(["x"] * 250, progress=True)
    assert told == [(100, 250), (200, 250), (250, 250), (100, None), (120, None)]
    assert "250/250" in capsys.readouterr().err


def test_a_closed_client_says_so() -> None:
    one = client()
    one.sentiment("a")
    one.close()
    one.close()
    with pytest.raises(WrongArgument, match="closed"):
        one.sentiment("a")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": "127.0.0.1:8000"}, "url: expected an address"),
        ({"url": "http://host:99999"}, "url: expected an address"),
        ({"api_key": "two words"}, "api_key: a key is"),
        ({"api_key": "schl\u00fcssel"}, "api_key: a key is"),
        ({"connections": 0}, "connections: expected 1 or more"),
        ({"timeout": 0}, "positive numbers of seconds"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(WrongArgument, match=message) as caught:
        Client(**options)
    assert options.get("api_key", "secret") not in str(caught.value)


def test_both_clients_have_the_same_methods() -> None:
    def public(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")}

    assert public(Client) - public(AsyncClient) == set()
    assert public(AsyncClient) - public(Client) == set()
    for name in sorted(public(AsyncClient) - {"close", "stream"}):
        assert getattr(Client, name).__doc__ == getattr(AsyncClient, name).__doc__, name


def test_a_key_is_sent_and_not_shown() -> None:
    shared = Shared(labels)
    with Client("http://unroll.test", api_key="a-secret", transport=shared) as one:
        one.sentiment("a")
    assert "a-secret" not in repr(Options("http://unroll.test", api_key="a-secret"))
    assert shared.requests[0].headers["Authorization"] == "Bearer a-secret"
