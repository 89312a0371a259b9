"""Asks a running service over HTTP. Knows problem bodies and API keys; not what is asked.

Whatever goes wrong is one line that a person can act on. Redirects are not followed: they would
carry the API key, and the text, to somewhere else.
"""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from app.errors import ConfigurationError, UnrollError
from app.settings import KEY_RULE, is_key

KEY_VARIABLE: Final = "UNROLL_API_KEY"
_MAX_LINE: Final = 500


class Refusal(UnrollError):
    """The service answered with an error; `status` is that of HTTP."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Unanswered(UnrollError):
    """No answer came. Whether the service has done what was asked is not known."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER: Final = urllib.request.build_opener(_NoRedirects)


def ask(
    url: str,
    path: str,
    body: Mapping[str, Any] | None = None,
    *,
    api_key: str | None = None,
    timeout: float = 60.0,
    attempts: int = 1,
    method: str | None = None,
) -> dict[str, Any]:
    """The JSON object that the service at `url` answers to POST `path`, to GET without a body.

    `method` is used in their place.

    A service that is busy (429) is asked again after the time it names, `attempts` times in all.
    `timeout` is in seconds, for each attempt.

    Raises:
        ConfigurationError: an address or a key that cannot be one.
        Unanswered: nobody answers, or not in time.
        Refusal: the service refuses.
        UnrollError: it is not Unroll that answers.
    """
    base = _checked(url)
    headers = {"Content-Type": "application/json"}
    if api_key:
        if not is_key(api_key):
            raise ConfigurationError(f"{KEY_VARIABLE}: a key {KEY_RULE}")
        headers["Authorization"] = f"Bearer {api_key}"
    data = None if body is None else json.dumps(body).encode("ascii")
    request = urllib.request.Request(base + path, data, headers, method=method)
    for left in reversed(range(attempts)):
        try:
            return _answer(base, request, timeout)
        except urllib.error.HTTPError as error:
            with error:
                if error.code != http.HTTPStatus.TOO_MANY_REQUESTS or not left:
                    raise Refusal(_refusal(base, error), error.code) from None
            time.sleep(_seconds(error.headers.get("Retry-After")))
    raise AssertionError("unreachable: the last attempt returns or raises")


def _answer(base: str, request: urllib.request.Request, timeout: float) -> dict[str, Any]:
    try:
        with _OPENER.open(request, timeout=timeout) as response:
            answer = json.loads(response.read())
    except urllib.error.HTTPError:
        raise
    except TimeoutError:
        raise Unanswered(f"{base} did not answer within {timeout:g} seconds") from None
    except (OSError, http.client.HTTPException) as error:
        raise Unanswered(_unreachable(base, error, timeout)) from None
    except ValueError:
        raise _stranger(base) from None
    if not isinstance(answer, dict):
        raise _stranger(base)
    return answer


def _seconds(retry_after: str | None) -> float:
    """The header's seconds; 1 where it is missing or a date."""
    try:
        return max(0.0, float(retry_after or "1"))
    except ValueError:
        return 1.0


def one_line(text: str) -> str:
    """`text` without line ends and control characters, at most a few hundred characters."""
    plain = "".join(each if each.isprintable() else " " for each in text[: 2 * _MAX_LINE])
    return " ".join(plain.split())[:_MAX_LINE]


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        well_formed = parts.scheme in {"http", "https"} and bool(parts.hostname)
        well_formed = well_formed and (parts.port is None or parts.port > 0)
    except ValueError:
        well_formed = False
    if not well_formed or not url.isascii() or not url.isprintable() or " " in url:
        raise ConfigurationError(
            f"--url: expected an address such as http://127.0.0.1:8000 (got '{one_line(url)}')"
        )
    return url.rstrip("/")


def _unreachable(base: str, error: OSError | http.client.HTTPException, timeout: float) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return f"{base} did not answer within {timeout:g} seconds"
    if isinstance(reason, ConnectionRefusedError):
        return f"nobody answers at {base}; start a service with: unroll serve"
    if isinstance(reason, http.client.HTTPException):
        return f"{base} does not answer as Unroll does; is it the right address?"
    words = reason.strerror if isinstance(reason, OSError) and reason.strerror else str(reason)
    return f"{base} cannot be reached: {one_line(words)}"


def _refusal(base: str, error: urllib.error.HTTPError) -> str:
    """What a problem body says, in one line."""
    try:
        problem = json.loads(error.read())
        line = f"{problem['title']}: {problem['detail']}"
        allowed = [each["allowed"] for each in problem.get("errors", ()) if each["allowed"]]
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        return f"{base} answered {error.code}, and not as Unroll does; is it the right address?"
    if len(allowed) == 1:
        line += f" (allowed: {allowed[0]})"
    if error.code == 401:
        line += f" (here: {KEY_VARIABLE} or --api-key)"
    if error.headers.get("Retry-After"):
        line += f" (try again in {error.headers['Retry-After']} s)"
    return one_line(f"{error.code} {line}")


def _stranger(base: str) -> UnrollError:
    return UnrollError(f"{base} does not answer as Unroll does; is it the right address?")
