"""How many replicas there should be: by requests in progress, and by how long inputs wait.

Knows numbers; not where they come from. Ray's controller calls `ByLoad`, and gets the code of this
file by value.
"""

from typing import Any, Final, Protocol, TypeAlias

from ray.serve.autoscaling_policy import replica_queue_length_autoscaling_policy

QUEUE_SECONDS: Final = "queue_seconds"  # what a replica tells: `waits.QueueSeconds`
_MOST: Final = 2.0  # times as many replicas as there are, in one decision
_CALM: Final = 0.5  # share of the target under which a replica may be taken away

Decision: TypeAlias = tuple[float, dict[str, Any]]


class Context(Protocol):
    """What is read of Ray's AutoscalingContext here, besides what Ray's own policy reads."""

    @property
    def current_num_replicas(self) -> int: ...

    @property
    def aggregated_metrics(self) -> dict[str, dict[Any, float]] | None:
        """By name and replica, over Ray's `look_back_period_s`."""
        ...


class ByLoad:
    """Ray's own policy (`target_ongoing_requests`), and more replicas where inputs wait for long.

    Requests in progress do not tell how long they are: a few long inputs fill a replica as well.
    """

    def __init__(self, target_queue_seconds: float) -> None:
        """target_queue_seconds: what an input should wait for a worker at most, on average."""
        self._target = target_queue_seconds

    def __call__(self, context: Context) -> Decision:
        """(replicas that are wanted, what Ray's policy keeps); Ray applies delays and bounds."""
        wanted, kept = replica_queue_length_autoscaling_policy(context)
        waits = (context.aggregated_metrics or {}).get(QUEUE_SECONDS, {})
        there = context.current_num_replicas
        if not waits or not there:
            return wanted, kept
        share = sum(waits.values()) / len(waits) / self._target
        if share > 1:
            return max(wanted, there * min(share, _MOST)), kept
        return (wanted if share < _CALM else max(wanted, there)), kept
