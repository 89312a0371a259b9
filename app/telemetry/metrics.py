"""Every Prometheus collector, declared once. Knows names and labels; not who observes them when.

Base units and full words; histograms, never summaries, so that figures of several processes add
up. Labels are only task, model, version, status, reason and provider: none of them can grow with
what clients send.
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any, Final, Self

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, Metric, disable_created_metrics
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

from app.telemetry.deferred import catch_up


class _Counter(Counter):
    """Looks a child up that is there already; the library checks and locks first."""

    def labels(self, *values: object, **named: object) -> Self:
        child: Any = self._metrics.get(values)  # type: ignore[arg-type]  # others are not found
        return child if child is not None else super().labels(*values, **named)


class _Histogram(Histogram):
    """The same; and finds an amount's bucket by bisection, not by trying one after the other."""

    def labels(self, *values: object, **named: object) -> Self:
        child: Any = self._metrics.get(values)  # type: ignore[arg-type]  # others are not found
        return child if child is not None else super().labels(*values, **named)

    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:
        self._sum.inc(amount)
        self._buckets[bisect_left(self._upper_bounds, amount)].inc(1)


class _CatchUp(Collector):
    """Is asked first, so that what was put off is counted before anybody reads the others."""

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        catch_up()
        return ()


REGISTRY.register(_CatchUp())

# The `_created` gauge beside every series doubles the page and no query of ours uses it.
disable_created_metrics()  # type: ignore[no-untyped-call]

_SECONDS: Final = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)

REQUESTS: Final = _Counter(
    "unroll_requests_total",
    "Requests answered, by HTTP status.",
    ("task", "model", "version", "status"),
)
REQUEST_SECONDS: Final = _Histogram(
    "unroll_request_seconds",
    "Time from the first byte of a request to the last byte of its answer.",
    ("task", "model"),
    buckets=_SECONDS,
)
IN_FLIGHT: Final = Gauge("unroll_in_flight", "Requests being answered now.")
INPUT_LENGTH: Final = _Histogram(
    "unroll_input_length",
    "Length of one input as the client sent it: points of a series, characters of a text, bytes of "
    "an image.",
    ("task", "model"),
    buckets=(2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 100_000, 1_000_000),
)
MISSING_VALUES: Final = _Counter(
    "unroll_missing_values_total",
    "Missing points of input series that were imputed.",
    ("model",),
)

# Free of scale and of the quantiles that are asked for: it moves when what is sent changes.
INTERVAL_WIDTH: Final = _Histogram(
    "unroll_interval_width",
    "Mean width of a forecast's 80 % interval, in units of how far its series usually moves.",
    ("model", "version"),
    buckets=(0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.5, 10.0, 20.0, 50.0),
)
UNKNOWN_TOKEN_RATIO: Final = _Histogram(
    "unroll_unknown_token_ratio",
    "Share of one text's tokens that the model's vocabulary does not know, 0 to 1.",
    ("model", "version"),
    buckets=(0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0),
)
PREDICTION_CONFIDENCE: Final = _Histogram(
    "unroll_prediction_confidence",
    "Probability of the label or author that was answered, or of a caption per word, 0 to 1.",
    ("task", "model", "version"),
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0),
)
ABSTENTIONS: Final = _Counter(
    "unroll_abstentions_total",
    "Texts for whose author the evidence was too thin: answered with `abstained`.",
    ("model", "version"),
)

