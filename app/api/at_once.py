"""Answers for cheap networks, in the callback that brought a request's last byte.

Where a network takes less time than a task of the event loop, most of a request is what the layers
of an application hand to each other. So a plain request for a graph that runs where it is, is
answered here, by the functions that answer it there. Whatever is not plain, or goes wrong, is left
to the application, which does it from the start and says what is wrong.
"""

from collections.abc import Sequence
from typing import Final

from app import metrics, tracing
from app.api.context import RequestRecord
from app.api.encodings import wanted_encoding
from app.api.errors import RequestRefused
from app.api.finish import finish
from app.api.inference import (
    INLINE_BYTES,
    LENGTH_NAME,
    TASK,
    graph_of,
    is_inference,
    is_short,
    read_rows,
    write_outputs,
)
from app.api.keys import Access, candidates_of
from app.api.lifecycle import Lifecycle
from app.api.limits import TIMEOUT_HEADER
from app.api.middleware import request_id_of
from app.errors import UnrollError
from app.log import request_context
from app.serving.loader import LoadedModel
from app.serving.repository import Repository
from app.settings import Settings

Headers = Sequence[tuple[bytes, bytes]]

_STATUS: Final = b"HTTP/1.1 200 OK\r\n"
_TIMEOUT: Final = TIMEOUT_HEADER.lower()
_PARTS: Final = {5, 7}  # of a path: /v2/models/NAME/infer, or .../versions/VERSION/infer


class AtOnce:
    """Has the whole answer to a request, or None for one that the application must answer.

    `access`: who may ask, None if everybody may. Called on the event loop's thread only.
    """

    def __init__(
        self,
        repository: Repository,
        lifecycle: Lifecycle,
        settings: Settings,
        access: Access | None = None,
    ) -> None:
        self._repository = repository
        self._lifecycle = lifecycle
        self._settings = settings
        self._access = access
        self._common: Headers = ()
        self._lines = b""

    def takes(self, path: str) -> bool:
        """Whether it is worth while to wait for the body of a POST to `path`."""
        return is_inference(path)

    def __call__(self, path: str, headers: Headers, body: bytes, common: Headers) -> bytes | None:
        """The bytes of a response to a POST, `common` headers and all."""
        if tracing.enabled() or self._lifecycle.draining or len(body) > INLINE_BYTES:
            return None
        if self._access is not None and self._access.check(path, candidates_of(headers)) != 200:
            return None
        fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        timeout = fields.get(_TIMEOUT, "1")
        if len(fields) != len(headers) or "content-encoding" in fields or not timeout.isdecimal():
            return None
        model = self._lease(path)
        if model is None:
            return None
        try:
            record = RequestRecord(request_id_of(fields.get("x-request-id")), TASK, fields)
            record.model, record.version = model.name, model.version
            caller = tracing.caller_of(headers) if "traceparent" in fields else None
            ids = {} if caller is None else caller.ids()
            with request_context(record.request_id, **ids):
                answer = self._answer(path, record, model, body)
                if answer is not None:
                    finish(record, "POST", path, 200)
        except (UnrollError, RequestRefused):
            return None  # said again, in full, the usual way
        finally:
            model.leases.give_back()
        return None if answer is None else self._whole(record, *answer, common)

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

    def _answer(
        self, path: str, record: RequestRecord, model: LoadedModel, body: bytes
    ) -> tuple[bytes, Headers] | None:
        """The body and the headers that say what it is."""
        name = path.split("/", 4)[3]
        task = graph_of(model, name)
        if not model.scheduler.runs_here(task.graph):
            return None
        header = record.headers.get(LENGTH_NAME)
        head, examples = read_rows(body, "", header, task, self._settings)
        if len(examples) != 1:
            return None
        outcome = model.scheduler.run_now(examples[0])
        if outcome is None:
            return None
        outputs = task.join(examples, [outcome.prediction])
        encoding = wanted_encoding(record.headers.get("accept-encoding", ""))
        if not is_short(head, outputs, encoding):
            return None
        answer = write_outputs(name, model, task, head, outputs, encoding)
        metrics.INPUT_LENGTH.labels(TASK, model.name).observe(examples[0].length)
        record.inputs = 1
        record.queue_seconds, record.inference_seconds = 0.0, outcome.inference_seconds
        return answer

    def _whole(
        self, record: RequestRecord, content: bytes, kind: Headers, common: Headers
    ) -> bytes:
        if common is not self._common:  # uvicorn makes new ones every second
            self._common = common
            self._lines = _STATUS + b"".join(b"%b: %b\r\n" % header for header in common)
        own = b"".join([b"%b: %b\r\n" % header for header in kind])
        return b"%bcontent-length: %d\r\n%bx-request-id: %b\r\nserver-timing: %b\r\n\r\n%b" % (
            self._lines,
            len(content),
            own,
            record.request_id.encode(),
            record.server_timing(),
            content,
        )
