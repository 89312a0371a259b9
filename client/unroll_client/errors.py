"""What can go wrong, as exceptions. Knows problem bodies (RFC 9457); sends nothing.

Every message is one line that a person can act on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_LONGEST: Final = 500
_SLUG: Final = "urn:unroll:problem:"


class UnrollError(Exception):
    """Anything that this package raises. `message` is one line."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class WrongArgument(UnrollError, ValueError):
    """An argument that cannot be one; nothing was sent because of it."""


class Unanswered(UnrollError):
    """No answer came. Whether the service has done what was asked is not known."""


class NotUnroll(UnrollError):
    """An answer came, and not as Unroll gives it."""


@dataclass(frozen=True)
class FieldError:
    """One wrong field: its path, such as `text[3]`, what is wrong, and what is allowed."""

    field: str
    message: str
    allowed: str


class Refused(UnrollError):
    """The service answered with an error.

    status: of HTTP. kind: the name of the problem, such as `wrong-position`; "" below /v2.
    detail: what happened. errors: the wrong fields, if there are any. request_id: to find the
    request in the service's log. retry_after: seconds, if the service named them. attempts:
    how often the request was sent. problem: the whole body.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        problem: Mapping[str, Any] | None = None,
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.problem: Mapping[str, Any] = problem or {}
        self.status = status
        self.kind = str(self.problem.get("type", "")).removeprefix(_SLUG)
        self.detail = str(self.problem.get("detail", message))
        self.errors = _field_errors(self.problem)
        self.request_id = str(self.problem.get("request_id", request_id))
        self.retry_after = retry_after
        self.attempts = 1

    @property
    def field(self) -> str:
        """The first wrong field, such as `series[3][17]`; "" if the problem is of no field."""
        return self.errors[0].field if self.errors else ""

    @property
    def allowed(self) -> str:
        """What that field takes."""
        return self.errors[0].allowed if self.errors else ""


class InvalidInput(Refused):
    """A field, a header or the body is wrong (400, 413, 415, 422)."""


class Unauthorized(Refused):
    """An API key is missing, not known (401), or may not do this (403)."""


class NotFound(Refused):
    """There is no such model, version, stream or path (404)."""


class Conflict(Refused):
    """What is there does not allow it (409, 412)."""


class WrongPosition(Conflict):
    """The stream has taken `position` steps, and the request said another number."""

    @property
    def position(self) -> int:
        return int(self.problem["position"])


class Busy(Refused):
    """The service has too much to do, or is not ready, for longer than was waited (429, 503)."""


class DeadlineExceeded(Refused):
    """The time ran out, here or in the service (504)."""


class Failed(Refused):
    """The service failed (5xx)."""


_KINDS: Final[Mapping[int, type[Refused]]] = {
    **dict.fromkeys((400, 413, 415, 422), InvalidInput),
    **dict.fromkeys((401, 403), Unauthorized),
    404: NotFound,
    **dict.fromkeys((409, 412), Conflict),
    **dict.fromkeys((429, 503), Busy),
    504: DeadlineExceeded,
}


def refused(
    base: str, status: int, headers: Mapping[str, str], content: bytes
) -> Refused | NotUnroll:
    """The exception that an answer with an error is."""
    try:
        body = json.loads(content)
        of_protocol = isinstance(body.get("error"), str)
        problem = {"detail": body["error"]} if of_protocol else body
        words = problem["detail"] if of_protocol else f"{problem['title']}: {problem['detail']}"
        line = f"{status} {words}"
        allowed = [each["allowed"] for each in problem.get("errors", ()) if each["allowed"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        return NotUnroll(
            f"{base} answered {status}, and not as Unroll does; is it the right address?"
        )
    if len(allowed) == 1 and allowed[0] not in line:
        line += f" (allowed: {allowed[0]})"
    after = seconds_of(headers.get("retry-after"))
    if after is not None:
        line += f" (try again in {after:g} s)"
    kind = _KINDS.get(status, Failed if status >= 500 else Refused)
    if "position" in problem and status == 409:
        kind = WrongPosition
    return kind(
        one_line(line),
        status=status,
        problem=problem,
        request_id=headers.get("x-request-id", ""),
        retry_after=after,
    )


def invalid(field: str, message: str, allowed: str) -> InvalidInput:
    """What the service would say of a value that cannot be sent at all."""
    problem = {
        "type": f"{_SLUG}invalid-input",
        "detail": f"{field}: {message}",
        "errors": [{"field": field, "message": message, "allowed": allowed}],
    }
    line = one_line(f"{field}: {message} (allowed: {allowed})")
    return InvalidInput(line, status=422, problem=problem)


def late(seconds: float) -> DeadlineExceeded:
    """The time that the caller gave is up."""
    return DeadlineExceeded(
        f"there was no answer within the {seconds:g} seconds of the deadline", status=504
    )


def seconds_of(retry_after: str | None) -> float | None:
    """The header's seconds; 1 where it is a date, None where there is no header."""
    if retry_after is None:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        return 1.0
    return seconds if 0 <= seconds < 3600 else 1.0


def one_line(text: str) -> str:
    """`text` without line ends and control characters, at most a few hundred characters."""
    plain = "".join(each if each.isprintable() else " " for each in text[: 2 * _LONGEST])
    return " ".join(plain.split())[:_LONGEST]


def _field_errors(problem: Mapping[str, Any]) -> tuple[FieldError, ...]:
    errors = problem.get("errors")
    if not isinstance(errors, list):
        return ()
    return tuple(
        FieldError(*(str(each.get(name, "")) for name in ("field", "message", "allowed")))
        for each in errors
        if isinstance(each, dict)
    )
