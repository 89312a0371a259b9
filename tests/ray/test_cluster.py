"""Replicas on a real Ray cluster of two node processes: `make test-ray`."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from tests.streams import write_stream_version

pytest.importorskip("ray", reason="Ray is not installed: pip install 'unroll[ray]'")
# Ray itself warns: of pydantic, of processes and sockets that it leaves to the system.
pytestmark = pytest.mark.filterwarnings("ignore")

if TYPE_CHECKING:
    from tests.ray.cluster import Site

CLIENTS: Final = 4
VALUES: Final = [0.5, -1.0, 2.0, 0.25]
STICKY: Final = "ray.serve.experimental.consistent_hash_router.ConsistentHashRouter"


@pytest.fixture(name="site", scope="module")
def two_nodes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> "Iterator[Site]":
    if not request.config.getoption("--ray"):
        pytest.skip("starts a Ray cluster: make test-ray")
    from tests.ray.cluster import cluster

    folder = tmp_path_factory.mktemp("ray")
    for name, seed in (("lstm", 0), ("other", 1)):
        write_stream_version(folder / "models", name, seed=seed)
    environment = {
        "UNROLL_MODELS_DIR": str(folder / "models"),
        "UNROLL_STREAMS_DIR": str(folder / "streams"),
        "UNROLL_LOG_LEVEL": "WARNING",
        "RAY_metrics_report_interval_ms": "1000",
    }
    with cluster(environment) as site:
        site.deploy(2, request_router_config={"request_router_class": STICKY})
        yield site


def infer(http: httpx.Client, values: list[float], **headers: str) -> list[float]:
    """The outputs of the model `lstm` after each value."""
    body = {"inputs": [tensor(values)], "outputs": [{"name": "output"}]}
    answer = http.post("/v2/models/lstm/infer", json=body, headers=headers).raise_for_status()
    outputs: list[float] = answer.json()["outputs"][0]["data"]
    return outputs


def tensor(values: list[float]) -> dict[str, Any]:
    shape = [1, len(values), 1]
    return {"name": "values", "datatype": "FP32", "shape": shape, "data": values}


@dataclass
class Load:
    """What clients found that ask without a pause: when each failure came, and why."""

    expected: list[float]
    answers: list[float] = field(default_factory=list)  # when each came
    failures: list[tuple[float, str]] = field(default_factory=list)
    wrong: int = 0


@contextmanager
def load(site: "Site") -> Iterator[Load]:
    """Clients that ask again and again until the end of this context."""
    with httpx.Client(base_url=site.url, timeout=60) as http:
        found = Load(infer(http, VALUES))
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=site.url, timeout=60) as http:
            while not stop.is_set():
                try:
                    found.wrong += infer(http, VALUES) != found.expected
                    found.answers.append(time.monotonic())
                except httpx.HTTPError as error:
                    found.failures.append((time.monotonic(), repr(error)))

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for each in threads:
        each.start()
    try:
        yield found
    finally:
        stop.set()
        for each in threads:
            each.join()


def test_both_replicas_answer_and_prometheus_tells_them_apart(site: "Site") -> None:
    from tests.ray.cluster import until

    with httpx.Client(base_url=site.url, timeout=60) as http:
        assert http.get("/health/ready").json()["models"] == {"lstm": "1", "other": "1"}
        answers = {tuple(infer(http, VALUES)) for _ in range(40)}
    assert len(answers) == 1
    counts = until(lambda: both(site.samples("ray_unroll_requests_total")))
    assert sum(counts.values()) >= 40
    until(lambda: len(site.samples("ray_unroll_request_seconds_bucket", 'le="0.005"')) == 2)


def both(samples: dict[str, float]) -> dict[str, float]:
    """The samples, once two replicas have told theirs."""
    return samples if len(samples) == 2 and sum(samples.values()) >= 40 else {}


def test_a_stream_goes_on_whichever_replica_takes_its_steps(site: "Site") -> None:
    from tests.ray.cluster import until

    values = [0.1 * step for step in range(40)]
    with httpx.Client(base_url=site.url, timeout=60) as http:
        whole = infer(http, values)
        for name, headers in (("kept", {"x-session-id": "kept"}), ("spread", {})):
            http.put(f"/streams/{name}", json={"model": "lstm"}, headers=headers).raise_for_status()
            steps = []
            for position, value in enumerate(values):
                body = {"values": [value], "position": position}
                path = f"/streams/{name}/steps"
                answer = http.post(path, json=body, headers=headers).raise_for_status()
                steps.append(answer.json()["steps"][0]["output"][0])
            assert steps == pytest.approx(whole, abs=1e-6)
            if name == "kept":
                taken = until(lambda: steps_taken(site, len(values)))
                assert len(values) in taken.values(), "a session's steps go to one replica"
        taken = until(lambda: steps_taken(site, 2 * len(values)))
    assert max(taken.values()) < 2 * len(values), "steps without a session are spread"


def steps_taken(site: "Site", count: int) -> dict[str, float]:
    """By replica, once they have told of so many."""
    found = site.samples("ray_unroll_stream_steps_total")
    return found if sum(found.values()) == count else {}


def test_a_replica_that_is_taken_away_loses_nothing(site: "Site") -> None:
    from tests.ray.cluster import replica_processes, until

    with load(site) as found:
        site.deploy(1, request_router_config={"request_router_class": STICKY})
        until(lambda: len(replica_processes()) == 1)
        site.deploy(2, request_router_config={"request_router_class": STICKY})
        time.sleep(1)
    assert found.answers
    assert not found.wrong
    assert not found.failures


def test_a_replica_that_is_killed_costs_what_it_had_in_flight(site: "Site") -> None:
    from tests.ray.cluster import replica_processes, running, until

    with load(site) as found:
        time.sleep(1)
        killed = replica_processes()[0]
        at = time.monotonic()
        killed.kill()
        until(lambda: len({each.pid for each in replica_processes()} - {killed.pid}) == 2)
        until(lambda: running() == 2)
        time.sleep(1)
    assert not found.wrong
    assert len(found.failures) <= CLIENTS, found.failures
    assert any(at < each < at + 10 for each in found.answers)


def test_a_replica_holds_the_models_that_were_asked_for_last(site: "Site") -> None:
    site.deploy(1, models_per_replica=1)
    with httpx.Client(base_url=site.url, timeout=60) as http:
        for name in ("lstm", "other", "lstm"):
            body = {"inputs": [tensor(VALUES)]}
            headers = {"serve_multiplexed_model_id": name}
            http.post(f"/v2/models/{name}/infer", json=body, headers=headers).raise_for_status()
            assert list(http.get("/health/ready").json()["models"]) == [name]
        headers = {"serve_multiplexed_model_id": "none"}
        answer = http.post("/v2/models/none/infer", json=body, headers=headers)
        assert answer.status_code == 404
        assert "none" in answer.json()["error"]


def test_a_replica_is_added_where_inputs_wait(site: "Site") -> None:
    from app.ray.scaling import ByLoad
    from tests.ray.cluster import running, until

    policy = {
        "policy_function": f"{ByLoad.__module__}:{ByLoad.__name__}",
        "policy_kwargs": {"target_queue_seconds": 1e-9},
    }
    # Requests in progress would never be a reason.
    reasons = {"target_ongoing_requests": 1000, "upscale_delay_s": 0.0, "look_back_period_s": 15.0}
    site.deploy(1)  # Ray begins with as many as there were, if it may
    site.deploy(1, scaling={"max_replicas": 2, "policy": policy, **reasons})
    with load(site) as found:
        until(lambda: running() == 2)
    assert not found.failures
