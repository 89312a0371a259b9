"""Streams over HTTP: opened, stepped, looked at, listed, copied, ended."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest

from app.main import TASKS
from tests.api.service import Service, running
from tests.samples import sample
from tests.streams import write_stream_version

VALUES = [0.5, -1.0, 2.0, 0.25, 3.0, -0.5]


def opened(service: Service, name: str, model: str = "lstm", **body: Any) -> dict[str, Any]:
    response = service.http.put(f"/streams/{name}", json={"model": model, **body})
    assert response.status_code == 201, response.text
    answer: dict[str, Any] = response.json()
    return answer


def stepped(service: Service, name: str, values: list[Any], **body: Any) -> dict[str, Any]:
    response = service.http.post(f"/streams/{name}/steps", json={"values": values, **body})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def whole(service: Service, model: str, values: list[Any]) -> list[Any]:
    """What the same sequence is answered with by a request that has no stream."""
    data = np.array(values, np.float32).reshape(1, len(values), -1)
    tensor = {
        "name": "values",
        "datatype": "FP32",
        "shape": list(data.shape),
        "data": data.ravel().tolist(),
    }
    response = service.http.post(f"/v2/models/{model}/infer", json={"inputs": [tensor]})
    assert response.status_code == 200, response.text
    outputs = {each["name"]: each["data"] for each in response.json()["outputs"]}
    found: list[Any] = outputs["output"]
    return found


def test_a_stream_from_its_first_step_to_its_end(service: Service) -> None:
    made = opened(service, "life")
    assert (made["stream"], made["model"], made["version"]) == ("life", "lstm", "1")
    assert made["position"] == 0
    assert made["on_new_version"] == "pin"
    answer = stepped(service, "life", VALUES[:2])
    assert answer.keys() == {"stream", "model", "version", "position", "replayed", "steps"}
    assert answer["position"] == 2
    assert not answer["replayed"]
    assert [each.keys() for each in answer["steps"]] == [{"output"}] * 2
    assert service.http.get("/streams/life").json()["position"] == 2
    assert service.http.delete("/streams/life").status_code == 204
    for response in (
        service.http.get("/streams/life"),
        service.http.delete("/streams/life"),
        service.http.post("/streams/life/steps", json={"values": [1]}),
    ):
        assert response.status_code == 404
        assert response.json()["type"] == "urn:unroll:problem:stream-not-found"
    assert opened(service, "life")["position"] == 0


@pytest.mark.parametrize("model", ["lstm", "gru", "plain"])
@pytest.mark.parametrize("parts", [[1] * 6, [2, 4], [3, 1, 2], [6]])
def test_the_whole_is_its_parts(service: Service, model: str, parts: list[int]) -> None:
    values: list[Any] = [[each, -each] for each in VALUES] if model == "gru" else list(VALUES)
    name = f"parts-{model}-{'-'.join(map(str, parts))}"
    opened(service, name, model)
    found, at = [], 0
    for count in parts:
        answer = stepped(service, name, values[at : at + count], position=at)
        found += [each["output"][0] for each in answer["steps"]]
        at += count
        assert answer["position"] == at
    assert found == whole(service, model, values)


def test_steps_as_tensors(service: Service) -> None:
    opened(service, "tensors")
    tensor = {"name": "values", "datatype": "FP32", "shape": [1, 2, 1], "data": VALUES[:2]}
    response = service.http.post("/streams/tensors/steps", json={"inputs": [tensor]})
    assert response.status_code == 200, response.text
    [output] = response.json()["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("output", "FP32", [1, 2, 1])
    assert output["data"] == whole(service, "lstm", VALUES[:2])
    wanted = {"inputs": [tensor], "outputs": ["next_h", "output"]}
    outputs = service.http.post("/streams/tensors/steps", json=wanted).json()["outputs"]
    assert [each["name"] for each in outputs] == ["next_h", "output"]


def test_a_graph_without_a_time_axis_takes_a_row_a_step(service: Service) -> None:
    opened(service, "sum", "sum")
    answer = stepped(service, "sum", [[1, 2], [3, 4]])
    assert answer["steps"] == [{"output": [1, 2]}, {"output": [4, 6]}]
    assert stepped(service, "sum", [[1, 1]])["steps"] == [{"output": [5, 7]}]
    assert service.http.get("/streams/sum").json()["position"] == 3


def test_put_is_the_same_again(service: Service) -> None:
    opened(service, "again", ttl_seconds=60)
    stepped(service, "again", [1.0])
    response = service.http.put("/streams/again", json={"model": "lstm"})
    assert response.status_code == 200
    assert response.json()["position"] == 1
    assert response.json()["ttl_seconds"] == 60
    body = {"model": "lstm", "ttl_seconds": 30, "on_new_version": "refuse"}
    response = service.http.put("/streams/again", json=body)
    assert response.status_code == 200
    assert (response.json()["ttl_seconds"], response.json()["on_new_version"]) == (30, "refuse")
    response = service.http.put("/streams/again", json={"model": "gru"})
    assert response.status_code == 409
    assert response.json()["type"] == "urn:unroll:problem:stream-exists"
    assert stepped(service, "again", [1.0])["position"] == 2


def test_steps_are_taken_once(service: Service) -> None:
    opened(service, "once")
    first = stepped(service, "once", VALUES[:2], position=0)
    again = stepped(service, "once", VALUES[:2], position=0)
    assert again == first | {"replayed": True}
    second = stepped(service, "once", VALUES[2:3], position=2)
    assert second["position"] == 3
    assert stepped(service, "once", VALUES[2:3], position=2)["replayed"]
    for body in (
        {"values": VALUES[:2], "position": 0},
        {"values": VALUES[3:4], "position": 2},
        {"values": VALUES[2:4], "position": 2},
        {"values": VALUES[:1], "position": 4},
    ):
        response = service.http.post("/streams/once/steps", json=body)
        assert response.status_code == 409
        problem = response.json()
        assert problem["type"] == "urn:unroll:problem:wrong-position"
        assert problem["position"] == 3
    assert stepped(service, "once", VALUES[3:4], position=3)["position"] == 4


def test_a_fork_goes_its_own_way(service: Service) -> None:
    opened(service, "trunk")
    stepped(service, "trunk", VALUES[:3])
    response = service.http.post("/streams/trunk/fork", json={"stream": "branch"})
    assert response.status_code == 201
    assert response.json()["position"] == 3
    one = stepped(service, "branch", VALUES[3:4], position=3)
    two = stepped(service, "trunk", VALUES[3:4], position=3)
    assert one["steps"] == two["steps"]
    stepped(service, "branch", [9.0])
    assert service.http.get("/streams/trunk").json()["position"] == 4
    response = service.http.post("/streams/trunk/fork", json={"stream": "branch"})
    assert response.status_code == 409
    response = service.http.post("/streams/nothing/fork", json={"stream": "branch-2"})
    assert response.status_code == 404


def test_streams_are_listed_by_pages(service: Service) -> None:
    names = [f"list-{number}" for number in range(5)]
    for name in names:
        opened(service, name, "gru" if name.endswith("4") else "lstm")
    found: list[str] = []
    after: str | None = "list-"
    while after is not None:
        answer = service.http.get("/streams", params={"after": after, "limit": 2}).json()
        found += [each["stream"] for each in answer["streams"]]
        after = answer["next"]
    assert [name for name in found if name.startswith("list-")] == names
    listed = service.http.get("/streams", params={"model": "gru", "after": "list-"}).json()
    assert listed["streams"][0]["stream"] == "list-4"
    response = service.http.get("/streams", params={"limit": "0"})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "limit"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "inputs"),
        ({"values": [1], "inputs": []}, "inputs"),
        ({"values": []}, "values"),
        ({"values": ["a"]}, "values"),
        ({"values": [[1, 2]]}, "values"),
        ({"values": 1}, "values"),
        ({"text": "a"}, "text"),
        ({"values": [1], "position": -1}, "position"),
        ({"values": [1], "outputs": ["no"]}, "outputs[0].name"),
        ({"values": [1], "no": 1}, "no"),
        ({"inputs": [{"name": "h", "datatype": "FP32", "shape": [1, 1, 4], "data": [0] * 4}]}, ""),
        (
            {
                "inputs": [
                    {"name": "values", "datatype": "FP32", "shape": [2, 1, 1], "data": [0, 0]}
                ]
            },
            "",
        ),
    ],
)
def test_what_is_wrong_is_named_and_takes_no_step(
    service: Service, body: dict[str, Any], field: str
) -> None:
    service.http.put("/streams/wrong", json={"model": "lstm"})
    response = service.http.post("/streams/wrong/steps", json=body)
    assert response.status_code == 422, response.text
    assert field in response.json()["errors"][0]["field"]
    assert service.http.get("/streams/wrong").json()["position"] == 0


@pytest.mark.parametrize(
    ("name", "body", "status", "field"),
    [
        ("a b", {"model": "lstm"}, 422, "stream"),
        ("a" * 129, {"model": "lstm"}, 422, "stream"),
        ("new", {}, 422, "model"),
        ("new", {"model": "lstm", "ttl_seconds": 1e9}, 422, "ttl_seconds"),
        ("new", {"model": "lstm", "ttl_seconds": 0}, 422, "ttl_seconds"),
        ("new", {"model": "lstm", "on_new_version": "no"}, 422, "on_new_version"),
        ("new", {"model": "lstm", "options": {"a": 1}}, 422, "options"),
        ("new", {"model": "none"}, 404, ""),
        ("new", {"model": "lstm", "version": "2"}, 404, ""),
    ],
)
def test_what_cannot_be_opened(
    service: Service, name: str, body: dict[str, Any], status: int, field: str
) -> None:
    response = service.http.put(f"/streams/{name}", json=body)
    assert response.status_code == status, response.text
    if field:
        assert response.json()["errors"][0]["field"] == field


def test_streams_and_stateless_requests_share_batches(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """While a worker is busy steps of unequal numbers and whole sequences wait, and go together."""
    root = tmp_path_factory.mktemp("models")
    # Too large to be computed inline: it takes a worker thread.
    write_stream_version(root, hidden=512, layers=2)
    values = [VALUES * 20, VALUES[:3], VALUES * 15, VALUES[:1], VALUES * 10]
    with running(root, tasks=TASKS, streams_url="memory://", worker_threads=1) as service:
        names = [f"many-{number}" for number in range(12)]
        for name in names:
            opened(service, name)
        alone = [whole(service, "lstm", each) for each in values]
        before = sample("unroll_batch_size_count", model="lstm", version="1")
        rows = sample("unroll_batch_size_sum", model="lstm", version="1")

        def ask(place: int) -> list[float]:
            with httpx.Client(base_url=service.http.base_url, timeout=60) as http:
                sent = values[place % len(values)]
                if place % 4 == 3:
                    return whole(
                        Service(http, service.port, service.app, service.server), "lstm", sent
                    )
                path = f"/streams/{names[place]}/steps"
                answer = http.post(path, json={"values": sent}).raise_for_status().json()
                return [each["output"][0] for each in answer["steps"]]

        with ThreadPoolExecutor(len(names)) as pool:
            found = list(pool.map(ask, range(len(names))))
        for place, each in enumerate(found):
            assert each == alone[place % len(values)]
        batches = sample("unroll_batch_size_count", model="lstm", version="1") - before
        assert sample("unroll_batch_size_sum", model="lstm", version="1") - rows == len(names)
        assert batches < len(names)
