"""States out of a stream and into another one, sealed."""

from pathlib import Path
from typing import Any

import pytest

from app.main import TASKS
from tests.api.service import Service, running
from tests.api.streams.test_streams import VALUES, opened, stepped, whole
from tests.streams import write_stream_version

BINARY = {"Content-Type": "application/octet-stream"}


def state(service: Service, name: str) -> bytes:
    response = service.http.get(f"/streams/{name}/state")
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/octet-stream"
    return response.content


def put(service: Service, name: str, content: bytes) -> Any:
    return service.http.put(f"/streams/{name}/state", content=content, headers=BINARY)


@pytest.mark.parametrize("model", ["lstm", "plain"])
def test_a_stream_goes_on_from_a_state(service: Service, model: str) -> None:
    opened(service, f"from-{model}", model, ttl_seconds=60, on_new_version="refuse")
    stepped(service, f"from-{model}", VALUES[:3])
    sealed = state(service, f"from-{model}")
    response = put(service, f"to-{model}", sealed)
    assert response.status_code == 201, response.text
    made = response.json()
    assert (made["position"], made["model"]) == (3, model)
    assert (made["ttl_seconds"], made["on_new_version"]) == (60, "refuse")
    answer = stepped(service, f"to-{model}", VALUES[3:], position=3)
    expected = whole(service, model, VALUES)[3:]
    assert [each["output"][0] for each in answer["steps"]] == expected
    # Back to where it was.
    response = put(service, f"to-{model}", sealed)
    assert (response.status_code, response.json()["position"]) == (200, 3)
    again = stepped(service, f"to-{model}", VALUES[3:], position=3)
    assert again == answer


def test_a_state_of_another_model_does_not_replace_a_stream(service: Service) -> None:
    opened(service, "is-lstm")
    opened(service, "is-gru", "gru")
    response = put(service, "is-lstm", state(service, "is-gru"))
    assert response.status_code == 409
    assert response.json()["type"] == "urn:unroll:problem:stream-exists"


def test_what_is_no_state(service: Service) -> None:
    opened(service, "sealed")
    content = bytearray(state(service, "sealed"))
    content[-1] ^= 1
    for wrong, word in ((bytes(content), "the seal does not fit"), (b"", "no sealed state")):
        response = put(service, "new-sealed", wrong)
        assert response.status_code == 422
        assert word in response.json()["detail"]
    response = service.http.put("/streams/new-sealed/state", json={})
    assert response.status_code == 415
    assert service.http.get("/streams/new-sealed").status_code == 404
    assert service.http.get("/streams/new-sealed/state").status_code == 404


def test_a_state_of_another_graph_is_refused(tmp_path: Path) -> None:
    for name, seed in (("one", 0), ("two", 1), ("same", 0)):
        write_stream_version(tmp_path / name, seed=seed)
    settings: dict[str, Any] = {
        "tasks": TASKS,
        "streams_url": "memory://",
        "streams_key": "a key of both",
    }
    with running(tmp_path / "one", **settings) as one:
        opened(one, "a")
        stepped(one, "a", VALUES[:2])
        sealed = state(one, "a")
    with running(tmp_path / "two", **settings) as two:
        response = put(two, "a", sealed)
        assert response.status_code == 412
        assert response.json()["type"] == "urn:unroll:problem:other-graph"
        assert "version 1 of lstm" in response.json()["detail"]
    with running(tmp_path / "same", **settings) as same:
        assert put(same, "a", sealed).status_code == 201
        assert stepped(same, "a", VALUES[2:3], position=2)["position"] == 3
    with running(tmp_path / "same", tasks=TASKS, streams_url="memory://") as other:
        assert put(other, "a", sealed).status_code == 422
