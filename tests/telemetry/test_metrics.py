"""Names and labels keep to the house's rules."""

import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest
from prometheus_client.registry import Collector

from app.main import create_app
from app.serving.scheduling.queue_metrics import QueueMetrics
from app.settings import Settings
from app.telemetry import forgetting, metrics
from tests.samples import sample

ALLOWED_LABELS = {"task", "model", "version", "status", "reason", "provider"}


def name_of(collector: Collector) -> str:
    [family] = collector.collect()
    return str(family.name)


@pytest.mark.parametrize("collector", metrics.LABELS, ids=name_of)
def test_a_collector_keeps_to_the_rules(collector: Collector) -> None:
    [family] = collector.collect()
    assert family.name.startswith("unroll_")
    assert set(metrics.LABELS[collector]) <= ALLOWED_LABELS
    assert len(family.documentation) > 10
    assert family.documentation.endswith(".")


def test_every_collector_is_declared_with_its_labels() -> None:
    ours = [
        each for each in vars(metrics).values() if isinstance(each, Counter | Gauge | Histogram)
    ]
    assert len(ours) > 20
    for collector in ours:
        labels = metrics.LABELS[collector]
        if labels:
            with pytest.raises(ValueError, match="label"):
                collector.labels(*labels, "one too many")
            collector.remove(*[f"no such {label}" for label in labels])


def series(model: str) -> set[tuple[str, str]]:
    """(family, version) of everything on the page about a model."""
    return {
        (family.name, sample.labels["version"])
        for family in REGISTRY.collect()
        for sample in family.samples
        if sample.labels.get("model") == model and "version" in sample.labels
    }


def test_a_forgotten_version_leaves_the_page_alone_and_counts_again() -> None:
    """Who still holds a child of it neither brings it back nor takes what is counted later."""
    old, other = (QueueMetrics("forgetful", each, workers=1, queue_limit=9) for each in ("1", "2"))
    for each, meter in (("1", old), ("2", other)):
        meter.computed([3], 0.5)
        metrics.REQUESTS.labels("t", "forgetful", each, "200").inc()
        metrics.REQUESTS.labels("t", "forgetful", each, "500").inc()
        metrics.request_seconds("t", "forgetful").observe(0.1)
    both = series("forgetful")
    forgetting.forget_gauges("forgetful", "1")
    gauges = {("unroll_queue_depth", "1"), ("unroll_queue_limit", "1"), ("unroll_workers", "1")}
    assert both - series("forgetful") == gauges
    forgetting.forget_version("forgetful", "1")
    forgetting.forget_version("forgetful", "1")  # again does nothing
    assert series("forgetful") == {each for each in both if each[1] == "2"}
    old.computed([3], 0.5)
    assert series("forgetful") == {each for each in both if each[1] == "2"}

    QueueMetrics("forgetful", "1", workers=1, queue_limit=9).computed([3], 0.5)
    metrics.REQUESTS.labels("t", "forgetful", "1", "200").inc()
    assert series("forgetful") == both
    assert sample("unroll_steps_total", model="forgetful", version="1") == 3
    labels = {"task": "t", "model": "forgetful", "version": "1"}
    assert sample("unroll_requests_total", **labels, status="200") == 1
    assert sample("unroll_requests_total", **labels, status="500") == 0
    # What names no version is kept, and so are the children that are held.
    metrics.request_seconds("t", "forgetful").observe(0.1)
    assert sample("unroll_request_seconds_count", task="t", model="forgetful") == 3


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
