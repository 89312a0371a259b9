"""A real Prometheus scrapes a real service under load; every query of ours must find data.

Needs the `prometheus` binary (Debian and Ubuntu: `apt-get install prometheus`) and skips without.
Both run as processes of their own, on loopback and in a temporary folder. What would only exist
after an event has its event here: a refused version, a full queue, a request that is too late.
"""

import json
import math
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.api.authors import write_authors
from tests.classifier import understand, write_classifier
from tests.deploy.files import PROMETHEUS, ROOT, load_yaml, rules
from tests.deploy.test_grafana import DASHBOARD, PANELS, VARIABLES
from tests.forecaster import write_still_version
from tests.streamer import write_untrained_version
from tests.streams import write_stream_version

PATIENCE = 30.0  # seconds until every query must have found something
BINARY = shutil.which("prometheus")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BINARY is None, reason="prometheus is not installed"),
]


@dataclass(frozen=True)
class Query:
    """One query of ours; `name` tells whose. `instant` as the panel asks it."""

    name: str
    expression: str
    instant: bool


@contextmanager
def process(command: list[str], log: Path, **variables: str) -> Iterator[None]:
    """Runs while the block does. Its output goes to a file: a full pipe would stop it."""
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, cwd=ROOT, env=os.environ | variables, stdout=output, stderr=output
        ) as child,
    ):
        try:
            yield
        finally:
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()


