"""Replicas by requests in progress and by waits, and what a replica tells of its waits."""

from types import SimpleNamespace
from typing import Any

import pytest

from app.serving.scheduling.statistics import statistics_of

pytest.importorskip("ray", reason="Ray is not installed: pip install 'unroll[ray]'")
# Ray itself warns: of pydantic, of processes and sockets that it leaves to the system.
pytestmark = pytest.mark.filterwarnings("ignore")


def context(requests: float, waits: dict[str, float] | None, replicas: int = 2) -> Any:
    from ray.serve.config import AutoscalingConfig

    return SimpleNamespace(
        current_num_replicas=replicas,
        target_num_replicas=replicas,
        total_num_requests=requests,
        aggregated_metrics=None if waits is None else {"queue_seconds": waits},
        policy_state={},
        config=AutoscalingConfig(min_replicas=1, max_replicas=9, target_ongoing_requests=10),
    )


@pytest.mark.parametrize(
    ("requests", "waits", "wanted"),
    [
        (40, None, 4),  # Ray's own policy: 10 requests a replica
        (40, {"a": 0.0, "b": 0.0}, 4),
        (20, {"a": 0.2, "b": 0.1}, 3),  # waits of 0.15 s, half as long again as wanted
        (20, {"a": 9.0, "b": 9.0}, 4),  # no more than twice at a time
        (50, {"a": 0.2, "b": 0.1}, 5),  # the greater one
        (10, {"a": 0.07, "b": 0.07}, 2),  # nearly too long: nobody leaves
        (10, {"a": 0.01, "b": 0.01}, 1),
    ],
)
def test_the_greater_need_counts(
    requests: float, waits: dict[str, float] | None, wanted: float
) -> None:
    from app.ray.scaling import ByLoad

    assert ByLoad(0.1)(context(requests, waits))[0] == pytest.approx(wanted)


def test_waits_are_those_since_the_last_time() -> None:
    from app.ray.waits import QueueSeconds

    models = [SimpleNamespace(name="waits-a", version="1"), SimpleNamespace(name="b", version="1")]
    queue = QueueSeconds(SimpleNamespace(loaded=lambda: models))  # type: ignore[arg-type]
    assert queue.read() == 0
    for seconds in (0.1, 0.3):
        statistics_of("waits-a", "1").waited(seconds)
    statistics_of("b", "1").waited(0.05)
    assert queue.read() == pytest.approx(0.2)
    assert queue.read() == 0
    statistics_of("b", "1").waited(0.05)
    assert queue.read() == pytest.approx(0.05)
