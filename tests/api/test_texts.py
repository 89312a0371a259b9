"""What both routes of texts share, over a real socket: places, limits, time, any unicode."""

import json
import re
import time
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app.api.routes import authorship, classify, sentiment
from app.api.texts import TextRequest, check_texts
from app.errors import InvalidInput
from app.settings import Settings
from tests.api.authors import WordTask
from tests.api.routes.test_forecast import error_of
from tests.api.service import Service, until
from tests.api.test_errors import check

GOOD = "a good film"


@dataclass(frozen=True)
class Route:
    """A route of texts and what only it has."""

    path: str
    option: str
    request: type[TextRequest]
    model: str

    def post(self, service: Service, **body: Any) -> httpx.Response:
        return service.http.post(self.path, json=body)


ROUTES = (
    Route("/sentiment", "explain", sentiment.SentimentRequest, "sentiment"),
    Route("/classify", "explain", classify.ClassifyRequest, "classifier"),
    Route("/authorship", "evidence", authorship.AuthorshipRequest, "authorship"),
)
every = pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.model)


@every
def test_one_text_or_a_list(texts: Service, route: Route) -> None:
    one = route.post(texts, text=GOOD)
    assert one.status_code == 200, one.text
    assert one.headers["content-type"] == "application/json"
    answer = one.json()
    assert (answer["model"], answer["version"]) == (route.model, "1")
    assert len(answer["predictions"]) == 1
    assert route.post(texts, text=[GOOD]).json() == answer
    assert "queue" in one.headers["server-timing"]


@every
def test_a_list_is_answered_in_order_whatever_its_company(texts: Service, route: Route) -> None:
    many = [f"upon {'bad ' * (i % 5)}{'good ' * (i % 3)}whilst" for i in range(50)]
    together = route.post(texts, text=many).json()["predictions"]
    alone = [route.post(texts, text=each).json()["predictions"][0] for each in many[:20]]
    for one, other in zip(together, alone, strict=False):
        assert one["probabilities"] == pytest.approx(other["probabilities"], rel=1e-5)
        assert {key: value for key, value in one.items() if isinstance(value, int | str)} == {
            key: value for key, value in other.items() if isinstance(value, int | str)
        }


@every
def test_another_model_of_the_same_task(texts: Service, route: Route) -> None:
    others = {
        "sentiment": "sentiment-other",
        "classifier": "sentiment-other",
        "authorship": "authorship-slow",
    }
    answer = route.post(texts, text=GOOD, model=others[route.model], version="1").json()
    assert answer["model"] == others[route.model]
    check(route.post(texts, text=GOOD, version="9"), 404, "model-not-found")
    refused = route.post(texts, text=GOOD, model="forecast")
    check(refused, 404, "model-not-found")
    assert f"there is no {route.path[1:]} model 'forecast'" in refused.json()["detail"]


@every
@pytest.mark.parametrize(
    ("text", "field", "message"),
    [
        (None, "text", "a text, or a list of texts, got null"),
        (7, "text", "got 7"),
        (True, "text", "got true"),
        (1.5, "text", "got 1.5"),
        ({"a": "b"}, "text", "got an object"),
        ([], "text", "the list is empty"),
        ([GOOD, None], "text[1]", "expected a text, got null"),
        ([GOOD, GOOD, GOOD, 7], "text[3]", "expected a text, got 7"),
        ([[GOOD]], "text[0]", "got a list"),
        ([[[[]]]], "text[0]", "got a list"),
        ([GOOD, {"text": GOOD}], "text[1]", "got an object"),
        ("", "text", ""),
        ([GOOD, ""], "text[1]", ""),
        ([GOOD] * 51, "text", "51 texts are too many"),
        ("x" * 20_001, "text", "20001 characters are too many"),
        (["x" * 10_000] * 3, "text", "30000 characters are too many"),
    ],
)
def test_refused_with_the_place(
    texts: Service, route: Route, text: Any, field: str, message: str
) -> None:
    response = route.post(texts, text=text)
    check(response, 422, "invalid-input")
    error = error_of(response)
    assert error["field"] == field
    assert message in error["message"]
    assert error["allowed"]
    assert len(response.text) < 1000


@every
def test_other_fields_are_refused_in_words(texts: Service, route: Route) -> None:
    for body, field, allowed in (
        ({"text": GOOD, "texts": GOOD}, "texts", "one of text, "),
        ({"text": GOOD, route.option: "yes"}, route.option, "true or false"),
        ({"text": GOOD, route.option: 1}, route.option, "true or false"),
        ({"text": GOOD, "model": None}, "model", "the name of a model"),
        ({"text": GOOD, "version": 1}, "version", "a version as text"),
        ({}, "text", "at most 50 of them and 20000 characters"),
        ([GOOD], "", "a JSON object with the fields text, "),
    ):
        response = texts.http.post(route.path, json=body)
        check(response, 422, "invalid-input")
        assert error_of(response)["field"] == field
        assert allowed in error_of(response)["allowed"]
        assert "boolean" not in response.text


def test_every_field_says_what_is_allowed() -> None:
    known = sentiment.allowed_fields(Settings())
    assert known.keys() == sentiment.SentimentRequest.model_fields.keys()
    known = authorship.allowed_fields(Settings())
    assert known.keys() == authorship.AuthorshipRequest.model_fields.keys()