def wait_for(condition: Callable[[], bool], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, log.read_text(encoding="utf-8")[-2000:]
        time.sleep(0.05)


def answers(http: httpx.Client, path: str) -> bool:
    try:
        return http.get(path).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service's address as host:port; of its two forecasters one is refused, a stream moved."""
    folder = tmp_path_factory.mktemp("service")
    write_still_version(folder / "models", version="1")
    broken = write_still_version(folder / "models", version="2")
    (broken / "README.md").write_text("Somebody was here.\n", encoding="utf-8")
    understand(write_classifier(folder / "models"))
    write_authors(folder / "models")
    write_stream_version(folder / "models", "lstm")
    write_untrained_version(folder / "models")
    log = folder / "log"
    command = [sys.executable, "-m", "tests.deploy.service", str(folder / "models")]
    limits = {"UNROLL_MAX_QUEUE_SIZE": "6", "UNROLL_MAX_BATCH_SIZE": "2"}
    limits["UNROLL_STREAMS_URL"] = "memory://"
    with process(command, log, UNROLL_PORT="0", UNROLL_WORKER_THREADS="1", **limits):
        pattern = re.compile(r"running on http://(127\.0\.0\.1:\d+)")
        wait_for(lambda: bool(pattern.search(log.read_text(encoding="utf-8"))), log)
        found = pattern.search(log.read_text(encoding="utf-8"))
        assert found is not None
        with httpx.Client(base_url=f"http://{found[1]}") as http:
            wait_for(lambda: answers(http, "/health/ready"), log)
            move_a_stream(http, folder / "models", log)
        yield found[1]


def move_a_stream(http: httpx.Client, models: Path, log: Path) -> None:
    """A stream goes over to a version that is published meanwhile."""
    body = {"model": "lstm", "on_new_version": "replay"}
    assert http.put("/streams/moved", json=body).status_code == 201
    step = {"values": [0.5]}
    assert http.post("/streams/moved/steps", json=step).status_code == 200
    write_stream_version(models, "lstm", version="2", seed=2)
    wait_for(lambda: bool(http.get("/models/lstm").json()["version"] == "2"), log)
    assert http.post("/streams/moved/steps", json=step).json()["version"] == "2"


@pytest.fixture(scope="module")
def load(service: str) -> Iterator[None]:
    """Requests of unlike lengths, some with gaps, more at a time than the queue holds; texts."""
    done = threading.Event()
    statuses: set[int] = set()

    def ask(number: int) -> None:
        with httpx.Client(base_url=f"http://{service}", timeout=10) as http:
            while not done.is_set():
                series = [[1.0, None, *range(3 + 9 * i)] for i in range(4)]
                late = {"X-Request-Timeout-Ms": "1"} if number == 0 else {}
                body = {"series": series, "horizon": 3}
                statuses.add(http.post("/forecast", json=body, headers=late).status_code)
                for path in ("/sentiment", "/authorship"):
                    texts = {"text": ["good film", "depends upon \u6f22"]}
                    statuses.add(http.post(path, json=texts).status_code)
                http.post("/anomalies", json={"series": [1.0, 3.0, 2.0]})
                http.post("/streams/moved/steps", json={"values": [0.5]})
                time.sleep(0.02)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert {200, 429} <= statuses <= {200, 429, 504}


@pytest.fixture(scope="module")
def prometheus(
    service: str, load: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A client for a Prometheus with our configuration, but every second and for this service."""
    assert BINARY is not None
    folder = tmp_path_factory.mktemp("prometheus")
    config = load_yaml(PROMETHEUS / "prometheus.yml")
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(PROMETHEUS / file) for file in config["rule_files"]]
    (scrape,) = [job for job in config["scrape_configs"] if job["job_name"] == "unroll"]
    scrape["static_configs"] = [{"targets": [service]}]
    config["scrape_configs"] = [scrape]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [
        BINARY,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--log.level=warn",
    ]
    log = folder / "log"
    with (
        process(command, log, GOMAXPROCS="1"),
        httpx.Client(base_url=f"http://{address}/api/v1", timeout=10) as http,
    ):
        ready = f"http://{address}/-/ready"
        wait_for(lambda: answers(http, ready), log)
        yield http


def filled_in(expression: str, service: str) -> str:
    """With what a person would choose in the dashboard, and Grafana would put in."""
    values = {
        "instance": re.escape(service).replace("\\", "\\\\"),
        "task": "(authorship|forecast|sentiment|tensor)",
        "model": "(authorship|forecast|forecast-stream|lstm|sentiment)",
        "__rate_interval": "5s",
    }
    return re.sub(r"\$(\w+)", lambda match: values[match[1]], expression)


def queries(service: str) -> Iterator[Query]:
    """Every target of every panel, and every recorded series."""
    for panel in PANELS:
        for target in panel["targets"]:
            expression = filled_in(target["expr"], service)
            yield Query(f"{panel['title']} {target['refId']}", expression, target["instant"])
    for rule in rules("rules.yml"):
        yield Query(rule["record"], rule["record"], True)


def data(response: httpx.Response) -> Any:
    body = response.json()
    assert body["status"] == "success", body
    return body["data"]


def finds_data(http: httpx.Client, query: Query) -> bool:
    """Whether there is a finite number; a query that is wrong fails at once."""
    now = time.time()
    if query.instant:
        response = http.get("/query", params={"query": query.expression})
    else:
        span = {"start": now - 10, "end": now, "step": 1}
        response = http.get("/query_range", params={"query": query.expression, **span})
    samples = [
        value
        for series in data(response)["result"]
        for _, value in ([series["value"]] if query.instant else series["values"])
    ]
    return any(math.isfinite(float(value)) for value in samples)


def test_every_panel_and_every_recording_rule_finds_data(
    prometheus: httpx.Client, service: str
) -> None:
    waiting = list(queries(service))
    assert len(waiting) > len(PANELS)
    end = time.monotonic() + PATIENCE
    while waiting and time.monotonic() < end:
        time.sleep(1)
        waiting = [query for query in waiting if not finds_data(prometheus, query)]
    assert [f"{query.name}: {query.expression}" for query in waiting] == []


def test_every_rule_is_evaluated_without_an_error(prometheus: httpx.Client) -> None:
    groups = data(prometheus.get("/rules"))["groups"]
    evaluated = [rule for group in groups for rule in group["rules"]]
    names = {rule["record"] for rule in rules("rules.yml")}
    names |= {rule["alert"] for rule in rules("alerts.yml")}
    assert {rule["name"] for rule in evaluated} == names
    wrong = [rule for rule in evaluated if rule["health"] != "ok" or rule.get("lastError")]
    assert wrong == []


def test_the_refused_version_fires_its_alert(prometheus: httpx.Client) -> None:
    firing = {
        alert["labels"]["alertname"]
        for alert in data(prometheus.get("/alerts"))["alerts"]
        if alert["state"] == "firing"
    }
    assert firing == {"UnrollModelRefused"}


def test_every_choice_of_the_dashboard_has_values(prometheus: httpx.Client, service: str) -> None:
    expected = {
        "instance": [service],
        "task": ["anomalies", "authorship", "forecast", "sentiment", "tensor"],
        "model": ["authorship", "forecast", "forecast-stream", "lstm", "sentiment"],
    }
    for name, variable in VARIABLES.items():
        if variable["type"] == "query":
            found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            assert found is not None
            path = f"/label/{found[2]}/values"
            assert data(prometheus.get(path, params={"match[]": found[1]})) == expected[name]


def test_annotations_ask_what_prometheus_understands(
    prometheus: httpx.Client, service: str
) -> None:
    """No data is asked for: a restart would be needed, or a version published meanwhile."""
    for annotation in DASHBOARD["annotations"]["list"]:
        query = filled_in(annotation["expr"], service)
        data(prometheus.get("/query", params={"query": query}))


def test_a_scrape_stays_small(prometheus: httpx.Client) -> None:
    """Labels must not grow with what clients send."""
    query = {"query": "scrape_samples_scraped"}
    (series,) = data(prometheus.get("/query", params=query))["result"]
    assert int(series["value"][1]) < 900, json.dumps(series)
