"""Reading a caller's trace context, noting times, and that it is all off by default."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app.errors import ConfigurationError
from app.serving.models.loader import load_version
from app.telemetry import tracing
from app.telemetry.tracing import Caller, caller_of
from tests.api.service import running
from tests.doubles import TASKS as MEAN_TASKS
from tests.doubles import write_version as write_mean

ROOT = Path(__file__).resolve().parents[2]
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


@pytest.mark.parametrize(
    "value",
    [
        TRACEPARENT,
        f"00-{TRACE}-{PARENT}-00",
        f"cc-{TRACE}-{PARENT}-01",
        f"01-{TRACE}-{PARENT}-01-what-comes-next",
    ],
)
def test_a_traceparent(value: str) -> None:
    caller = caller_of([(b"traceparent", value.encode()), (b"tracestate", b"a=1")])
    assert caller == Caller(TRACE, PARENT, value[53:55], "a=1")
    assert caller.headers()["traceparent"] == f"00-{TRACE}-{PARENT}-{value[53:55]}"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "00",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"01-{TRACE}-{PARENT}-01more",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE}x-{PARENT}-01",
        TRACEPARENT + "\n{}",
    ],
)
def test_what_is_no_traceparent(value: str) -> None:
    assert caller_of([(b"traceparent", value.encode())]) is None


def test_two_of_them_are_none_and_a_long_state_is_dropped() -> None:
    parent = (b"traceparent", TRACEPARENT.encode())
    assert caller_of([parent, parent]) is None
    caller = caller_of([parent, (b"tracestate", b"a=" + b"1" * 600)])
    assert caller == Caller(TRACE, PARENT, "01")


def test_runs_are_noted_on_their_thread_and_forgotten(spans: InMemorySpanExporter) -> None:
    with tracing.run():
        pass
    (interval,) = tracing.runs_since(0.0)
    assert interval[0] <= interval[1]
    assert tracing.runs_since(0.0) == ()
    with tracing.run():
        pass
    assert tracing.runs_since(interval[1] + 1000) == ()
    tracing.record_batch((0.0, 1.0), (1.0, 3.0), 4, [(1.5, 2.5)])
    queue, batch, run = sorted(spans.get_finished_spans(), key=lambda span: span.start_time or 0)
    assert [queue.name, batch.name, run.name] == ["queue", "batch", "run"]
    assert run.parent is not None
    assert batch.context is not None
    assert run.parent.span_id == batch.context.span_id
    assert (run.end_time or 0) - (run.start_time or 0) == pytest.approx(10**9, rel=1e-3)


def test_an_outcome_says_when_the_network_ran(tmp_path: Path, spans: InMemorySpanExporter) -> None:
    model = load_version(write_mean(tmp_path), MEAN_TASKS)
    example = model.task.encode(values=[1.0, 2.0])
    try:
        outcome = model.scheduler.submit(example).result(60)
        tracing.shutdown()
        without = model.scheduler.submit(example).result(60)
    finally:
        model.close()
    ((start, end),) = outcome.runs
    assert 0 < end - start <= outcome.inference_seconds
    assert without.runs == ()


def test_the_sdk_is_not_imported_while_tracing_is_off() -> None:
    """FastAPI imports OpenTelemetry's API by itself, which does nothing without the SDK."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from app import __main__\n"
        "from app.http import server\n"
        "from app.telemetry import tracing\n"
        "from app.main import create_app\n"
        "from app.settings import Settings\n"
        "tracing.configure('off')\n"
        "create_app(Settings(models_dir=Path('.')))\n"
        "with tracing.span('x'), tracing.run(), tracing.request_span([]): pass\n"
        "wrong = ('opentelemetry.sdk', 'opentelemetry.exporter', 'requests', 'google.protobuf')\n"
        "print([name for name in sys.modules if name.startswith(wrong)])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_nothing_but_the_setting_turns_it_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """FastAPI would export by itself when these are set, or when the process has a provider."""
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    with running(tmp_path, wait=False) as one:
        one.http.get("/models")
        assert type(trace.get_tracer_provider()).__name__ == "ProxyTracerProvider"
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    with running(tmp_path, wait=False) as one:
        one.http.get("/models")
    assert exporter.get_finished_spans() == ()


def test_a_collector_that_does_not_answer_does_not_hold_up_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "20")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        tracing.configure("otlp")
        with tracing.span("lost"):
            pass
        start = time.monotonic()
        tracing.shutdown()
        # It gives up after 2 s; the collector has 20.
        assert 1.0 < time.monotonic() - start < 15.0


def test_without_the_extra_the_start_is_stopped_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(ConfigurationError) as caught:
        tracing.configure("otlp")
    assert caught.value.message.startswith("UNROLL_TRACING: ")
    assert "\n" not in caught.value.message
    assert not tracing.enabled()
