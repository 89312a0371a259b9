"""Names and labels keep to the house's rules."""

from typing import Any

import pytest
from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest

from app import metrics

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
