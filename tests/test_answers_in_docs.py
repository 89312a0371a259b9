"""Answers on pages are what the shipped models give to the request above them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.main import TASKS
from tests.api.service import Service, running, until

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "docs/api.md", "docs/dialects.md")
_REQUEST = re.compile(r"curl (?:-s )?http://127\.0\.0\.1:8000(/\S+) .*?-d '(.*?)'\n", re.DOTALL)
_ANSWER = re.compile(r"```json\n(.*?)```", re.DOTALL)
_PASSING = {"id", "created_at", "..."}


def printed() -> list[tuple[str, str, str, str]]:
    """(page, path, request, answer) of each answer of a model that ships."""
    found = []
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for answer in _ANSWER.finditer(text):
            if re.search(r'"model": "(forecast|sentiment|authorship)",\s*"version"', answer[1]):
                path, request = _REQUEST.findall(text[: answer.start()])[-1]
                found.append((page, path, request, answer[1]))
    return found


def differences(said: Any, true: Any, place: str = "") -> Iterator[str]:
    """Where an answer is not what is printed: numbers to their last digit; parts may be missing."""
    if isinstance(said, dict) and isinstance(true, dict):
        for key in said:
            if key not in _PASSING:
                yield from differences(said.get(key), true.get(key), f"{place}/{key}")
    elif isinstance(said, list) and said[-1:] == ["..."] and isinstance(true, list):
        yield from differences(said[:-1], true[: len(said) - 1], place)
    elif isinstance(said, list) and isinstance(true, list) and len(said) == len(true):
        for index, (one, other) in enumerate(zip(said, true, strict=True)):
            yield from differences(one, other, f"{place}[{index}]")
    elif isinstance(said, float) and isinstance(true, float):
        step = 10.0 ** -len(str(said).partition(".")[2])
        if abs(said - true) > 0.6 * step:
            yield f"{place}: {said}, and it is {true}"
    elif said != true:
        yield f"{place}: {said}, and it is {true}"


@pytest.fixture(scope="module")
def shipped(shipped_models: Path) -> Iterator[Service]:
    with running(shipped_models, wait=False, tasks=TASKS) as service:
        until(lambda: service.http.get("/health/ready").status_code == 200, seconds=120)
        yield service


@pytest.mark.parametrize(
    ("page", "path", "request_body", "answer"), printed(), ids=lambda value: value[:20]
)
def test_the_answer_is_what_is_printed(
    shipped: Service, page: str, path: str, request_body: str, answer: str
) -> None:
    response = shipped.http.post(path, json=json.loads(request_body))
    assert response.status_code == 200, response.text
    assert list(differences(json.loads(answer), response.json())) == [], page


def test_every_page_prints_one() -> None:
    assert {page for page, *_ in printed()} == set(PAGES)
