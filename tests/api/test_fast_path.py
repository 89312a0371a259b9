"""What networks are asked is answered before the router, and nobody can tell."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app.main import TASK_PATHS
from app.telemetry import log
from tests.api.conftest import IMAGE_TASKS, TEXT_TASKS
from tests.api.service import LOG, Service, running
from tests.api.v2.triton import protocol_service, write_models
from tests.captioner import as_text, png

TEXTS: list[bytes] = [
    b'{"text": "The film was good."}',
    b'{"text": ["good", "bad"], "model": "sentiment-other", "explain": true}',
    b'{"text": "\\ud83d\\ude00 good \xc3\xa9"}',
    b'{"text": "good", "version": "9"}',
    b'{"text": "good", "model": "nope"}',
    b'{"text": "good", "explain": 1}',
    b'{"text": "good", "version": 1}',
    b'{"text": "good", "more": 1}',
    b'{"text": NaN}',
    b'{"text": 5}',
    b'{"text": []}',
    b'{"text": ""}',
    b'{"text": "\\ud83d"}',
    *(b"[1]", b'"text"', b"null", b"{", b"", b"\xff"),
]
JSON = {"Content-Type": "application/json"}


def answers(service: Service, requests: list[tuple[str, bytes, dict[str, str]]]) -> list[Any]:
    """Status, headers and bytes, without what differs from one moment to the next."""
    found = []
    for path, body, headers in requests:
        headers = {"X-Request-ID": "same"} | headers
        response = service.http.post(path, content=body, headers=headers)
        kept = {k: v for k, v in response.headers.items() if k not in ("date", "server-timing")}
        found.append((response.status_code, kept, response.content))
    return found


@contextmanager
def routed(service: Service, tasks: Any, **settings: Any) -> Iterator[Service]:
    """The same, where every endpoint is found by the router."""
    root = service.app.services.settings.models_dir
    with running(root, tasks=tasks, fast_path=False, **settings) as other:
        yield other


@pytest.mark.parametrize("path", ["/sentiment", "/authorship"])
def test_texts_are_answered_alike(texts: Service, path: str) -> None:
    requests = [(path, body, JSON) for body in TEXTS]
    requests += [(path, TEXTS[0], {"Content-Type": "text/plain"}), (path, TEXTS[0], {})]
    requests += [(path, TEXTS[0], JSON | {"X-Request-Timeout-Ms": "soon"})]
    requests += [(path + "?x=1", TEXTS[0], JSON)]
    fast = answers(texts, requests)
    with routed(texts, TEXT_TASKS, max_texts=50, max_text_characters=20_000) as other:
        assert answers(other, requests) == fast
    assert {status for status, _, _ in fast} == {200, 400, 404, 415, 422}


def test_series_are_answered_alike(service: Service, models_dir: Any) -> None:
    values = ["1", "1.5", "NaN", "1e400", "null", '"x"', "true", "[]", "{}"]
    bodies = [
        '{"series": [1, VALUE], "horizon": 2}',
        '{"series": [1, 2], "horizon": VALUE}',
        '{"series": [1, 2], "horizon": 1, "quantiles": [0.5, VALUE]}',
        '{"series": [1, 2], "horizon": 1, "season_length": VALUE}',
        '{"series": [1, 2], "horizon": 1, "start": VALUE, "frequency": "D"}',
        '{"series": [-666], "horizon": 1, "version": VALUE}',
    ]
    requests = [
        ("/forecast", body.replace("VALUE", value).encode(), JSON)
        for body in bodies
        for value in values
    ]
    fast = answers(service, requests)
    with running(models_dir, fast_path=False) as other:
        assert answers(other, requests) == fast
    assert {status for status, _, _ in fast} == {200, 404, 422, 500}


def test_images_are_answered_alike(images: Service) -> None:
    requests = [
        ("/caption", png(1), {"Content-Type": "image/png"}),
        ("/caption?beam_width=2&num_captions=2", png(1), {"Content-Type": "image/png"}),
        ("/caption", png(1), {"Content-Type": "image/png", "Accept": "text/event-stream"}),
        ("/caption?more=1", png(1), {"Content-Type": "image/png"}),
        ("/caption", b"no image", {"Content-Type": "image/png"}),
        ("/caption", b'{"image": "%b"}' % as_text(png(2)).encode(), JSON),
        ("/caption", b'{"image": []}', JSON),
        ("/caption", b"{", JSON),
        ("/caption", b"", {"Content-Type": "multipart/form-data"}),
    ]
    fast = answers(images, requests)
    with routed(images, IMAGE_TASKS, max_images=4, max_pixels=10_000) as other:
        assert answers(other, requests) == fast
    assert {status for status, _, _ in fast} == {200, 400, 422}


def test_tensors_are_answered_alike(tmp_path: Any) -> None:
    write_models(tmp_path)
    good = b'{"inputs": [{"name": "value", "datatype": "INT64", "shape": [1, 1], "data": [1]}]}'
    paths = ["int64", "int64/versions/1", "int64/versions/7", "nope", "int64.nope", "%2e%2e", "a/b"]
    requests: list[tuple[str, bytes, dict[str, str]]] = [
        (f"/v2/models/{path}/infer", good, {}) for path in paths
    ]
    requests += [("/v2/models/int64/infer", body, {}) for body in (b"{", b"[]", b"{}", b"")]
    requests += [("/v2/models/int64/foo/1/infer", good, {}), ("/v2/models//infer", good, {})]
    requests += [("/v2/models/int64/infer", good, {"Accept-Encoding": "identity"})]
    with protocol_service(tmp_path) as one, protocol_service(tmp_path, fast_path=False) as other:
        fast = answers(one, requests)
        assert answers(other, requests) == fast
    assert [status for status, _, _ in fast[:2]] == [200, 200]
    assert {status for status, _, _ in fast} == {200, 400, 404, 422}
    assert fast[-3][0] == 404, "foo is no word for versions"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", [*TASK_PATHS, "/v2/models/any/infer"])
def test_other_methods_go_to_the_router(service: Service, path: str, method: str) -> None:
    response = service.http.request(method, path)
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize("path", [*TASK_PATHS, "/v2/models/any/infer"])
def test_keys_are_asked_for_first(models_dir: Any, path: str) -> None:
    with running(models_dir, api_keys="a-secret-key") as locked:
        assert locked.http.post(path, content=b"{").status_code == 401
        wrong = {"X-API-Key": "another"}
        assert locked.http.post(path, content=b"{", headers=wrong).status_code == 401
        right = {"X-API-Key": "a-secret-key"}
        assert locked.http.post(path, content=b"{", headers=right).status_code in (400, 404, 415)


def test_a_crash_is_a_problem_and_harms_only_whoever_asked(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise ZeroDivisionError("a secret")

    log.configure("json", "DEBUG", LOG)
    with monkeypatch.context() as broken:
        broken.setattr("app.api.forecasts.forecasting.check_series", crash)
        answer = service.forecast()
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:unroll:problem:internal-error")
    assert "secret" not in answer.text
    assert service.forecast().status_code == 200