QUEUE_SECONDS: Final = _Histogram(
    "unroll_queue_seconds",
    "Time one input waited for a worker.",
    ("model", "version"),
    buckets=_SECONDS,
)
INFERENCE_SECONDS: Final = _Histogram(
    "unroll_inference_seconds",
    "Time one batch took on its worker.",
    ("model", "version"),
    buckets=_SECONDS,
)
BATCH_SIZE: Final = _Histogram(
    "unroll_batch_size",
    "Inputs in one batch.",
    ("model", "version"),
    buckets=(1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128),
)
PADDING_RATIO: Final = _Histogram(
    "unroll_padding_ratio",
    "Padded steps over all steps of one batch, 0 to 1.",
    ("model", "version"),
    buckets=(0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
)
STEP_SECONDS: Final = _Histogram(
    "unroll_step_seconds",
    "Time one step of a decoder took, for all runs that shared it.",
    ("model", "version"),
    buckets=_SECONDS,
)
STEP_ROWS: Final = _Histogram(
    "unroll_step_rows",
    "Rows in one step of a decoder: the beams of all runs that shared it.",
    ("model", "version"),
    buckets=(1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128),
)
STEPS: Final = _Counter(
    "unroll_steps_total",
    "Steps computed, padding included.",
    ("model", "version"),
)
PADDED_STEPS: Final = _Counter(
    "unroll_padded_steps_total",
    "Steps computed only because a batch-mate was longer.",
    ("model", "version"),
)
QUEUE_DEPTH: Final = Gauge(
    "unroll_queue_depth",
    "Inputs waiting for a worker now.",
    ("model", "version"),
)
QUEUE_LIMIT: Final = Gauge(
    "unroll_queue_limit",
    "Inputs that may wait for a worker, at most.",
    ("model", "version"),
)
WORKERS: Final = Gauge(
    "unroll_workers",
    "Worker threads.",
    ("model", "version"),
)
WORKER_REPLACEMENTS: Final = _Counter(
    "unroll_worker_replacements_total",
    "Worker threads that died and were replaced.",
    ("model", "version"),
)
REJECTIONS: Final = _Counter(
    "unroll_rejections_total",
    "Inputs that were not computed to their end: queue_full, not_ready, deadline, cancelled"
    " or, for requests that were not let in, overload.",
    ("model", "reason"),
)

PROCESSES: Final = Gauge(
    "unroll_processes",
    "Processes that serve behind the port; absent where one serves alone.",
    registry=None,
)
PROCESS_DEATHS: Final = Counter(
    "unroll_process_deaths_total",
    "Processes that ended unasked and were replaced; absent where one serves alone.",
    registry=None,
)
BUILD_INFO: Final = Gauge(
    "unroll_build_info",
    "1 for the version of the service itself.",
    ("version",),
)
MODEL_INFO: Final = Gauge(
    "unroll_model_info",
    "1 for every model version that is served.",
    ("task", "model", "version"),
)
MODEL_LOADS: Final = _Counter(
    "unroll_model_loads_total",
    "Model versions loaded or refused.",
    ("model", "status"),
)
LOAD_SECONDS: Final = _Histogram(
    "unroll_load_seconds",
    "Time from the first byte read of a version until it was verified and warm.",
    ("model",),
    buckets=(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0),
)
SWAPS: Final = _Counter(
    "unroll_swaps_total",
    "Changes of what a model serves: first, newer, older, reloaded or unloaded.",
    ("model", "reason"),
)
REFUSED_VERSIONS: Final = Gauge(
    "unroll_refused_versions",
    "Versions that lie in the repository and failed a check when they were last tried.",
    ("model",),
)
SESSIONS: Final = Gauge(
    "unroll_sessions",
    "Open network sessions, by the execution provider they run on.",
    ("model", "version", "provider"),
)


def forget_gauges(model: str, version: str) -> None:
    """Take the gauges of a version that is closed off the page; what was counted stays."""
    for collector in _collectors():
        if isinstance(collector, Gauge):
            _forget(collector, model, version)


def forget_version(model: str, version: str) -> None:
    """Take everything about a version off the page, so that it does not grow for ever."""
    for collector in _collectors():
        _forget(collector, model, version)


def _collectors() -> list[MetricWrapperBase]:
    return [each for each in globals().values() if isinstance(each, MetricWrapperBase)]


def _forget(collector: MetricWrapperBase, model: str, version: str) -> None:
    labels = collector._labelnames
    if {"model", "version"} <= set(labels):
        (family,) = collector.collect()
        for sample in family.samples:  # once per bucket, too: removing again does nothing
            if (sample.labels["model"], sample.labels["version"]) == (model, version):
                collector.remove(*(sample.labels[label] for label in labels))
