"""The middleware around every request. Knows request ids and when a request ends.

Knows no route and no model. Pure ASGI, so that a request costs no extra task.
"""

import random
import re
from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.access_log import QUIET, write_access_log
from app.api.context import CLIENT_GONE, RECORD_KEY, RequestRecord, headers_of
from app.api.errors import INTERNAL_ERROR, problem_response
from app.api.lifecycle import Lifecycle
from app.telemetry import metrics, tracing
from app.telemetry.log import current_ids, get_logger, request_context
from app.telemetry.tracing import RequestSpan

_SANE_ID: Final = re.compile("[A-Za-z0-9._:-]{1,128}")
# Anything else a client may call a method would make names of spans without end.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_log = get_logger(__name__)


class RequestMiddleware:
    """Gives every request an id and a record; writes one log line and the metrics at its end.

    `task_of` tells the task of a path, "" for one that asks no network. An exception that no
    handler took becomes a 500 that carries the request id and nothing else.
    """

    def __init__(self, app: ASGIApp, lifecycle: Lifecycle, task_of: Callable[[str], str]) -> None:
        self._app = app
        self._lifecycle = lifecycle
        self._task_of = task_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, headers = scope["path"], headers_of(scope)
        record = RequestRecord(
            request_id_of(headers.get("x-request-id")), self._task_of(path), headers
        )
        record.is_alone = self._lifecycle.is_alone
        scope[RECORD_KEY] = record
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                record.finish()  # not later: a client may take for ever to read its answer
                record.status = record.status or message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", record.request_id.encode()),
                    (b"server-timing", record.server_timing()),
                ]
                if self._lifecycle.draining:  # or its next request would meet the end of it
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        if record.task:
            self._lifecycle.in_flight += 1
            self._lifecycle.note_client(scope.get("client"))
            metrics.IN_FLIGHT.inc()
        quiet = path.startswith(QUIET)
        with (
            tracing.request_span(scope["headers"], quiet=quiet) as span,
            request_context(record.request_id, **span.ids),
        ):
            record.ids = current_ids()
            try:
                await self._app(scope, receive, send_with_headers)
            except Exception:
                _log.exception("request_crashed")
                if started:  # half an answer is out: only closing the connection is honest
                    raise
                response = problem_response(scope, INTERNAL_ERROR, INTERNAL_ERROR.description)
                await response(scope, receive, send_with_headers)
            finally:
                self._finish(scope, record, span)

    def _finish(self, scope: Scope, record: RequestRecord, span: RequestSpan) -> None:
        record.finish()
        # Nothing was sent when the task was cancelled: the server gave up on it at shutdown.
        status = record.status or CLIENT_GONE
        if record.task:
            self._lifecycle.in_flight -= 1
            metrics.IN_FLIGHT.dec()
        write_access_log(record, scope["method"], scope["path"], status)
        if tracing.enabled():
            _finish_span(scope, record, status, span)


def _finish_span(scope: Scope, record: RequestRecord, status: int, span: RequestSpan) -> None:
    method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
    route: str = getattr(scope.get("route"), "path", "")  # a pattern, so the names are few
    facts: dict[str, str | int] = {
        "http.request.method": method,
        "http.response.status_code": status,
        "unroll.request_id": record.request_id,
    }
    if route:
        facts["http.route"] = route
    if record.error:
        facts["error.type"] = record.error
    if record.model:
        facts |= {
            "unroll.model": record.model,
            "unroll.version": record.version,
            "unroll.inputs": record.inputs,
        }
    span.finish(f"{method} {route}".strip(), facts, failed=status >= 500)


def request_id_of(sent: str | None) -> str:
    """The client's id if it is sane (it goes into logs and headers), else a fresh one."""
    if sent is not None and _SANE_ID.fullmatch(sent):
        return sent
    return f"{random.getrandbits(128):032x}"  # a name, not a secret
