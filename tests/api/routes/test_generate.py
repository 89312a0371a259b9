"""POST /generate: answers, events, problems, clients that leave."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY

from app.tasks.generate.task import GenerateTask
from tests.api.captions import refused
from tests.api.routes.test_caption_events import events
from tests.api.service import Service, running, until
from tests.writer import generate_task, write_writer

TASK = generate_task()
EVENTS = {"Accept": "text/event-stream"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root = tmp_path_factory.mktemp("writers")
    write_writer(root)
    write_writer(root, "generate-long", max_length=100_000)
    with running(root, tasks={"generate": GenerateTask}, max_text_characters=5_000) as one:
        yield one


def ask(service: Service, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
    sent = {"prompt": "ab", "max_length": 10} | body
    return service.http.post("/generate", json=sent, headers=headers)


def expected(**options: Any) -> Any:
    request: dict[str, Any] = {"prompt": "ab", "max_length": 10} | options
    (found,) = TASK.predict([TASK.encode(**request)])
    return found.to_json()["samples"]


@pytest.mark.parametrize(
    "options",
    [
        {"seed": 1},
        {"seed": 2, "num_samples": 3, "temperature": 0.7, "top_k": 4, "top_p": 0.9},
        {"seed": 3, "stop": "a", "log_probabilities": True},
        {"seed": 3, "stop": ["a", "bd"], "max_length": 40},
        {"seed": 0, "prompt": "abc " * 50, "max_length": 0, "log_probabilities": True},
        {"seed": 0, "prompt": ""},
    ],
)
def test_the_answer_is_that_of_the_task(service: Service, options: dict[str, Any]) -> None:
    response = ask(service, **options)
    assert response.status_code == 200, response.text
    assert response.json() == {
        "model": "generate",
        "version": "1",
        "samples": expected(**options),
    }


def test_a_seed_is_drawn_and_told(service: Service) -> None:
    first, second = (ask(service).json()["samples"][0] for _ in range(2))
    assert first["seed"] != second["seed"]
    assert ask(service, seed=first["seed"]).json()["samples"] == [first]


def test_who_else_is_served_changes_nothing(service: Service) -> None:
    wanted = [expected(seed=seed, max_length=60, num_samples=2) for seed in range(6)]
    found: dict[int, Any] = {}

    def one(seed: int) -> None:
        answer = ask(service, seed=seed, max_length=60, num_samples=2)
        found[seed] = answer.json()["samples"]

    threads = [threading.Thread(target=one, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[seed] for seed in range(6)] == wanted


@pytest.mark.parametrize("options", [{}, {"stop": ["a", "cb"]}, {"log_probabilities": True}])
def test_a_text_comes_as_it_is_written(service: Service, options: dict[str, Any]) -> None:
    body = {"prompt": "cab", "max_length": 50, "seed": 5} | options
    with service.http.stream("POST", "/generate", json=body, headers=EVENTS) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        *pieces, (name, answer) = events(response.iter_lines())
    assert name == "answer"
    assert answer["samples"] == expected(**body)
    assert "".join(each["text"] for _, each in pieces) == answer["samples"][0]["text"]
    assert {name for name, _ in pieces} <= {"text"}


def test_scores_alone_are_one_event(service: Service) -> None:
    body = {"prompt": "cab", "max_length": 0, "log_probabilities": True, "seed": 1}
    with service.http.stream("POST", "/generate", json=body, headers=EVENTS) as response:
        [(name, answer)] = events(response.iter_lines())
    assert (name, answer["samples"]) == ("answer", expected(**body))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"prompt": "abx"}, "prompt"),
        ({"prompt": 7}, "prompt"),
        ({"prompt": "a" * 5001}, "prompt"),
        ({"prompt": ["ab"]}, "prompt"),
        ({"max_length": 401}, "max_length"),
        ({"max_length": 0}, "max_length"),
        ({"max_length": "7"}, "max_length"),
        ({"temperature": 11}, "temperature"),
        ({"top_k": 0}, "top_k"),
        ({"top_k": 100}, "top_k"),
        ({"top_p": 0}, "top_p"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**53}, "seed"),
        ({"stop": 3}, "stop"),
        ({"stop": ["a", 3]}, "stop[1]"),
        ({"stop": ["a", ""]}, "stop[1]"),
        ({"num_samples": 17}, "num_samples"),
        ({"log_probabilities": 1}, "log_probabilities"),
        ({"beam_width": 2}, "beam_width"),
    ],
)
def test_wrong_fields_are_named(service: Service, body: dict[str, Any], field: str) -> None:
    found = refused(ask(service, **body))
    assert found["field"] == field
    assert found["allowed"]


def test_unknown_characters_are_said(service: Service) -> None:
    found = refused(ask(service, prompt="abéc"))
    assert found["message"] == "the model does not know 'é'; the first one is at character 2"


def test_a_text_of_events_is_one(service: Service) -> None:
    found = refused(ask(service, EVENTS, num_samples=2))
    assert (found["field"], found["allowed"]) == ("num_samples", "1 with text/event-stream")


def test_other_models_are_not_asked(service: Service) -> None:
    assert ask(service, model="nope").status_code == 404
    assert ask(service, version="2").status_code == 404


def cancelled() -> float:
    labels = {"model": "generate-long", "reason": "cancelled"}
    return REGISTRY.get_sample_value("unroll_rejections_total", labels) or 0.0


def test_a_client_that_leaves_frees_its_rows(service: Service) -> None:
    before = cancelled()
    body = {"prompt": "a", "max_length": 100_000, "model": "generate-long"}
    with service.http.stream("POST", "/generate", json=body, headers=EVENTS) as response:
        assert next(events(response.iter_lines()))[0] == "text"
    until(lambda: cancelled() == before + 1)


def test_a_deadline_ends_a_text(service: Service) -> None:
    body = {"prompt": "a", "max_length": 100_000, "model": "generate-long"}
    response = ask(service, {"X-Request-Timeout-Ms": "300"}, **body)
    assert response.status_code == 504
    assert json.loads(response.content)["type"] == "urn:unroll:problem:deadline-exceeded"
