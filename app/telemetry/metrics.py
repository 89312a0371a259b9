"""Every Prometheus collector, declared once. Knows names and labels; not who observes them when.

Base units and full words; histograms, never summaries, so that figures of several processes add
up. Labels are only task, model, version, status, reason and provider: none of them can grow with
what clients send.
"""

from functools import cache
from typing import Final

from prometheus_client import REGISTRY, Counter, Gauge, Histogram

from app.telemetry.collectors import LABELS as LABELS
from app.telemetry.collectors import (
    SECONDS,
    DroppedLines,
    counter,
    declared,
    gauge,
    histogram,
)

REQUESTS: Final = counter(
    "unroll_requests_total",
    "Requests answered, by HTTP status.",
    ("task", "model", "version", "status"),
)
REQUEST_SECONDS: Final = histogram(
    "unroll_request_seconds",
    "Time from the first byte of a request to the last byte of its answer.",
    ("task", "model"),
    buckets=SECONDS,
)
IN_FLIGHT: Final = gauge("unroll_in_flight", "Requests being answered now.")
INPUT_LENGTH: Final = histogram(
    "unroll_input_length",
    "Length of one input as the client sent it: points of a series, characters of a text, bytes of "
    "an image.",
    ("task", "model"),
    buckets=(2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 100_000, 1_000_000),
)
MISSING_VALUES: Final = counter(
    "unroll_missing_values_total",
    "Missing points of input series that were imputed.",
    ("model",),
)

# Free of scale and of the quantiles that are asked for: it moves when what is sent changes.
INTERVAL_WIDTH: Final = histogram(
    "unroll_interval_width",
    "Mean width of a forecast's 80 % interval, in units of how far its series usually moves.",
    ("model", "version"),
    buckets=(0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.5, 10.0, 20.0, 50.0),
)
SCORED_VALUES: Final = counter(
    "unroll_scored_values_total",
    "Values of series and streams that were scored; missing ones are not.",
    ("model", "version"),
)
ANOMALIES: Final = counter(
    "unroll_anomalies_total",
    "Values of series and streams that were called anomalous.",
    ("model", "version"),
)
WARM_UP_VALUES: Final = counter(
    "unroll_warm_up_values_total",
    "Values that were scored while too little was known to call any anomalous.",
    ("model", "version"),
)
UNKNOWN_TOKEN_RATIO: Final = histogram(
    "unroll_unknown_token_ratio",
    "Share of one text's tokens that the model's vocabulary does not know, 0 to 1.",
    ("model", "version"),
    buckets=(0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0),
)
PREDICTION_CONFIDENCE: Final = histogram(
    "unroll_prediction_confidence",
    "Probability of the label or author that was answered, or of a text by word or character.",
    ("task", "model", "version"),
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0),
)
UNDERSTOOD_RATIO: Final = histogram(
    "unroll_understood_ratio",
    "Share of one text that is in the language its model has learned, 0 to 1.",
    ("model", "version"),
    buckets=(0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0),
)
ABSTENTIONS: Final = counter(
    "unroll_abstentions_total",
    "Texts that were answered with `abstained`: too little evidence, or too little understood.",
    ("model", "version"),
)

