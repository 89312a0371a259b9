"""Answers steps that cost little before FastAPI sees them. Knows HTTP; streams stand elsewhere.

A step of a small network takes less time than the layers of an application. So a plain request for
steps of a stream that is at hand is answered here by the function that its endpoint calls. All
others go on to the application, and so does a request that fails here: its endpoint begins anew and
says what is wrong. That is safe because nothing is raised once steps are taken.
"""

from typing import Any, Final

from fastapi import Request
from pydantic import ValidationError
from starlette.types import Message, Receive, Scope, Send

from app.api.access_log import write_access_log
from app.api.context import RECORD_KEY, RequestRecord
from app.api.errors import RequestRefused
from app.api.graphs import graph_of
from app.api.keys import candidates_of
from app.api.limits import deadline_of
from app.api.middleware import request_id_of
from app.api.origins import SENT_BY_BROWSERS
from app.api.routes.stream_steps import METERED_AS, StepsRequest, answer_steps, is_steps
from app.api.routes.streams import is_name
from app.api.services import Services
from app.api.stream_states import writes
from app.api.v2.inference import INLINE_BYTES, limits_of
from app.api.work import ClientGone
from app.errors import UnrollError
from app.serving.streams.records import Key
from app.tasks.anomalies.task import AnomalyTask
from app.telemetry import metrics, tracing
from app.telemetry.log import get_logger

_UNUSUAL: Final = SENT_BY_BROWSERS | {*("content-encoding", "expect", "traceparent", "tracestate")}
_AMBIGUOUS: Final = "redis"  # a store that may have done what it did not answer
_log = get_logger(__name__)


class StepPath:
    """Part of an application; see `answer`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._limits = limits_of(services.settings)
        self._most = min(INLINE_BYTES, services.settings.max_body_bytes)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> Receive | None:
        """Answer a request and return None, or return what the application should receive from."""
        if scope["type"] != "http" or scope["method"] != "POST" or not is_steps(scope["path"]):
            return receive
        sent: list[tuple[bytes, bytes]] = scope["headers"]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in sent}
        key = self._key(scope, headers)
        if key is None or not self._is_cheap(key):
            return receive
        message = await receive()
        again = _again(message, receive)
        body = message.get("body", b"")
        whole = message["type"] == "http.request" and not message.get("more_body")
        if not whole or len(body) > self._most:
            return again
        try:
            asked = StepsRequest.model_validate_json(body)
        except ValidationError:
            return again
        record = RequestRecord(request_id_of(headers.get("x-request-id")), METERED_AS, headers)
        record.ids = {"request_id": record.request_id}
        content = await self._answered({**scope, RECORD_KEY: record}, receive, key, asked)
        if content is None:
            return again
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    (b"content-length", b"%d" % len(content)),
                    (b"content-type", b"application/json"),
                    (b"x-request-id", record.request_id.encode()),
                    (b"server-timing", record.server_timing()),
                ],
            }
        )
        await send({"type": "http.response.body", "body": content})
        write_access_log(record, "POST", scope["path"], 200)
        return None

    def _key(self, scope: Scope, headers: dict[str, str]) -> Key | None:
        """Whose stream of which name; None for a request to look at more closely."""
        services = self._services
        if tracing.enabled() or services.lifecycle.draining or scope["query_string"]:
            return None
        if len(headers) != len(scope["headers"]) or not _UNUSUAL.isdisjoint(headers):
            return None
        if headers.get("content-type") != "application/json":
            return None
        access, owner = services.access, ""
        if access is not None:
            candidates = candidates_of(scope["headers"])
            if access.check(scope["path"], candidates) != 200:
                return None
            owner = access.owner(candidates)
        name = scope["path"].split("/", 3)[2]
        return Key(owner, name) if is_name(name) else None

    def _is_cheap(self, key: Key) -> bool:
        """Whether nothing but the network and the store is needed, and the network is cheap."""
        services = self._services
        record = services.streams.at_hand(key)
        if record is None or services.streams.store.kind == _AMBIGUOUS:
            return False
        try:
            model = services.repository.get(record.model.partition(".")[0], record.version)
            if writes(model, record.model):
                return False
            if isinstance(model.task, AnomalyTask):
                return model.scheduler.runs_inline(None)
            return model.scheduler.runs_inline(graph_of(model, record.model).graph)
        except UnrollError:
            return False

    async def _answered(
        self, scope: dict[str, Any], receive: Receive, key: Key, asked: StepsRequest
    ) -> bytes | None:
        """What `answer_steps` gives; None if anything is wrong.

        receive: what comes behind the body. Who waits for an answer looks there for a client that
        leaves, and the application must still get the body.
        """
        services, record = self._services, scope[RECORD_KEY]
        lifecycle = services.lifecycle
        record.is_alone = lifecycle.is_alone
        lifecycle.in_flight += 1
        lifecycle.note_client(scope.get("client"))
        metrics.IN_FLIGHT.inc()
        try:
            longest = services.settings.request_timeout_seconds
            record.deadline = deadline_of(record.headers, record.started, longest)
            request = Request(scope, receive)
            return await answer_steps(services, request, key, asked, self._limits)
        except (UnrollError, RequestRefused, ClientGone):
            return None
        except Exception:
            _log.exception("request_left")
            return None
        finally:
            record.finish()
            lifecycle.in_flight -= 1
            metrics.IN_FLIGHT.dec()


def _again(first: Message, receive: Receive) -> Receive:
    """What gives `first` once more, and then what `receive` gives."""
    waiting = [first]

    async def give() -> Message:
        return waiting.pop() if waiting else await receive()

    return give
