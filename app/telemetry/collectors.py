"""How collectors are declared: each with the names of its labels. Knows no figure of a model."""

import math
from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, Metric, disable_created_metrics
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from app.telemetry.deferred import run_deferred
from app.telemetry.log import dropped_lines

_Any = TypeVar("_Any", bound=Collector)


class _Deferred(Collector):
    """Registered, and so asked, first: what was deferred is counted before others are read."""

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        run_deferred()
        return ()


class DroppedLines(Collector):
    """Reads the count where lines are dropped, so that dropping one needs no lock of a metric."""

    def describe(self) -> Iterable[Metric]:
        return [self._family(None)]

    def collect(self) -> Iterable[Metric]:
        return [self._family(dropped_lines())]

    def _family(self, value: float | None) -> Metric:
        return CounterMetricFamily(
            "unroll_log_lines_dropped_total",
            "Lines of the log that were dropped because nobody read them in time.",
            value=value,
        )


class _Finite(Histogram):
    """Leaves out what is not finite: one such value would be its sum for as long as it lives."""

    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:
        if math.isfinite(amount):
            super().observe(amount, exemplar)


# Every collector of this module with the names of its labels, which a collector tells nobody.
LABELS: Final[dict[Collector, tuple[str, ...]]] = {}


def declared(collector: _Any, labels: Sequence[str] = ()) -> _Any:
    LABELS[collector] = tuple(labels)
    return collector


def counter(name: str, meaning: str, labels: Sequence[str] = ()) -> Counter:
    return declared(Counter(name, meaning, labels), labels)


def gauge(name: str, meaning: str, labels: Sequence[str] = ()) -> Gauge:
    return declared(Gauge(name, meaning, labels), labels)


def histogram(
    name: str, meaning: str, labels: Sequence[str], *, buckets: Sequence[float]
) -> Histogram:
    return declared(_Finite(name, meaning, labels, buckets=buckets), labels)


REGISTRY.register(_Deferred())

# The `_created` gauge beside every series doubles the page and no query of ours uses it.
disable_created_metrics()  # type: ignore[no-untyped-call]

SECONDS: Final = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
