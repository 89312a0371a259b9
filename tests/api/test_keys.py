"""API keys: which requests pass, what the others are told, and that no key is ever shown."""

import io
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.api.keys import KeyRing
from app.errors import ConfigurationError
from app.telemetry import log
from tests.api.doubles import write_version
from tests.api.service import LOG, Service, running, until

KEYS = ("first-key-of-all", "second+key/with=signs")
BODY = {"series": [1, 2], "horizon": 1}


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture(scope="module")
def locked(models_dir: Path) -> Iterator[Service]:
    with running(models_dir, api_keys=",".join(KEYS)) as one:
        yield one


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("name", ["X-API-Key", "x-api-key", "Authorization", "lower case"])
def test_every_key_opens_in_either_header(locked: Service, name: str, key: str) -> None:
    headers = {name: key} if "-" in name else {"Authorization": f"Bearer {key}"}
    if name == "lower case":
        headers = {"authorization": f"bearer  {key}"}
    assert locked.http.post("/forecast", json=BODY, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": KEYS[0]},
        {"Authorization": f"Basic {KEYS[0]}"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer,"},
        {"X-API-Key": ""},
        {"X-API-Key": KEYS[0][:-1]},
        {"X-API-Key": KEYS[0] + "x"},
        {"X-API-Key": KEYS[0].upper()},
        {"X-API-Key": ",".join(KEYS)},
        {"X-API-Key": "\xe4".encode("latin-1")},
        bearer("x" * 5000),
    ],
)
def test_anything_else_is_a_401(locked: Service, headers: dict[str, Any]) -> None:
    response = locked.http.post("/forecast", json=BODY, headers=headers)
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["www-authenticate"].startswith('Bearer realm="unroll"')
    problem = response.json()
    assert problem["type"] == "urn:unroll:problem:unauthorized"
    assert problem["request_id"] == response.headers["x-request-id"]
    (line,) = locked.lines(problem["request_id"])
    assert (line["status"], line["error"]) == (401, "unauthorized")


def test_an_unknown_key_is_told_from_none(locked: Service) -> None:
    none, unknown = locked.http.get("/models"), locked.http.get("/models", headers=bearer("no"))
    assert "needs an API key" in none.json()["detail"]
    assert "not known" in unknown.json()["detail"]
    assert 'error="invalid_token"' not in none.headers["www-authenticate"]
    assert 'error="invalid_token"' in unknown.headers["www-authenticate"]


@pytest.mark.parametrize(
    "path",
    [
        *("/health/live", "/health/ready", "/metrics", "/openapi.json"),
        *("/docs", "/docs/start.js", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js"),
    ],
)
def test_open_paths(locked: Service, path: str) -> None:
    assert locked.http.get(path).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/models",
        "/models/forecast",
        "/nothing",
        "/health",
        "/health/live/",
        "/Metrics",
        "/models//",
    ],
)
def test_all_other_paths_ask_for_a_key(locked: Service, path: str) -> None:
    assert locked.http.get(path).status_code == 401


def test_the_body_is_not_read(locked: Service) -> None:
    head = (
        b"POST /forecast HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
        b"Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n"
    )
    with locked.connection() as connection:
        connection.sendall(head)
        assert connection.recv(65536).startswith(b"HTTP/1.1 401")


