"""Spans, if tracing is on, and a caller's trace context, always. Knows times; no route, no model.

OpenTelemetry's SDK comes with the extra [tracing] and is imported only when tracing is turned on.
While it is off, a span costs one comparison. Spans carry names, numbers and ids: never what a
client sent, and never an exception's text, which may quote it.
"""

import re
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, Literal

from app.errors import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

Mode = Literal["off", "otlp"]
Headers = Sequence[tuple[bytes, bytes]]
Interval = tuple[float, float]  # `time.monotonic()` values

# https://www.w3.org/TR/trace-context: a later version may have more fields, 00 has not.
_TRACEPARENT: Final = re.compile(
    rb"(?!ff)(?P<version>[0-9a-f]{2})-(?P<trace>(?!0{32})[0-9a-f]{32})"
    rb"-(?P<span>(?!0{16})[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-[ -~]*)?"
)
_MAX_STATE: Final = 512  # bytes of a tracestate that are passed on; the standard asks for as many
_SHUTDOWN_SECONDS: Final = 2.0  # for the last spans to leave
_NOTHING: Final[AbstractContextManager[None]] = nullcontext()

_tracer: "Tracer | None" = None
_provider: "TracerProvider | None" = None


class _Runs(threading.local):
    """When this thread's networks ran of late. Bounded: nobody asks for those of a replay."""

    def __init__(self) -> None:
        self.intervals: deque[Interval] = deque(maxlen=256)


_runs = _Runs()


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request comes from, as its `traceparent` header says."""

    trace_id: str
    span_id: str
    flags: str
    state: str = ""

    def ids(self) -> dict[str, str]:
        """What log lines say of it."""
        return {"trace_id": self.trace_id, "span_id": self.span_id}

    def headers(self) -> dict[str, str]:
        """The same as headers, in the version that OpenTelemetry reads."""
        parent = {"traceparent": f"00-{self.trace_id}-{self.span_id}-{self.flags}"}
        return parent | ({"tracestate": self.state} if self.state else {})


class RequestSpan:
    """The span of one request, or what stands for it while tracing is off.

    `ids` are for its log lines: of its own span, else of the caller's, else none.
    """

    def __init__(self, ids: dict[str, str], span: "Span | None" = None) -> None:
        self.ids = ids
        self._span = span

    def finish(self, name: str, attributes: dict[str, str | int], *, failed: bool) -> None:
        """Name the span and say how it went."""
        if self._span is None:
            return
        from opentelemetry.trace import StatusCode

        self._span.update_name(name)
        self._span.set_attributes(attributes)
        if failed:
            self._span.set_status(StatusCode.ERROR)


def configure(mode: Mode) -> None:
    """Turn tracing on or off for this process. Raises ConfigurationError without the extra."""
    if mode == "off":
        shutdown()
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ConfigurationError(
            "UNROLL_TRACING: the tracing packages are not installed; "
            f"pip install -e '.[tracing]' brings them (got '{mode}')"
        ) from error
    service = {"service.name": "unroll", "service.version": version("unroll")}
    # Resource.create lets what it is given win; OTEL_SERVICE_NAME should.
    resource = Resource.create(service).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    use(provider)


def use(provider: "TracerProvider") -> None:
    """Send spans to this provider from now on; `shutdown` closes it."""
    global _provider, _tracer
    shutdown()
    _provider, _tracer = provider, provider.get_tracer("unroll", version("unroll"))


def shutdown() -> None:
    """Send what is left, and turn tracing off. May be called again."""
    global _provider, _tracer
    provider, _provider, _tracer = _provider, None, None
    if provider is not None:
        # With a collector that does not answer this takes longer than a stopping service has.
        closing = threading.Thread(target=provider.shutdown, name="tracing-shutdown", daemon=True)
        closing.start()
        closing.join(_SHUTDOWN_SECONDS)


def enabled() -> bool:
    """Whether spans go anywhere."""
    return _tracer is not None


def caller_of(headers: Headers) -> Caller | None:
    """The request's trace context; None without one, or when it is not well-formed."""
    parents = [value.strip() for name, value in headers if name == b"traceparent"]
    match = _TRACEPARENT.fullmatch(parents[0]) if len(parents) == 1 else None
    if match is None or (match["version"] == b"00" and match["more"]):
        return None
    state = b",".join(value.strip() for name, value in headers if name == b"tracestate")
    return Caller(
        match["trace"].decode(),
        match["span"].decode(),
        match["flags"].decode(),
        state.decode("ascii", "replace") if len(state) <= _MAX_STATE else "",
    )


def request_span(headers: Headers, *, quiet: bool = False) -> AbstractContextManager[RequestSpan]:
    """The span that the others of a request hang from; a quiet one is never sent."""
    caller = caller_of(headers)
    tracer = _tracer
    if tracer is not None and not quiet:
        return _request_span(tracer, caller)
    return nullcontext(RequestSpan(caller.ids() if caller else {}))


@contextmanager
def _request_span(tracer: "Tracer", caller: Caller | None) -> Iterator[RequestSpan]:
    from opentelemetry.context import Context
    from opentelemetry.trace import SpanKind, format_span_id, format_trace_id
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier = caller.headers() if caller else {}
    with tracer.start_as_current_span(
        "request",
        context=TraceContextTextMapPropagator().extract(carrier, Context()),
        kind=SpanKind.SERVER,
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        own = current.get_span_context()
        ids = {"trace_id": format_trace_id(own.trace_id), "span_id": format_span_id(own.span_id)}
        yield RequestSpan(ids, current)


def span(name: str) -> AbstractContextManager[object]:
    """A span below the current one, for as long as the context is open."""
    if _tracer is None:
        return _NOTHING
    return _tracer.start_as_current_span(
        name, record_exception=False, set_status_on_exception=False
    )


def run() -> AbstractContextManager[None]:
    """Notes when a network ran on this thread, for `runs_since`."""
    return _NOTHING if _tracer is None else _note_run()


@contextmanager
def _note_run() -> Iterator[None]:
    start = time.monotonic()
    yield
    _runs.intervals.append((start, time.monotonic()))


def runs_since(start: float) -> tuple[Interval, ...]:
    """When networks ran on this thread since `start`; forgets them and those before."""
    if _tracer is None:
        return ()
    found = tuple(each for each in _runs.intervals if each[0] >= start)
    _runs.intervals.clear()
    return found


def record_batch(queue: Interval, batch: Interval, rows: int, runs: Iterable[Interval]) -> None:
    """Spans of what happened to inputs of the current request: waiting, a batch, runs in it.

    `rows` counts all inputs of the batch, those of other requests too.
    """
    tracer = _tracer
    if tracer is None:
        return
    from opentelemetry.trace import set_span_in_context

    shift = time.time() - time.monotonic()

    def record(name: str, interval: Interval, parent: "Span | None" = None, **facts: int) -> "Span":
        start, end = (int((moment + shift) * 1e9) for moment in interval)
        context = None if parent is None else set_span_in_context(parent)
        attributes = {f"unroll.{key}": value for key, value in facts.items()}
        done = tracer.start_span(name, context=context, attributes=attributes, start_time=start)
        done.end(end)
        return done

    record("queue", queue)
    computed = record("batch", batch, batch_size=rows)
    for each in runs:
        record("run", each, computed)
