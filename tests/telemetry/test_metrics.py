"""Names and labels keep to the house's rules."""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest

from app.main import create_app
from app.settings import Settings
from app.telemetry import metrics

ALLOWED_LABELS = {"task", "model", "version", "status", "reason", "provider"}
COLLECTORS = {
    name: value
    for name, value in vars(metrics).items()
    if isinstance(value, Counter | Gauge | Histogram)
}


@pytest.mark.parametrize("name", COLLECTORS)
def test_a_collector_keeps_to_the_rules(name: str) -> None:
    collector: Any = COLLECTORS[name]
    [family] = collector.describe()
    assert family.name.startswith("unroll_")
    assert set(collector._labelnames) <= ALLOWED_LABELS
    assert len(family.documentation) > 10
    assert family.documentation.endswith(".")


def test_the_page_shows_them_without_created_series() -> None:
    metrics.REQUESTS.labels("forecast", "forecast", "1", "200").inc()
    page = generate_latest(REGISTRY).decode()
    assert 'unroll_requests_total{model="forecast",status="200",task="forecast"' in page
    assert "_created" not in page


def test_the_page_names_the_version_of_the_service(tmp_path: Path) -> None:
    create_app(Settings(models_dir=tmp_path))
    assert REGISTRY.get_sample_value("unroll_build_info", {"version": version("unroll")}) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="the client library reads /proc")
def test_the_page_tells_what_the_process_takes() -> None:
    page = generate_latest(REGISTRY).decode()
    for name in ("resident_memory_bytes", "cpu_seconds_total", "open_fds", "start_time_seconds"):
        assert f"\nprocess_{name} " in page
