"""Asking a service that runs, or does not, or is something else: always one clear line."""

import json

import pytest

from tests.client.servers import answering, free_address, silent
from unroll_client import Client, UnrollError, WrongArgument
from unroll_client.errors import one_line

PROBLEM = {"type": "urn:unroll:problem:x", "title": "Invalid input", "status": 422, "detail": "no"}


def refusal(url: str, timeout: float = 60.0) -> str:
    with (
        Client(url, timeout=timeout, retry_seconds=0.2) as client,
        pytest.raises(UnrollError) as caught,
    ):
        client.ask("/sentiment", {"text": "x"})
    assert "\n" not in caught.value.message
    return caught.value.message


def test_an_answer() -> None:
    with (
        answering(200, b'{"a": 1}') as (url, received),
        Client(url + "/", api_key="secret") as client,
    ):
        assert client.ask("/sentiment", {"text": "\u6f22"}) == {"a": 1}
    assert [json.loads(received[0]), received[1]] == [{"text": "\u6f22"}, b"Bearer secret"]


def test_nobody_answers() -> None:
    url = free_address()
    assert refusal(url) == f"nobody answers at {url}; start a service with: unroll serve"


def test_an_unknown_host() -> None:
    assert "http://host.invalid cannot be reached: " in refusal("http://host.invalid")


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\x00\xff\n"])
def test_something_else_listens(greeting: bytes) -> None:
    with silent(greeting) as url:
        assert refusal(url, timeout=0.5).startswith(f"{url} ")


def test_it_takes_too_long() -> None:
    with silent(b"") as url:
        assert refusal(url, timeout=0.05) == f"{url} did not answer within 0.05 seconds"


@pytest.mark.parametrize("content", [b"<html>", b"[1]", b"", b"\xff\xfe", b'"x"'])
@pytest.mark.parametrize("status", [200, 404, 502])
def test_another_service_answers(status: int, content: bytes) -> None:
    with answering(status, content) as (url, _):
        message = refusal(url)
    assert message.startswith(url)
    assert message.endswith("as Unroll does; is it the right address?")


def test_a_redirect_is_not_followed() -> None:
    with (
        answering(200, b"{}") as (other, received),
        answering(307, b"", Location=other + "/sentiment") as (url, _),
    ):
        assert "answered 307" in refusal(url)
    assert received == []


@pytest.mark.parametrize(
    ("status", "problem", "headers", "message"),
    [
        (422, {}, {}, "422 Invalid input: no"),
        (
            422,
            {"errors": [{"field": "text", "message": "no", "allowed": "a text"}]},
            {},
            "422 Invalid input: no (allowed: a text)",
        ),
        (401, {"title": "Key"}, {}, "401 Key: no"),
        (429, {"title": "Full"}, {"Retry_After": "3"}, "429 Full: no (try again in 3 s)"),
        (500, {"detail": "a\n\x1b[31mb"}, {}, "500 Invalid input: a [31mb"),
    ],
)
def test_a_problem_is_one_line(
    status: int, problem: dict[str, object], headers: dict[str, str], message: str
) -> None:
    with answering(status, json.dumps(PROBLEM | problem).encode(), **headers) as (url, _):
        assert refusal(url) == message


@pytest.mark.parametrize(
    "url",
    [
        *("", "127.0.0.1:8000", "localhost", "ftp://host", "file:///etc/passwd", "http://"),
        *("http://host:port", "http://[::1", "http://host:0", "http://a b", "http://h\u00f6st"),
        *("http://host\r\nX: y", "http://host:99999"),
    ],
)
def test_a_wrong_address(url: str) -> None:
    with pytest.raises(WrongArgument, match="url: expected an address such as"):
        Client(url)


def test_one_line() -> None:
    assert one_line(" a\r\n\tb\x00\u202ec\x9b ") == "a b c"
    assert len(one_line("x" * 10_000)) == 500
