"""Streams of a language model over HTTP: read, written, sent twice, copied, moved, sealed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.main import TASKS
from tests.api.service import Service, running
from tests.streams import write_stream_version
from tests.writer import write_writer


@pytest.fixture(name="service", scope="module")
def writing_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root = tmp_path_factory.mktemp("writers")
    write_writer(root)
    write_stream_version(root)
    with running(root, tasks=TASKS, streams_dir=root.parent / "texts") as one:
        yield one


def opened(service: Service, name: str, **body: Any) -> dict[str, Any]:
    response = service.http.put(f"/streams/{name}", json={"model": "generate", **body})
    assert response.status_code == 201, response.text
    answer: dict[str, Any] = response.json()
    return answer


def stepped(service: Service, name: str, **body: Any) -> dict[str, Any]:
    response = service.http.post(f"/streams/{name}/steps", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def written(service: Service, prompt: str, length: int, **options: Any) -> str:
    body = {"prompt": prompt, "max_length": length, **options}
    text: str = service.http.post("/generate", json=body).json()["samples"][0]["text"]
    return text


def error_of(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 422, response.text
    (error,) = response.json()["errors"]
    assert isinstance(error, dict)
    return error


def test_it_goes_on_from_where_it_was(service: Service) -> None:
    assert opened(service, "story")["position"] == 0
    read = stepped(service, "story", position=0, text="abc")
    assert (read["position"], read["sample"]["text"]) == (3, "")
    first = stepped(service, "story", position=3, max_length=10, seed=5)
    assert first.keys() == {"stream", "model", "version", "position", "replayed", "sample"}
    assert first["position"] == 13
    second = stepped(service, "story", position=13, max_length=20)
    assert first["sample"]["text"] + second["sample"]["text"] == written(service, "abc", 30, seed=5)
    assert second["sample"] == {
        "text": second["sample"]["text"],
        "finish": "length",
        "seed": 5,
    }
    assert service.http.get("/streams/story").json()["position"] == 33


def test_what_is_sent_twice_is_written_once(service: Service) -> None:
    opened(service, "twice")
    asked = {"position": 0, "text": "abc", "max_length": 10, "temperature": 0.9}
    answer = stepped(service, "twice", **asked)
    assert stepped(service, "twice", **asked) == answer | {"replayed": True}
    for other in (asked | {"temperature": 0.8}, {"position": 5, "max_length": 1}):
        response = service.http.post("/streams/twice/steps", json=other)
        assert response.status_code == 409
        assert response.json()["position"] == 13


def test_a_fork_is_another_future(service: Service) -> None:
    opened(service, "past")
    stepped(service, "past", text="abc", max_length=20, seed=1)
    for name in ("future", "other-future"):
        response = service.http.post("/streams/past/fork", json={"stream": name})
        assert response.status_code == 201
    texts = [
        stepped(service, name, position=23, max_length=40, seed=seed)["sample"]["text"]
        for name, seed in (("past", 2), ("future", 2), ("other-future", 3))
    ]
    assert texts[0] == texts[1] != texts[2]


def test_a_stop(service: Service) -> None:
    opened(service, "stops")
    whole = written(service, "abc", 30, seed=7)
    stop = whole[9:11]
    answer = stepped(service, "stops", text="abc", max_length=30, seed=7, stop=stop)
    place = whole.index(stop)
    assert answer["position"] == 3 + place
    assert answer["sample"]["text"] == whole[:place]
    assert answer["sample"]["finish"] == "stop"
    assert stepped(service, "stops", text=stop, log_probabilities=True)["position"] == 5 + place


def test_a_state_goes_out_and_comes_back(service: Service) -> None:
    opened(service, "out")
    stepped(service, "out", text="abc", max_length=5, seed=3)
    sealed = service.http.get("/streams/out/state").content
    headers = {"Content-Type": "application/octet-stream"}
    response = service.http.put("/streams/back/state", content=sealed, headers=headers)
    assert response.status_code == 201
    assert response.json()["position"] == 8
    texts = [stepped(service, name, max_length=20)["sample"]["text"] for name in ("out", "back")]
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "inputs"),
        ({"text": "abc", "values": [1]}, "inputs"),
        ({"temperature": 1.0}, "inputs"),
        ({"values": [1], "temperature": 1.0}, "temperature"),
        ({"values": [1]}, "inputs"),
        ({"text": "abX"}, "text"),
        ({"text": ""}, "max_length"),
        ({"max_length": 100_000}, "max_length"),
        ({"max_length": 1, "temperature": -1}, "temperature"),
        ({"max_length": 1, "top_k": 10_000}, "top_k"),
        ({"max_length": 1, "stop": [1]}, "stop[0]"),
        ({"max_length": 1, "outputs": ["x"]}, "outputs"),
        ({"max_length": 1, "num_samples": 2}, "num_samples"),
    ],
)
def test_what_is_wrong_is_named_and_takes_no_step(
    service: Service, body: dict[str, Any], field: str
) -> None:
    service.http.put("/streams/wrong", json={"model": "generate"})
    assert error_of(service.http.post("/streams/wrong/steps", json=body))["field"] == field
    assert service.http.get("/streams/wrong").json()["position"] == 0


def test_a_graph_takes_no_text(service: Service) -> None:
    service.http.put("/streams/numbers", json={"model": "lstm"})
    for body in ({"text": "abc"}, {"max_length": 3}):
        error = error_of(service.http.post("/streams/numbers/steps", json=body))
        assert error["field"] == "text"


def test_it_outlives_the_process_and_moves_to_a_new_version(tmp_path: Path) -> None:
    root = tmp_path / "models"
    write_writer(root)
    settings: dict[str, Any] = {"watch_seconds": 0, "streams_dir": tmp_path / "streams"}
    with running(root, tasks=TASKS, **settings) as service:
        opened(service, "pinned")
        opened(service, "moves", on_new_version="replay")
        opened(service, "waits", on_new_version="refuse")
        for name in ("pinned", "moves", "waits"):
            first = stepped(service, name, text="abc", max_length=10, seed=5)["sample"]["text"]
        known = written(service, "abc", 30, seed=5)
    write_writer(root, version="2", seed=1)
    with running(root, tasks=TASKS, **settings) as service:
        answer = stepped(service, "pinned", position=13, max_length=20)
        assert answer["version"] == "1"
        assert first + answer["sample"]["text"] == known
        answer = stepped(service, "moves", position=13, max_length=20, seed=6)
        assert answer["version"] == "2"
        assert answer["moved"] == {"from": "1", "steps": 13, "complete": True, "difference": None}
        # As if the new version had read all of it.
        assert answer["sample"]["text"] == written(service, "abc" + first, 20, seed=6)
        response = service.http.post("/streams/waits/steps", json={"max_length": 1})
        assert response.status_code == 409
