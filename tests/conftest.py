"""What every test shares: hypothesis, logs, spans. Knows no part of it."""

import io
from collections.abc import Iterator

import pytest
from hypothesis import settings
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app.telemetry import log, tracing

settings.register_profile("unroll", max_examples=50, deadline=None)
settings.load_profile("unroll")

# Unconfigured, structlog would render every expected traceback in colour, which takes seconds.
log.configure("json", "WARNING", io.StringIO())


@pytest.fixture(name="spans")
def in_memory() -> Iterator[InMemorySpanExporter]:
    """Tracing is on, and this holds its spans."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use(provider)
    yield exporter
    tracing.shutdown()
