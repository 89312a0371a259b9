"""Task routes are answered before the router, and nobody can tell."""

from typing import Any

import pytest

from app.api.dependencies import _settings
from app.api.shortcut import Shortcut
from app.settings import Settings
from tests.api.service import Service, by_the_router

BODIES: list[Any] = [
    b'{"text": "The film was good."}',
    b'{"text": ["good", "bad"], "model": "sentiment-other", "explain": true}',
    b'{"text": "\\ud83d\\ude00 good \xc3\xa9"}',
    b'{"text": "good", "version": "9"}',
    b'{"text": "good", "model": "nope"}',
    b'{"text": "good", "explain": 1}',
    b'{"text": "good", "explain": "true"}',
    b'{"text": "good", "version": 1}',
    b'{"text": "good", "more": 1}',
    b'{"text": NaN}',
    b'{"text": 5}',
    b'{"text": []}',
    b'{"text": ""}',
    b'{"text": "\\ud83d"}',
    b"[1]",
    b'"text"',
    b"null",
    b"{",
    b"",
    b"\xff",
]


def answers(service: Service, path: str, bodies: list[Any]) -> list[Any]:
    found = []
    for body in bodies:
        headers = {"Content-Type": "application/json", "X-Request-ID": "same"}
        response = service.http.post(path, content=body, headers=headers)
        kept = {k: v for k, v in response.headers.items() if k not in ("date", "server-timing")}
        found.append((response.status_code, kept, response.content))
    return found


def test_texts_are_answered_alike(texts: Service) -> None:
    short = answers(texts, "/sentiment", BODIES)
    with by_the_router(texts):
        long = answers(texts, "/sentiment", BODIES)
    assert short == long
    assert {status for status, _, _ in short} == {200, 400, 404, 422}


@pytest.mark.parametrize("value", ["1", "1.5", "NaN", "1e400", "null", '"x"', "true", "[]", "{}"])
def test_series_are_answered_alike(service: Service, value: str) -> None:
    bodies = [
        '{"series": [1, VALUE], "horizon": 2}',
        '{"series": [1, 2], "horizon": VALUE}',
        '{"series": [1, 2], "horizon": 1, "quantiles": [0.5, VALUE]}',
        '{"series": [1, 2], "horizon": 1, "season_length": VALUE}',
        '{"series": [1, 2], "horizon": 1, "start": VALUE, "frequency": "D"}',
    ]
    requests = [each.replace("VALUE", value).encode() for each in bodies]
    short = answers(service, "/forecast", requests)
    with by_the_router(service):
        long = answers(service, "/forecast", requests)
    assert short == long


def test_an_overridden_dependency_counts(texts: Service) -> None:
    narrow: Settings = texts.app.state.settings.model_copy(update={"max_texts": 1})

    def settings() -> Settings:  # no coroutine: FastAPI calls it in a thread
        return narrow

    two = {"text": ["good", "bad"]}
    assert texts.http.post("/sentiment", json=two).status_code == 200
    texts.app.dependency_overrides[_settings] = settings
    try:
        assert texts.http.post("/sentiment", json=two).status_code == 422
    finally:
        texts.app.dependency_overrides.clear()
    assert texts.http.post("/sentiment", json=two).status_code == 200


@pytest.mark.parametrize("path", ["/sentiment", "/forecast", "/authorship"])
def test_other_methods_go_to_the_router(texts: Service, path: str) -> None:
    response = texts.http.get(path)
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


def test_every_task_route_is_short(service: Service) -> None:
    layer: Any = service.app.middleware_stack
    while not isinstance(layer, Shortcut):
        layer = layer._app
    assert {"/forecast", "/sentiment", "/authorship"} <= layer._plain.keys()
    assert len(layer._patterns) == 2  # inference, with and without a version
