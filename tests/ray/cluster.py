"""A Ray cluster of two node processes on this machine. Knows Ray and ports; no test."""

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx
import psutil
import ray
from ray import serve
from ray.cluster_utils import Cluster

from app.ray.deployment import DEPLOYMENT, NAME, Arguments

NODES: Final = 2
_STORE_BYTES: Final = 80 * 2**20  # of Ray's objects, of which there are none here
# A busy machine takes a minute until all processes of Ray have imported what they need.
_SETTINGS: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_raylet_start_wait_time_s": "120",
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
}


@dataclass(frozen=True)
class Site:
    """A running cluster: where Ray's proxies listen, and where each node tells metrics."""

    port: int
    metrics_ports: tuple[int, ...]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def deploy(
        self,
        replicas: int,
        models_per_replica: int = 0,
        scaling: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """Serve with so many replicas, unless `scaling` says more; returns when they do."""
        scaling = {"min_replicas": replicas, "max_replicas": replicas} | dict(scaling or {})
        deployment = DEPLOYMENT.options(autoscaling_config=scaling, **options)
        arguments = Arguments(models_per_replica=models_per_replica)
        serve.run(deployment.bind(arguments), name=NAME, route_prefix="/")
        until(lambda: running() == replicas)

    def samples(self, name: str, part: str = "") -> dict[str, float]:
        """A metric by replica, summed over other labels; of lines that hold `part`."""
        found: dict[str, float] = {}
        for port in self.metrics_ports:
            for line in httpx.get(f"http://127.0.0.1:{port}/metrics").text.splitlines():
                if line.startswith(f"{name}{{") and part in line:
                    labels, _, value = line.rpartition(" ")
                    replica = labels.partition('replica="')[2].partition('"')[0]
                    found[replica] = found.get(replica, 0.0) + float(value)
        return found


@contextmanager
def cluster(environment: Mapping[str, str], *, one_proxy: bool = False) -> Iterator[Site]:
    """Two node processes with a core each, whose replicas have this environment.

    one_proxy: on the first node; else each has one.
    """
    with ExitStack() as stack:
        before = dict(os.environ)
        stack.callback(_restore, before)
        os.environ.update(_SETTINGS | dict(environment))
        ports = free_ports(NODES + 1)
        nodes = Cluster()
        stack.callback(nodes.shutdown)
        for metrics_port in ports[1:]:
            nodes.add_node(
                num_cpus=1,
                object_store_memory=_STORE_BYTES,
                metrics_export_port=metrics_port,
                include_dashboard=False,
            )
        ray.init(address=nodes.address, log_to_driver=False)
        stack.callback(ray.shutdown)
        http = {"host": "127.0.0.1", "port": ports[0]}
        serve.start(proxy_location="HeadOnly" if one_proxy else "EveryNode", http_options=http)
        stack.callback(serve.shutdown)
        yield Site(ports[0], tuple(ports[1:]))


def running() -> int:
    """How many replicas serve."""
    states = serve.status().applications[NAME].deployments[NAME].replica_states
    return sum(states.values()) if set(states) == {"RUNNING"} else 0


def replica_processes() -> list[psutil.Process]:
    """The processes of replicas: Ray names them so."""
    children = psutil.Process().children(recursive=True)
    return [each for each in children if f"ServeReplica:{NAME}" in " ".join(_command(each))]


def until(condition: Callable[[], Any], seconds: float = 120.0) -> Any:
    """The condition's value once it is true. Raises AssertionError after so many seconds."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)
    return found


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        bound = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in bound]


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:  # it has ended
        return []


def _restore(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
