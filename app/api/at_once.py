"""Answers for cheap networks, on the event loop, to all who ask in one of its rounds together.

Where a network takes less time than a task of the event loop, most of a request is what the layers
of an application hand to each other. So plain requests for a graph that runs where it is, are
answered here, by the functions that answer them there: those that have come are read, computed in
batches, and answered, which takes far less for each than one after the other. Whatever is not
plain, or goes wrong, is left to the application, which does it from the start and says what is
wrong.
"""

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from app.api.context import RequestRecord
from app.api.encodings import wanted_encoding
from app.api.errors import RequestRefused
from app.api.finish import finish
from app.api.keys import Access, candidates_of
from app.api.lifecycle import Lifecycle
from app.api.limits import deadline_of
from app.api.middleware import request_id_of
from app.api.v2.head import Head
from app.api.v2.inference import (
    INLINE_BYTES,
    LENGTH_NAME,
    TASK,
    graph_of,
    is_inference,
    is_short,
    read_rows,
    write_outputs,
)
from app.errors import UnrollError
from app.http.call import Call, CommonLines
from app.serving.models.loader import LoadedModel
from app.serving.models.repository import Repository
from app.serving.scheduling.entry import Outcome
from app.settings import Settings
from app.tasks.tensor.task import TensorExample, TensorPrediction, TensorTask
from app.telemetry import metrics, tracing
from app.telemetry.deferred import catch_up
from app.telemetry.log import get_logger

_STATUS: Final = b"HTTP/1.1 200 OK\r\n"
_PARTS: Final = {5, 7}  # of a path: /v2/models/NAME/infer, or .../versions/VERSION/infer
_TOGETHER: Final = 32  # calls that are read before any of them is answered
_SMOOTHING: Final = 0.1  # weight of the newest in what a call takes
_HELD_SECONDS: Final = 0.002  # after which the event loop sees to others first
_log = get_logger(__name__)


@dataclass(slots=True)
class _Reading:
    """A call that was understood. Its model is leased."""

    call: Call
    record: RequestRecord
    model: LoadedModel
    task: TensorTask
    name: str
    head: Head
    example: TensorExample


class AtOnce:
    """Takes calls that it may have the answer to.

    `access`: who may ask, None if everybody may. `overrides`: dependencies of the application that
    are replaced; while there are any, it answers all. On the event loop's thread only.
    """

    def __init__(
        self,
        repository: Repository,
        lifecycle: Lifecycle,
        settings: Settings,
        access: Access | None = None,
        overrides: Mapping[Any, Any] = MappingProxyType({}),
    ) -> None:
        self._repository = repository
        self._lifecycle = lifecycle
        self._settings = settings
        self._access = access
        self._overrides = overrides
        self._calls: deque[Call] = deque()
        self._each = 0.0  # seconds that one of them took of late
        self._lines = CommonLines(_STATUS)

    def takes(self, path: str) -> bool:
        """Whether it is worth while to wait for the body of a POST to `path`."""
        return is_inference(path)

    def ask(self, call: Call) -> bool:
        """Whether the call is taken; then it is answered or declined, in this round or the next."""
        if tracing.enabled() or self._overrides or self._lifecycle.draining:
            return False
        if len(call.body) > INLINE_BYTES:
            return False
        if not self._calls:
            asyncio.get_running_loop().call_soon(self._work)
        self._lifecycle.in_flight += 1
        self._calls.append(call)
        return True

    def backlog(self) -> float:
        """Seconds that it will take to answer the calls that were taken."""
        return len(self._calls) * self._each

    def _work(self) -> None:
        began = now = time.monotonic()
        while self._calls and now - began < _HELD_SECONDS:
            calls = [self._calls.popleft() for _ in range(min(_TOGETHER, len(self._calls)))]
            self._lifecycle.in_flight -= len(calls)
            self._answer(calls)
            before, now = now, time.monotonic()
            self._each += _SMOOTHING * ((now - before) / len(calls) - self._each)
        if self._calls:
            asyncio.get_running_loop().call_soon(self._work)

    def _answer(self, calls: Sequence[Call]) -> None:
        """Read them all, compute each model's together, write to all."""
        readings: dict[int, list[_Reading]] = {}
        for call in calls:
            if call.gone:
                continue
            reading = self._read(call)
            if reading is not None:
                readings.setdefault(id(reading.model), []).append(reading)
            else:
                call.decline()
        for found in readings.values():
            since = [each.record.started for each in found]
            results = found[0].model.scheduler.run_inline([each.example for each in found], since)
            for reading, result in zip(found, results, strict=True):
                reading.model.leases.give_back()
                answer = self._write(reading, result) if isinstance(result, Outcome) else None
                if answer is None:
                    reading.call.decline()
                else:
                    reading.call.reply(answer)
                    finish(reading.record, "POST", reading.call.path, 200)
        catch_up()  # while it is all at hand

    def _read(self, call: Call) -> _Reading | None:
        """What is asked, or None if the application must see to it."""
        headers, access = call.headers, self._access
        if access is not None and access.check(call.path, candidates_of(headers)) != 200:
            return None
        fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        if len(fields) != len(headers) or "content-encoding" in fields:
            return None
        model = self._lease(call.path)
        if model is None:
            return None
        record = RequestRecord(request_id_of(fields.get("x-request-id")), TASK, fields)
        record.started = call.arrived
        record.model, record.version = model.name, model.version
        caller = tracing.caller_of(headers) if "traceparent" in fields else None
        ids = {} if caller is None else caller.ids()
        record.ids = {"request_id": record.request_id, **ids}
        reading = None
        try:
            reading = self._understood(call, record, model)
        except (UnrollError, RequestRefused):
            pass  # said again, in full, the usual way
        except Exception:
            _log.exception("request_declined")  # one of them must not harm the others
        if reading is None:
            model.leases.give_back()
        return reading

    def _understood(self, call: Call, record: RequestRecord, model: LoadedModel) -> _Reading | None:
        settings, fields = self._settings, record.headers
        name = call.path.split("/", 4)[3]
        task = graph_of(model, name)
        if not model.scheduler.runs_inline(task.graph):
            return None
        deadline = deadline_of(fields, call.arrived, settings.request_timeout_seconds)
        head, examples = read_rows(call.body, "", fields.get(LENGTH_NAME), task, settings)
        if head.timeout is not None:
            deadline = min(deadline, call.arrived + head.timeout)
        if len(examples) != 1 or time.monotonic() >= deadline:
            return None
        return _Reading(call, record, model, task, name, head, examples[0])

    def _lease(self, path: str) -> LoadedModel | None:
        """The model that the path names, if it is served."""
        parts = path.split("/")
        if len(parts) not in _PARTS:
            return None
        version = parts[5] if len(parts) == 7 else None
        try:
            return self._repository.lease(parts[3].partition(".")[0], version)
        except UnrollError:
            return None

    def _write(self, reading: _Reading, outcome: Outcome[TensorPrediction]) -> bytes | None:
        """The whole response, or None if this answer is none for here."""
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
            _log.exception("request_declined")
            return None
        metrics.INPUT_LENGTH.labels(TASK, record.model).observe(reading.example.length)
        record.inputs = 1
        record.queue_seconds = outcome.queue_seconds
        record.inference_seconds = outcome.inference_seconds
        own = b"".join([b"%b: %b\r\n" % header for header in kind])
        return b"%bcontent-length: %d\r\n%bx-request-id: %b\r\nserver-timing: %b\r\n\r\n%b" % (
            self._lines.of(reading.call.common),
            len(content),
            own,
            record.request_id.encode(),
            record.server_timing(),
            content,
        )