QUEUE_SECONDS: Final = histogram(
    "unroll_queue_seconds",
    "Time one input waited for a worker.",
    ("model", "version"),
    buckets=SECONDS,
)
INFERENCE_SECONDS: Final = histogram(
    "unroll_inference_seconds",
    "Time one batch took on its worker.",
    ("model", "version"),
    buckets=SECONDS,
)
BATCH_SIZE: Final = histogram(
    "unroll_batch_size",
    "Inputs in one batch.",
    ("model", "version"),
    buckets=(1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128),
)
PADDING_RATIO: Final = histogram(
    "unroll_padding_ratio",
    "Padded steps over all steps of one batch, 0 to 1.",
    ("model", "version"),
    buckets=(0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
)
STEP_SECONDS: Final = histogram(
    "unroll_step_seconds",
    "Time one step of a decoder took, for all runs that shared it.",
    ("model", "version"),
    buckets=SECONDS,
)
STEP_ROWS: Final = histogram(
    "unroll_step_rows",
    "Rows in one step of a decoder: the beams of all runs that shared it.",
    ("model", "version"),
    buckets=(1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128),
)
STEPS: Final = counter(
    "unroll_steps_total",
    "Steps computed, padding included.",
    ("model", "version"),
)
PADDED_STEPS: Final = counter(
    "unroll_padded_steps_total",
    "Steps computed only because a batch-mate was longer.",
    ("model", "version"),
)
QUEUE_DEPTH: Final = gauge(
    "unroll_queue_depth",
    "Inputs waiting for a worker now.",
    ("model", "version"),
)
QUEUE_LIMIT: Final = gauge(
    "unroll_queue_limit",
    "Inputs that may wait for a worker, at most.",
    ("model", "version"),
)
WORKERS: Final = gauge(
    "unroll_workers",
    "Worker threads.",
    ("model", "version"),
)
WORKER_REPLACEMENTS: Final = counter(
    "unroll_worker_replacements_total",
    "Worker threads that died and were replaced.",
    ("model", "version"),
)
REJECTIONS: Final = counter(
    "unroll_rejections_total",
    "Inputs that were not computed to their end: queue_full, not_ready, deadline, cancelled"
    " or, for requests that were not let in, overload.",
    ("model", "reason"),
)

STREAMS: Final = gauge(
    "unroll_streams",
    "Streams that are kept, in memory or in the store only.",
)
STREAMS_LIMIT: Final = gauge(
    "unroll_streams_limit",
    "Streams that may be kept, at most.",
)
STREAMS_HOT: Final = gauge(
    "unroll_streams_hot",
    "Streams whose state is held in memory as well; the others lie in the store only.",
)
STREAMS_EXPIRED: Final = counter(
    "unroll_streams_expired_total",
    "Streams that were let go because no step came for too long.",
)
STREAM_STEPS: Final = counter(
    "unroll_stream_steps_total",
    "Steps of streams that were taken and stored.",
    ("model", "version"),
)
STREAM_STORE_SECONDS: Final = histogram(
    "unroll_stream_store_seconds",
    "Time until the store had taken the new state of a stream.",
    (),
    buckets=SECONDS,
)
STREAM_STORE_FAILURES: Final = counter(
    "unroll_stream_store_failures_total",
    "Calls of the store of streams that failed.",
)
STREAM_CONFLICTS: Final = counter(
    "unroll_stream_conflicts_total",
    "Steps that were computed in vain, because another process had taken steps of that stream.",
)
STREAM_REPLAYS: Final = counter(
    "unroll_stream_replays_total",
    "Requests that were answered again with the kept answer, and took no step.",
)
STREAM_MOVES: Final = counter(
    "unroll_stream_moves_total",
    "Streams that were moved to another version by feeding it the kept inputs.",
    ("model", "version"),
)

PROCESSES: Final = declared(
    Gauge(
        "unroll_processes",
        "Processes that serve behind the port; absent where one serves alone.",
        registry=None,
    )
)
SILENT_PROCESSES: Final = declared(
    Gauge(
        "unroll_silent_processes",
        "Of them, those that do not answer their parent now; absent where one serves alone.",
        registry=None,
    )
)
PROCESS_DEATHS: Final = declared(
    Counter(
        "unroll_process_deaths_total",
        "Processes that ended unasked and were replaced; absent where one serves alone.",
        registry=None,
    )
)
BUILD_INFO: Final = gauge(
    "unroll_build_info",
    "1 for the version of the service itself.",
    ("version",),
)
MODEL_INFO: Final = gauge(
    "unroll_model_info",
    "1 for every model version that is served.",
    ("task", "model", "version"),
)
MODEL_LOADS: Final = counter(
    "unroll_model_loads_total",
    "Model versions loaded or refused.",
    ("model", "status"),
)
LOAD_SECONDS: Final = histogram(
    "unroll_load_seconds",
    "Time from the first byte read of a version until it was verified and warm.",
    ("model",),
    buckets=(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0),
)
SWAPS: Final = counter(
    "unroll_swaps_total",
    "Changes of what a model serves: first, newer, older, reloaded or unloaded.",
    ("model", "reason"),
)
REFUSED_VERSIONS: Final = gauge(
    "unroll_refused_versions",
    "Versions that lie in the repository and failed a check when they were last tried.",
    ("model",),
)
SESSIONS: Final = gauge(
    "unroll_sessions",
    "Open network sessions, by the execution provider they run on.",
    ("model", "version", "provider"),
)
LOG_LINES_DROPPED: Final = declared(DroppedLines())
REGISTRY.register(LOG_LINES_DROPPED)


# Looking a child up by its labels takes over a microsecond, and these two are observed for every
# request. They may be kept, since no series without a version is ever forgotten.
@cache
def requests(task: str, model: str, version: str, status: str) -> Counter:
    """The child of REQUESTS with these labels."""
    return REQUESTS.labels(task, model, version, status)


@cache
def request_seconds(task: str, model: str) -> Histogram:
    """The child of REQUEST_SECONDS with these labels."""
    return REQUEST_SECONDS.labels(task, model)


@cache
def input_length(task: str, model: str) -> Histogram:
    """The child of INPUT_LENGTH with these labels."""
    return INPUT_LENGTH.labels(task, model)
