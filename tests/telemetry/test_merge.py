"""Metrics of several processes: what adds up, what does not."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from app.telemetry import metrics
from app.telemetry.merge import Snapshot, cumulative, merged, page, snapshot


def registry(requests: int, depth: float, seconds: float) -> CollectorRegistry:
    own = CollectorRegistry()
    Counter("requests", "Requests.", ("task",), registry=own).labels("a").inc(requests)
    Gauge("depth", "Depth.", registry=own).set(depth)
    Gauge("what_info", "Always 1.", ("version",), registry=own).labels("1").set(1)
    Gauge("process_start_time_seconds", "Start.", registry=own).set(depth)
    histogram = Histogram("took_seconds", "Time.", buckets=(1, 2), registry=own)
    histogram.observe(seconds)
    return own


def taken(requests: int, depth: float, seconds: float) -> Snapshot:
    return snapshot(registry(requests, depth, seconds).collect())


def values(of: Snapshot) -> dict[str, float]:
    return {
        sample + "".join(f"{{{value}}}" for value in labels.values()): value
        for _, _, _, samples in of
        for sample, labels, value in samples
    }


def test_one_process_says_what_it_would_alone() -> None:
    own = registry(3, 4.0, 1.5)
    assert page(merged([snapshot(own.collect())])) == generate_latest(own)


def test_several_add_up() -> None:
    found = values(merged([taken(3, 4.0, 0.5), taken(5, 2.0, 1.5)]))
    assert found["requests_total{a}"] == 8
    assert found["depth"] == 6
    assert found["what_info{1}"] == 1
    assert found["process_start_time_seconds"] == 2
    assert found["took_seconds_count"] == 2
    assert found["took_seconds_sum"] == 2.0
    assert [found[f"took_seconds_bucket{{{end}}}"] for end in ("1.0", "2.0", "+Inf")] == [1, 2, 2]


def test_the_dead_count_but_hold_nothing() -> None:
    found = values(merged([taken(3, 4.0, 0.5), cumulative(taken(5, 2.0, 1.5))]))
    assert found["requests_total{a}"] == 8
    assert found["took_seconds_count"] == 2
    assert found["depth"] == 4


def test_nobody_is_nothing() -> None:
    assert merged([]) == []
    assert page([]) == b""


@pytest.mark.parametrize(
    "name",
    [
        family.name
        for collector in metrics.LABELS
        for family in collector.collect()
        if family.type == "gauge"
    ],
)
def test_every_gauge_of_ours_has_a_way_to_add_up(name: str) -> None:
    """A new one must be thought about: sums are right for amounts, and only for those."""
    amounts = {"in_flight", "queue_depth", "queue_limit", "workers", "sessions", "processes"}
    amounts |= {"silent_processes", "streams_hot"}
    same = {"build_info", "model_info", "refused_versions", "streams", "streams_limit"}
    assert name.removeprefix("unroll_") in amounts | same
