"""Metrics of several processes as one page. Knows what each type means; not what is measured.

Counters and histograms add up, over processes that have ended, too: they never fall. Gauges of
the living add up as well, since what they measure does (work in flight, threads, memory), but for
those that say the same in every process.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, TypeAlias

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

# Families as JSON: name, type, documentation, samples of (name, labels, value).
Snapshot: TypeAlias = list[list[Any]]

_CUMULATIVE: Final = ("counter", "histogram", "summary")
_SMALLEST: Final = frozenset({"process_start_time_seconds", "process_max_fds"})
# Besides those whose value is always 1.
_SAME: Final = frozenset({"unroll_refused_versions", "unroll_streams", "unroll_streams_limit"})


def snapshot(registry: Iterable[Metric]) -> Snapshot:
    """Everything on the page of one process."""
    return [
        [
            family.name,
            family.type,
            family.documentation,
            [[each.name, each.labels, each.value] for each in family.samples],
        ]
        for family in registry
    ]


def cumulative(taken: Snapshot) -> Snapshot:
    """What of it still counts when the process has ended."""
    return [family for family in taken if family[1] in _CUMULATIVE]


def merged(snapshots: Sequence[Snapshot]) -> Snapshot:
    """One snapshot of all; families and samples in the order in which they come first."""
    families: dict[str, tuple[str, str, dict[Any, list[Any]]]] = {}
    for taken in snapshots:
        for name, kind, documentation, samples in taken:
            _, _, known = families.setdefault(name, (kind, documentation, {}))
            for sample, labels, value in samples:
                key = (sample, *sorted(labels.items()))
                if key in known:
                    known[key][2] = _combined(name, known[key][2], value)
                else:
                    known[key] = [sample, labels, value]
    return [
        [name, kind, documentation, list(samples.values())]
        for name, (kind, documentation, samples) in families.items()
    ]


def page(taken: Snapshot) -> bytes:
    """In Prometheus's text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(taken))
    return generate_latest(registry)


def _combined(name: str, one: float, other: float) -> float:
    if name in _SMALLEST:
        return min(one, other)
    if name in _SAME or name.endswith("_info"):
        return max(one, other)
    return one + other


class _Families(Collector):
    def __init__(self, taken: Snapshot) -> None:
        self._taken = taken

    def collect(self) -> Iterator[Metric]:
        for name, kind, documentation, samples in self._taken:
            family = Metric(name, documentation, kind)
            for sample, labels, value in samples:
                family.add_sample(sample, labels, value)
            yield family
