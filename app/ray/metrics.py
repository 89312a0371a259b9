"""Hands the metrics of a replica to Ray, whose nodes Prometheus asks. Knows both; not what counts.

The page of one replica would not do: a request for it reaches any of them. Ray adds the labels
`deployment`, `replica` and `application`, and `ray_` before each name, which a line in
deploy/ray/prometheus.yml takes away again. To Ray all of them are gauges: what is handed over is a
sum already. Queries do not see the difference.
"""

import threading
import time
from typing import Any, Final, TypeAlias

from prometheus_client import REGISTRY
from ray.serve import metrics

from app.telemetry.log import get_logger

# Ray's nodes ask every ten, and leave out a gauge that was not set since.
_SECONDS: Final = 5.0
_OURS: Final = ("unroll_", "process_")
_log: Final = get_logger(__name__)


_Sample: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]  # its name, its labels


class Exporter:
    """Copies what the registry holds, again and again, in a thread."""

    def __init__(self) -> None:
        self._gauges: dict[str, Any] = {}
        self._seen: set[_Sample] = set()

    def start(self) -> None:
        """Begin; ends with the process."""
        threading.Thread(target=self._run, name="metrics", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(_SECONDS)
            try:
                self.copy()
            except Exception:
                _log.exception("metrics_not_exported")

    def copy(self) -> None:
        """Hand over every sample; one that is gone since the last time becomes 0."""
        found: dict[_Sample, float] = {}
        for family in REGISTRY.collect():
            if family.name.startswith(_OURS):
                for sample in family.samples:
                    found[sample.name, tuple(sample.labels.items())] = sample.value
        found |= dict.fromkeys(self._seen - found.keys(), 0.0)
        for (name, labels), value in found.items():
            gauge = self._gauges.get(name)
            if gauge is None:
                keys = tuple(label for label, _ in labels)
                gauge = self._gauges[name] = metrics.Gauge(name, tag_keys=keys or None)
            gauge.set(value, tags=dict(labels))
        self._seen |= found.keys()
