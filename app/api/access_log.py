"""The access log: a line, metrics and statistics for each request that was answered.

Knows the record of a request; neither its body nor who answered it. The work is deferred, so that
no answer waits for it.
"""

import logging
import time
from typing import Final

from app.api.context import RequestRecord
from app.serving.scheduling.statistics import statistics_of
from app.telemetry import log, metrics
from app.telemetry.deferred import defer

# Probes and scrapes, which come every few seconds.
QUIET: Final = ("/health/", "/metrics", "/v2/health/", "/ping")
_requests: Final = logging.getLogger(__name__)


def write_access_log(record: RequestRecord, method: str, path: str, status: int) -> None:
    """Count the request and write its line. It is answered, or nobody waits for an answer."""
    now, seconds = time.time(), time.monotonic() - record.started
    defer(_count, record, method, path, status, seconds, now)


def _count(
    record: RequestRecord,
    method: str,
    path: str,
    status: int,
    seconds: float,
    now: float,
) -> None:
    if record.task:
        metrics.requests(record.task, record.model, record.version, str(status)).inc()
        metrics.request_seconds(record.task, record.model).observe(seconds)
        if record.input_length:
            metrics.input_length(record.task, record.model).observe(record.input_length)
        if record.model:
            statistics = statistics_of(record.model, record.version)
            statistics.answered(seconds, success=status == 200)
    facts: dict[str, log.Fact] = {
        "method": method,
        "path": path[:200],
        "status": status,
        "duration_ms": round(seconds * 1000, 3),
    }
    if record.error:
        facts["error"] = record.error
    if record.model:
        facts["model"] = record.model
        facts["version"] = record.version
        facts["inputs"] = record.inputs
    if record.queue_seconds is not None and record.inference_seconds is not None:
        facts["queue_ms"] = round(record.queue_seconds * 1000, 3)
        facts["inference_ms"] = round(record.inference_seconds * 1000, 3)
    if status >= 500:
        level = logging.WARNING
    elif path.startswith(QUIET):
        level = logging.DEBUG
    else:
        level = logging.INFO
    log.write(_requests, level, "request", facts, ids=record.ids, at=now)