def test_a_websocket_is_refused(locked: Service) -> None:
    with locked.connection() as connection:
        connection.sendall(
            b"GET /forecast HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\n"
            b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        assert connection.recv(65536)[9:12] in (b"401", b"403")


def test_the_keys_are_declared_only_when_there_are_some(locked: Service, service: Service) -> None:
    schema = locked.http.get("/openapi.json").json()
    assert set(schema["components"]["securitySchemes"]) == {"Bearer", "ApiKey"}
    assert schema["paths"]["/forecast"]["post"]["security"]
    assert "401" in schema["paths"]["/forecast"]["post"]["responses"]
    for path in ("/health/live", "/health/ready", "/metrics"):
        assert "security" not in schema["paths"][path]["get"]
    without = service.http.get("/openapi.json").text
    assert "securitySchemes" not in without
    assert '"security"' not in without
    assert '"401"' not in without


def test_no_key_is_logged_or_answered(locked: Service) -> None:
    for headers in (bearer(KEYS[0]), {"X-API-Key": KEYS[1]}, bearer("wrong-" + KEYS[0])):
        response = locked.http.post("/forecast", json={"series": "x"}, headers=headers)
        locked.lines(response.headers["x-request-id"])
        assert not any(key in response.text + str(response.headers) for key in KEYS)
    assert not any(key in LOG.getvalue() for key in KEYS)
    assert not any(key in repr(locked.app.services.settings) for key in KEYS)
    assert not any(key in locked.app.services.settings.model_dump_json() for key in KEYS)


def test_metrics_can_ask_for_a_key_too(tmp_path: Path) -> None:
    with running(tmp_path, wait=False, api_keys="a", protect_metrics=True) as one:
        assert one.http.get("/metrics").status_code == 401
        assert one.http.get("/metrics", headers=bearer("a")).status_code == 200
        assert one.http.get("/health/live").status_code == 200
        operation = one.http.get("/openapi.json").json()["paths"]["/metrics"]["get"]
        assert operation["security"]


def test_keys_rotate_without_a_restart(tmp_path: Path) -> None:
    write_version(tmp_path / "models")
    file = tmp_path / "keys"
    file.write_text("# of the first team\nold\n\n  both\t# until June\n")
    with running(tmp_path / "models", api_keys=["fixed"], api_keys_file=file) as one:

        def status(key: str) -> int:
            return one.http.get("/models", headers=bearer(key)).status_code

        assert [status(key) for key in ("old", "both", "fixed", "new")] == [200, 200, 200, 401]
        fresh = tmp_path / "fresh"
        fresh.write_text("both\nnew\n")
        fresh.replace(file)
        until(lambda: status("new") == 200)
        assert [status(key) for key in ("old", "both", "fixed")] == [401, 200, 200]


@pytest.fixture(name="stream")
def log_of_its_own() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    log.configure("json", "INFO", stream)
    yield stream
    log.configure("json", "DEBUG", LOG)  # as the services have it


def test_a_file_that_goes_wrong_changes_nothing(tmp_path: Path, stream: io.StringIO) -> None:
    file = tmp_path / "keys"
    file.write_text("good\n")
    ring = KeyRing((), file, check_seconds=0)
    for content in ("", "# only this\n", "good\nnot good\n", "g\u00f6\u00f6d\n", None):
        time.sleep(0.01)
        if content is None:
            file.unlink()
        else:
            file.write_text(content, encoding="utf-8")
        assert ring.knows(b"good")
        assert ring.knows(b"good")  # and it is said once
    log.flush()
    first, *lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (first["event"], first["keys"]) == ("api_keys_loaded", 1)
    assert [line["event"] for line in lines] == ["api_keys_refused"] * 5
    assert "line 2" in lines[2]["reason"]
    assert "good" not in stream.getvalue()
    file.write_text("better")
    assert ring.knows(b"better")
    assert not ring.knows(b"good")


@pytest.mark.parametrize(
    "content", [None, b"", b"# none\n", b"two words\n", b"\x00\n", b"k" * 2**21]
)
def test_a_file_that_is_wrong_at_the_start_stops_it(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "keys"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        KeyRing((), file)
    message = caught.value.message
    assert message.startswith("UNROLL_API_KEYS_FILE: ")
    assert message.endswith(f"(got '{file}')")
    assert "words" not in message
    assert "\n" not in message


def test_a_link_to_another_file_counts_as_a_change(tmp_path: Path) -> None:
    """How Kubernetes renews the files of a mounted secret."""
    for name in ("one", "two"):
        (tmp_path / name).write_text(f"key-{name}")
        os.utime(tmp_path / name, (1, 1))
    link = tmp_path / "keys"
    link.symlink_to("one")
    ring = KeyRing((), link, check_seconds=0)
    assert ring.knows(b"key-one")
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").replace(link)
    assert ring.knows(b"key-two")
    assert not ring.knows(b"key-one")
