"""Asking a service from the commands: the errors of the client as those of the service."""

import json
import sys

import pytest

from app.errors import ConfigurationError, UnrollError
from app.remote import service
from tests.client.servers import answering, free_address


def refusal(url: str, **options: str) -> UnrollError:
    with pytest.raises(UnrollError) as caught, service(url, **options) as client:  # type: ignore[arg-type]
        client.ask("/sentiment", {"text": "x"})
    return caught.value


def test_a_wrong_address_is_wrong_usage() -> None:
    error = refusal("127.0.0.1:8000")
    assert isinstance(error, ConfigurationError)
    assert error.message.startswith("--url: expected an address such as")


def test_a_wrong_key_is_not_shown() -> None:
    error = refusal("http://127.0.0.1:1", api_key="two words")
    assert isinstance(error, ConfigurationError)
    assert error.message.startswith("UNROLL_API_KEY: ")
    assert "two words" not in error.message


def test_a_key_that_is_asked_for() -> None:
    with answering(401, json.dumps({"title": "Key", "detail": "no"}).encode()) as (url, _):
        assert refusal(url).message == "401 Key: no (here: UNROLL_API_KEY or --api-key)"


def test_nobody_answers() -> None:
    url = free_address()
    error = refusal(url)
    assert type(error) is UnrollError
    assert error.message == f"nobody answers at {url}; start a service with: unroll serve"


def test_without_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "unroll_client", None)
    error = refusal("http://127.0.0.1:1")
    assert isinstance(error, ConfigurationError)
    assert error.message.endswith("install it with: pip install ./client")
