"""What the tests of POST /caption share: how to ask, and what must come. Knows the tiny graphs."""

from typing import Any

import httpx

from tests.api.service import Service
from tests.captioner import caption_task, png

TASK = caption_task()


def expected(seed: int, **options: Any) -> dict[str, Any]:
    (found,) = TASK.predict([TASK.encode(png(seed), **options)])
    return found.to_json()


def raw(
    service: Service,
    content: bytes,
    kind: str = "image/png",
    headers: dict[str, str] | None = None,
    **options: Any,
) -> httpx.Response:
    sent = {"Content-Type": kind} | (headers or {})
    return service.http.post("/caption", content=content, headers=sent, params=options)


def refused(response: httpx.Response, status: int = 422) -> dict[str, str]:
    """The one wrong field of a problem."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    errors: list[dict[str, str]] = response.json().get("errors") or [{}]
    return errors[0]
