"""POST /caption word by word, and clients that leave in the middle."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import REGISTRY

from tests.api.captions import expected, raw, refused
from tests.api.service import Service, until
from tests.captioner import as_text, png

EVENTS = {"Accept": "text/event-stream"}


def events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    name = ""
    for line in lines:
        key, _, value = line.partition(": ")
        if key == "event":
            name = value
        elif key == "data":
            yield name, json.loads(value)


@pytest.mark.parametrize("seed", range(6))
def test_words_arrive_as_they_are_found(images: Service, seed: int) -> None:
    headers = {"Content-Type": "image/png"} | EVENTS
    with images.http.stream("POST", "/caption", content=png(seed), headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        *pieces, (name, answer) = events(response.iter_lines())
    assert name == "answer"
    assert answer == {
        "model": "caption",
        "version": "1",
        "captions": [expected(seed, beam_width=1)],
    }
    assert {name for name, _ in pieces} == {"text"}
    assert "".join(piece["text"] for _, piece in pieces) == answer["captions"][0]["text"]


def test_errors_before_the_first_word_are_answers(images: Service) -> None:
    assert refused(raw(images, b"hello", headers=EVENTS))["field"] == "image"
    late = raw(images, png(1), headers=EVENTS | {"X-Request-Timeout-Ms": "1"})
    assert refused(late, 504) == {}
    assert refused(raw(images, png(1), headers=EVENTS, model="nope"), 404) == {}


@pytest.mark.parametrize(
    ("options", "field"), [({"beam_width": 2}, "beam_width"), ({"num_captions": 2}, "num_captions")]
)
def test_events_are_for_one_caption(images: Service, options: dict[str, Any], field: str) -> None:
    found = refused(raw(images, png(1), headers=EVENTS, **options))
    assert (found["field"], found["allowed"]) == (field, "1 with text/event-stream")
    body = {"image": [as_text(png(1))] * 2}
    assert refused(images.http.post("/caption", json=body, headers=EVENTS))["field"] == "image"


def test_a_deadline_in_the_middle_is_an_event(images: Service) -> None:
    headers = EVENTS | {"Content-Type": "image/png", "X-Request-Timeout-Ms": "60"}
    path = "/caption?model=caption-long"
    for _ in range(20):  # a busy machine may need all of the time for the first word
        with images.http.stream("POST", path, content=png(1), headers=headers) as response:
            if response.status_code == 200:
                *pieces, (name, problem) = events(response.iter_lines())
                break
            assert response.status_code == 504
    assert pieces
    assert name == "error"
    assert (problem["status"], problem["type"]) == (504, "urn:unroll:problem:deadline-exceeded")


def cancelled() -> float:
    labels = {"model": "caption-long", "reason": "cancelled"}
    return REGISTRY.get_sample_value("unroll_rejections_total", labels) or 0.0


def test_a_client_that_leaves_a_stream_frees_its_rows(images: Service) -> None:
    before = cancelled()
    headers = {"Content-Type": "image/png"} | EVENTS
    path = "/caption?model=caption-long"
    with images.http.stream("POST", path, content=png(1), headers=headers) as response:
        assert next(events(response.iter_lines()))[0] == "text"
    until(lambda: cancelled() == before + 1)


def test_a_client_that_hangs_up_frees_its_rows(images: Service) -> None:
    before = cancelled()
    labels = {"model": "caption-long", "version": "1"}

    def steps() -> float:
        return REGISTRY.get_sample_value("unroll_step_rows_count", labels) or 0.0

    taken = steps()
    with images.connection() as connection:
        head = "POST /caption?model=caption-long&beam_width=10 HTTP/1.1\r\nHost: x\r\n"
        content = png(1)
        head += f"Content-Type: image/png\r\nContent-Length: {len(content)}\r\n\r\n"
        connection.sendall(head.encode() + content)
        until(lambda: steps() > taken)
    until(lambda: cancelled() == before + 1)
