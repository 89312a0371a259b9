"""POST /translate: answers, events, problems, clients that leave."""

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY

from app.tasks.translate.task import TranslateTask
from tests.api.captions import refused
from tests.api.routes.test_caption_events import events
from tests.api.service import Service, running, until
from tests.translator import TEXTS, translate_task, write_translator

TASK = translate_task()
EVENTS = {"Accept": "text/event-stream"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root = tmp_path_factory.mktemp("translators")
    write_translator(root)
    write_translator(root, "translate-long", max_length=1000)
    tasks = {"translate": TranslateTask}
    with running(root, tasks=tasks, max_texts=5, max_text_characters=3_000) as one:
        yield one


def ask(service: Service, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
    sent = {"text": "A man walks.", "target": "de"} | body
    return service.http.post("/translate", json=sent, headers=headers)


def expected(text: str = "A man walks.", target: str = "de", **options: Any) -> Any:
    (found,) = TASK.predict([TASK.encode(text, target, **options)])
    return found.to_json()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"target": "fr", "source": "en", "beam_width": 4, "num_translations": 3},
        {"attention": True, "max_length": 7, "length_penalty": 0.5, "no_repeat_ngram": 0},
        {"text": "Two dogs run. A cat sleeps.\nłódź"},
    ],
)
def test_the_answer_is_that_of_the_task(service: Service, options: dict[str, Any]) -> None:
    response = ask(service, **options)
    assert response.status_code == 200, response.text
    assert response.json() == {
        "model": "translate",
        "version": "1",
        "translations": [expected(**options)],
    }


def test_a_list_is_answered_in_its_order(service: Service) -> None:
    answers = ask(service, text=list(TEXTS)).json()["translations"]
    assert answers == [expected(text) for text in TEXTS]


def test_who_else_is_served_changes_nothing(service: Service) -> None:
    found: dict[str, Any] = {}

    def one(text: str) -> None:
        found[text] = ask(service, text=text, num_translations=2).json()["translations"]

    threads = [threading.Thread(target=one, args=(text,)) for text in TEXTS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {text: [expected(text, num_translations=2)] for text in TEXTS}


@pytest.mark.parametrize("text", ["A man walks.", "Two dogs. A cat!\nThe green park."])
def test_words_arrive_as_they_are_found(service: Service, text: str) -> None:
    body = {"text": text, "target": "fr"}
    with service.http.stream("POST", "/translate", json=body, headers=EVENTS) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        *pieces, (name, answer) = events(response.iter_lines())
    assert name == "answer"
    assert answer["translations"] == [expected(text, "fr", beam_width=1)]
    assert "".join(each["text"] for _, each in pieces) == answer["translations"][0]["text"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": ""}, "text"),
        ({"text": ["A man.", " "]}, "text[1]"),
        ({"text": []}, "text"),
        ({"text": ["A"] * 6}, "text"),
        ({"text": "A " * 2000}, "text"),
        ({"text": 3}, "text"),
        ({"target": "es"}, "target"),
        ({"target": None}, "target"),
        ({"source": "fr"}, "source"),
        ({"beam_width": 11}, "beam_width"),
        ({"num_translations": 6}, "num_translations"),
        ({"max_length": 21}, "max_length"),
        ({"length_penalty": -1}, "length_penalty"),
        ({"no_repeat_ngram": 11}, "no_repeat_ngram"),
        ({"attention": "yes"}, "attention"),
        ({"languages": 1}, "languages"),
    ],
)
def test_wrong_fields_are_named(service: Service, body: dict[str, Any], field: str) -> None:
    found = refused(ask(service, **body))
    assert found["field"] == field
    assert found["allowed"]


def test_a_pair_that_there_is_not_is_refused_with_those_that_there_are(service: Service) -> None:
    found = refused(ask(service, target="es"))
    assert found["message"].endswith("it knows en to de, en to fr")
    assert found["allowed"] == "one of de, fr"


def test_events_are_for_one_translation(service: Service) -> None:
    for body in ({"beam_width": 2}, {"num_translations": 2}):
        found = refused(ask(service, EVENTS, **body))
        assert (found["field"], found["allowed"]) == (*body, "1 with text/event-stream")
    assert refused(ask(service, EVENTS, text=["A man.", "A dog."]))["field"] == "text"


def cancelled() -> float:
    labels = {"model": "translate-long", "reason": "cancelled"}
    return REGISTRY.get_sample_value("unroll_rejections_total", labels) or 0.0


def test_a_client_that_leaves_frees_its_rows(service: Service) -> None:
    before = cancelled()
    body: dict[str, Any] = {"text": "A man. " * 199, "target": "de", "model": "translate-long"}
    body |= {"max_length": 1000, "no_repeat_ngram": 0}
    with service.http.stream("POST", "/translate", json=body, headers=EVENTS) as response:
        assert next(events(response.iter_lines()))[0] == "text"
    until(lambda: cancelled() == before + 1)