# In JSON, so that what a client may escape is escaped.
ANY_TEXT = st.text(st.characters() | st.characters(categories=["Cs", "Cc", "Co", "Cn"]))


@every
@given(text=ANY_TEXT | st.lists(ANY_TEXT, max_size=5), escaped=st.booleans())
@example(text="\ud83d\ude00", escaped=True)
@example(text="\x00\x1b[31m\u202e\ufeff", escaped=False)
@example(text=["\ufdfa" * 500, "a\u0301" * 500, "\U000e0001"], escaped=False)
def test_any_unicode_is_answered_or_refused(
    texts: Service, route: Route, text: str | list[str], escaped: bool
) -> None:
    content = json.dumps({"text": text, route.option: True}, ensure_ascii=escaped)
    response = texts.http.post(
        route.path,
        content=content.encode("utf-8", "surrogatepass"),
        headers={"Content-Type": "application/json"},
    )
    received = json.loads(content)["text"]  # where escaped halves that meet are one character
    received = [received] if isinstance(received, str) else received
    if re.search("[\ud800-\udfff]", "\n".join(received)):
        check(response, 400, "malformed-request")  # half a character, which no encoding has
    elif response.status_code == 200:
        assert len(response.json()["predictions"]) == len(received)
    else:
        check(response, 422, "invalid-input")
        assert error_of(response)["field"].startswith("text")


@every
@pytest.mark.parametrize(
    "body", [b'{"text": "\xff"}', b'{"text": "\xed\xa0\x80"}', b'{"text": "\xc3', b"\xef\xbb\xbf{}"]
)
def test_bodies_that_are_not_utf_8(texts: Service, route: Route, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    check(texts.http.post(route.path, content=body, headers=headers), 400, "malformed-request")


def slow_task(service: Service) -> WordTask:
    task = service.app.services.repository.get("authorship-slow").task
    assert isinstance(task, WordTask)
    return task


@pytest.mark.parametrize("count", [4, 20], ids=["inline", "in a thread"])
def test_the_deadline_holds_while_texts_are_read(texts: Service, count: int) -> None:
    before = slow_task(texts).encoded
    response = texts.http.post(
        "/authorship",
        json={"text": [GOOD] * count, "model": "authorship-slow"},
        headers={"X-Request-Timeout-Ms": "75"},
    )
    check(response, 504, "deadline-exceeded")
    time.sleep(0.15)
    assert slow_task(texts).encoded - before < 4


def test_reading_ends_when_the_client_leaves(texts: Service) -> None:
    before = slow_task(texts).encoded
    body = json.dumps({"text": [GOOD] * 40, "model": "authorship-slow"}).encode()
    with texts.connection() as connection:
        connection.sendall(
            b"POST /authorship HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
            b"X-Request-ID: text-leaver\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        until(lambda: slow_task(texts).encoded > before)
    until(lambda: texts.app.services.lifecycle.in_flight == 0, seconds=1.5)
    assert [line["status"] for line in texts.lines("text-leaver")] == [499]
    assert slow_task(texts).encoded - before < 40


@every
def test_the_spans_of_a_request(texts: Service, route: Route, spans: InMemorySpanExporter) -> None:
    assert route.post(texts, text=[GOOD, "bad " * 500]).status_code == 200
    until(lambda: len(spans.get_finished_spans()) >= 5)
    finished = spans.get_finished_spans()
    names = {each.name for each in finished}
    assert {f"POST {route.path}", "parse", "encode", "queue", "batch"} <= names
    assert GOOD not in "".join(each.to_json() for each in finished)


@every
def test_a_log_line_tells_the_model_and_no_text(texts: Service, route: Route) -> None:
    response = route.post(texts, text=[GOOD, GOOD])
    (line,) = texts.lines(response.headers["x-request-id"])
    assert (line["model"], line["inputs"], line["status"]) == (route.model, 2, 200)
    assert GOOD not in json.dumps(line)


@every
def test_the_examples_of_the_page_work(texts: Service, route: Route) -> None:
    schema = texts.http.get("/openapi.json").json()
    content = schema["paths"][route.path]["post"]["requestBody"]["content"]["application/json"]
    for each in content["examples"].values():
        assert texts.http.post(route.path, json=each["value"]).status_code == 200
    name = content["schema"]["$ref"].rpartition("/")[2]
    fields = schema["components"]["schemas"][name]["properties"]
    assert all(field["description"] for field in fields.values())


@pytest.mark.parametrize(
    ("value", "expected"), [(GOOD, ([GOOD], False)), ([GOOD], ([GOOD], True)), ("", ([""], False))]
)
def test_texts_pass_as_they_are(value: Any, expected: tuple[list[str], bool]) -> None:
    assert check_texts(value, max_texts=1, max_characters=11) == expected


@pytest.mark.parametrize("value", [GOOD + "!", [GOOD, ""]])
def test_limits_are_the_most_that_is_taken(value: Any) -> None:
    with pytest.raises(InvalidInput, match="too many"):
        check_texts(value, max_texts=1, max_characters=11)
