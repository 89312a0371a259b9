"""Answers inference of cheap graphs without an ASGI call, all of a round of the event loop at once.

Knows HTTP and tensors; what cannot be answered here, or goes wrong, is left to the endpoint, which
begins anew and says what is wrong. Where a network takes less time than what an application's
layers hand to each other, those layers are most of a request. Here all requests of a round are
read, then computed in batches of like lengths, then answered: each step finds its code and its data
in the processor's caches, where the steps of one request after the other push each other out.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from app.api.access_log import write_access_log
from app.api.bodies.encodings import wanted_encoding
from app.api.context import RequestRecord
from app.api.errors import RequestRefused
from app.api.graphs import graph_of
from app.api.keys import Access, candidates_of
from app.api.limits import deadline_of
from app.api.middleware import request_id_of
from app.api.origins import SENT_BY_BROWSERS
from app.api.services import Services
from app.api.v2.head import Head
from app.api.v2.inference import (
    INLINE_BYTES,
    LENGTH_NAME,
    TASK,
    is_inference,
    is_short,
    read_rows,
    write_outputs,
)
from app.errors import UnrollError
from app.serving.models.loader import LoadedModel
from app.serving.scheduling.entry import Outcome, Result
from app.tasks.tensor.task import TensorExample, TensorPrediction, TensorTask
from app.telemetry import tracing
from app.telemetry.deferred import run_deferred
from app.telemetry.log import get_logger

_MANY: Final = 8  # requests of a round, for which the log and the metrics are not left to a thread
_log = get_logger(__name__)


class WholeRequest(Protocol):
    """A request that has arrived, its body too. arrived: a `time.monotonic()` value."""

    scope: dict[str, Any]
    arrived: float

    def whole_body(self) -> bytes | None:
        """Its body; None while it is still to come, or for a client that has left."""
        ...

    def respond(self, answer: bytes) -> None:
        """Answer 200 unless the client has left; `answer` follows the headers of every answer."""
        ...

    def run(self) -> None:
        """Hand it to the application."""
        ...


@dataclass(slots=True)
class _Reading:
    """A request that was understood. Its model is leased."""

    request: WholeRequest
    record: RequestRecord
    model: LoadedModel
    task: TensorTask
    name: str
    head: Head
    example: TensorExample


class Rounds:
    """Answers what it can of the requests of one round. On the event loop's thread only."""

    def __init__(self, services: Services, access: Access | None = None) -> None:
        """`access`: who may ask, None if everybody may."""
        self._services = services
        self._access = access

    def answer(self, requests: Sequence[WholeRequest]) -> list[WholeRequest]:
        """Answer requests, and return those that were not, in their order."""
        if tracing.enabled() or self._services.lifecycle.draining:
            return list(requests)
        left = []
        readings: dict[int, list[_Reading]] = {}
        for request in requests:
            reading = self._read(request)
            if reading is None:
                left.append(request)
            else:
                readings.setdefault(id(reading.model), []).append(reading)
        for found in readings.values():
            since = [each.request.arrived for each in found]
            results = _computed(found[0].model, [each.example for each in found], since)
            for reading, result in zip(found, results, strict=True):
                reading.model.leases.give_back()
                answer = self._write(reading, result) if isinstance(result, Outcome) else None
                if answer is None:
                    left.append(reading.request)
                else:
                    reading.request.respond(answer)
                    write_access_log(reading.record, "POST", reading.request.scope["path"], 200)
        if len(requests) >= _MANY:
            run_deferred()  # while all that it needs is in the processor's caches
        return left

    def _read(self, request: WholeRequest) -> _Reading | None:
        """What is asked, or None if the endpoint must see to it."""
        scope = request.scope
        path, headers, access = scope["path"], scope["headers"], self._access
        if scope["method"] != "POST" or not is_inference(path):
            return None
        body = request.whole_body()
        if body is None or len(body) > INLINE_BYTES:
            return None
        if access is not None and access.check(path, candidates_of(headers)) != 200:
            return None
        fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        if len(fields) != len(headers) or "content-encoding" in fields:
            return None
        if not SENT_BY_BROWSERS.isdisjoint(fields):
            return None
        parts = path.split("/")  # "", v2, models, NAME, then perhaps versions, VERSION
        name, version = parts[3], parts[5] if len(parts) > 5 else None
        try:
            model = self._services.repository.lease(name.partition(".")[0], version)
        except UnrollError:
            return None
        record = RequestRecord(
            request_id_of(fields.get("x-request-id")),
            TASK,
            fields,
            started=request.arrived,
            model=model.name,
            version=model.version,
            inputs=1,
        )
        caller = tracing.caller_of(headers) if "traceparent" in fields else None
        record.ids = {"request_id": record.request_id, **({} if caller is None else caller.ids())}
        reading = None
        try:
            reading = self._understood(request, body, record, model, name)
        except (UnrollError, RequestRefused):
            pass  # the endpoint says what is wrong
        except Exception:
            _log.exception("request_left")  # one request must not harm the others
        if reading is None:
            model.leases.give_back()
        return reading

    def _understood(
        self,
        request: WholeRequest,
        body: bytes,
        record: RequestRecord,
        model: LoadedModel,
        name: str,
    ) -> _Reading | None:
        settings, fields = self._services.settings, record.headers
        task = graph_of(model, name)
        if not model.scheduler.runs_inline(task.graph):
            return None
        deadline = deadline_of(fields, request.arrived, settings.request_timeout_seconds)
        head, examples = read_rows(body, fields.get(LENGTH_NAME), task, settings)
        if head.timeout is not None:
            deadline = min(deadline, request.arrived + head.timeout)
        if len(examples) != 1 or examples[0].doubtful or time.monotonic() >= deadline:
            return None
        return _Reading(request, record, model, task, name, head, examples[0])

    def _write(self, reading: _Reading, outcome: Outcome[TensorPrediction]) -> bytes | None:
        """The answer, or None if it is none for here."""
        record, head = reading.record, reading.head
        outputs = reading.task.join([reading.example], [outcome.prediction])
        encoding = wanted_encoding(record.headers.get("accept-encoding", ""))
        if not is_short(head, outputs, encoding):
            return None
        try:
            content, kind = write_outputs(
                reading.name, reading.model, reading.task, head, outputs, encoding
            )
        except UnrollError:
            return None
        except Exception:
            _log.exception("request_left")
            return None
        record.input_length = reading.example.length
        record.queue_seconds = outcome.queue_seconds
        record.inference_seconds = outcome.inference_seconds
        return _HEAD % (
            len(content),
            b"".join([b"%b: %b\r\n" % header for header in kind]),
            record.request_id.encode(),
            record.server_timing(),
            content,
        )


def _computed(
    model: LoadedModel, examples: Sequence[TensorExample], since: Sequence[float]
) -> list[Result[TensorPrediction]]:
    """What `run_inline` gives; None for each if it crashes, so that the endpoint is asked."""
    try:
        return model.scheduler.run_inline(examples, since)
    except Exception:
        _log.exception("round_left")
        return [None] * len(examples)


_HEAD: Final = b"content-length: %d\r\n%bx-request-id: %b\r\nserver-timing: %b\r\n\r\n%b"
