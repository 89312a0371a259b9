"""What every test shares: hypothesis, logs, spans, the shipped models. Knows no part of it."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app.telemetry import log, tracing
from tests.shipped import link_shipped

settings.register_profile("unroll", max_examples=50, deadline=None)
settings.load_profile("unroll")

# Unconfigured, structlog would render every expected traceback in colour, which takes seconds.
log.configure("json", "WARNING", io.StringIO())


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--attack", action="store_true", help="carry out the long attacks, too")
    parser.addoption("--ray", action="store_true", help="start a Ray cluster")


@pytest.fixture(name="spans")
def in_memory() -> Iterator[InMemorySpanExporter]:
    """Tracing is on, and this holds its spans."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use(provider)
    yield exporter
    tracing.shutdown()


@pytest.fixture(scope="session")
def shipped_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model repository of what ships, whatever else lies in models/. Only to be read."""
    return link_shipped(tmp_path_factory.mktemp("shipped"))
