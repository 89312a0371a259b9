"""Container, compose and monitoring files agree with the code. Knows files; starts no engine."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from app import metrics
from app.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
PROMETHEUS = ROOT / "deploy" / "prometheus"
HEALTHCHECK = ROOT / "deploy" / "healthcheck.py"


def load_yaml(path: Path) -> dict[str, Any]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def dockerfile() -> list[tuple[str, str]]:
    """Every instruction with its arguments, continued lines joined, comments left out."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    pairs = [line.split(maxsplit=1) for line in joined.splitlines()]
    return [(word.upper(), rest) for word, rest in pairs]


def last_stage() -> dict[str, list[str]]:
    """What the image that runs is made of: instruction -> the arguments of each use."""
    instructions = dockerfile()
    start = max(i for i, (word, _) in enumerate(instructions) if word == "FROM")
    stage: dict[str, list[str]] = {}
    for word, rest in instructions[start:]:
        stage.setdefault(word, []).append(rest)
    return stage


def seconds(duration: str) -> float:
    match = re.fullmatch(r"(\d+)(ms|s|m)", duration)
    assert match, duration
    return int(match[1]) * {"ms": 0.001, "s": 1.0, "m": 60.0}[match[2]]


COMPOSE = load_yaml(ROOT / "docker-compose.yml")
UNROLL: dict[str, Any] = COMPOSE["services"]["unroll"]
DEFAULTS = Settings.model_construct()
FIELDS = {f"UNROLL_{name.upper()}" for name in Settings.model_fields}


# The image


def test_the_image_runs_as_a_numbered_user_that_is_not_root() -> None:
    stage = last_stage()
    (user,) = stage["USER"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    number = user.partition(":")[0]
    assert any(f"--uid {number} " in run for run in stage["RUN"])
    assert not any("--chown" in copy for copy in stage["COPY"]), "its files should be root's"


def test_the_image_installs_the_service_and_no_torch() -> None:
    commands = " ".join(rest for word, rest in dockerfile() if word == "RUN")
    assert "torch" not in commands
    assert "[train" not in commands
    assert "constraints.txt" in commands
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.split(r"[^a-z0-9-]", line.lower())[0] for line in project["dependencies"]}
    assert not names & {"torch", "onnx", "statsforecast"}
    assert {"fastapi", "onnxruntime"} <= names
    assert "unroll" in project["scripts"], "the entry point"


def test_the_image_is_pinned_listens_everywhere_and_stops_on_sigterm() -> None:
    bases = {rest for word, rest in dockerfile() if word == "ARG"}
    assert len(bases) == 1
    assert re.search(r"python:3\.\d+\.\d+-slim-", bases.pop())
    stage = last_stage()
    environment = " ".join(stage["ENV"])
    assert "UNROLL_HOST=0.0.0.0" in environment
    assert f"UNROLL_PORT={DEFAULTS.port}" in environment
    assert set(re.findall(r"UNROLL_[A-Z_]+", environment)) <= FIELDS
    assert stage["EXPOSE"] == [str(DEFAULTS.port)]
    assert stage["STOPSIGNAL"] == ["SIGTERM"]
    assert json.loads(stage["ENTRYPOINT"][0]) == ["unroll"]
    assert json.loads(stage["CMD"][0]) == ["serve"]


def test_the_image_finds_its_models_where_the_settings_look_for_them() -> None:
    stage = last_stage()
    (work,) = stage["WORKDIR"]
    assert any(copy.endswith(f" {work}/models") for copy in stage["COPY"])
    assert DEFAULTS.models_dir.relative_to(ROOT) == Path("models")


def test_the_runtime_is_told_not_to_report() -> None:
    """ONNX Runtime's builds send usage to their vendor unless this is set before they load."""
    assert "ORT_DISABLE_TELEMETRY=1" in " ".join(last_stage()["ENV"])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ORT_")}
    code = "import os, app.main; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "1", done.stderr


def test_what_the_dockerfile_copies_reaches_the_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert next(line for line in lines if not line.startswith("#")) == "*"
    allowed = {line[1:] for line in lines if line.startswith("!")}
    copies = [rest for word, rest in dockerfile() if word == "COPY" and "--from" not in rest]
    sources = {source for copy in copies for source in copy.split()[:-1]}
    assert sources == allowed
    assert not [source for source in sources if not (ROOT / source).exists()]


def test_the_health_check_of_the_image_and_of_compose_are_one() -> None:
    (line,) = last_stage()["HEALTHCHECK"]
    options, _, command = line.partition("CMD ")
    compose = UNROLL["healthcheck"]
    assert compose["test"] == ["CMD", *json.loads(command)]
    for option in ("interval", "timeout", "start_period"):
        assert f"--{option.replace('_', '-')}={compose[option]}" in options
    assert f"--retries={compose['retries']}" in options
    assert seconds(compose["timeout"]) > runpy.run_path(str(HEALTHCHECK))["TIMEOUT_SECONDS"]


# The health check itself


class Answer(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/health/ready" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def answering(status: int) -> Iterator[int]:
    """A server whose /health/ready answers `status`; gives its port."""
    handler = type("Handler", (Answer,), {"status": status})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def check_health(port: int) -> int:
    # A proxy that is not there: loopback must not be asked through it.
    proxies = {"http_proxy": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}
    environment = {**os.environ, **proxies, "UNROLL_PORT": str(port)}
    command = [sys.executable, str(HEALTHCHECK)]
    return subprocess.run(command, env=environment, stdout=subprocess.DEVNULL).returncode


@pytest.mark.parametrize(("status", "expected"), [(200, 0), (503, 1), (500, 1)])
def test_the_health_check_tells_ready_from_not_ready(status: int, expected: int) -> None:
    with answering(status) as port:
        assert check_health(port) == expected


def test_the_health_check_fails_when_nothing_listens() -> None:
    with answering(200) as port:
        pass
    assert check_health(port) == 1


# Compose


def test_compose_publishes_the_port_the_service_listens_on() -> None:
    environment = UNROLL["environment"]
    assert environment["UNROLL_HOST"] == "0.0.0.0"
    assert environment["UNROLL_PORT"] == str(DEFAULTS.port)
    published = f"${{UNROLL_HOST:-{DEFAULTS.host}}}:${{UNROLL_PORT:-{DEFAULTS.port}}}"
    assert UNROLL["ports"] == [f"{published}:{DEFAULTS.port}"]


def test_compose_passes_on_every_setting() -> None:
    environment = UNROLL["environment"]
    assert set(environment) == FIELDS, "docker-compose.yml lists every setting of app/settings.py"
    fixed = {name for name, value in environment.items() if value is not None}
    assert fixed == {"UNROLL_HOST", "UNROLL_PORT", "UNROLL_MODELS_DIR"}


def test_compose_mounts_are_read_only_and_where_they_are_looked_for() -> None:
    models = UNROLL["environment"]["UNROLL_MODELS_DIR"]
    assert UNROLL["volumes"] == [f"./models:{models}:ro"]
    assert models == last_stage()["WORKDIR"][0] + "/models"
    prometheus = COMPOSE["services"]["prometheus"]
    assert "./deploy/prometheus:/etc/prometheus:ro" in prometheus["volumes"]
    assert "--config.file=/etc/prometheus/prometheus.yml" in prometheus["command"]
    named = {volume.partition(":")[0] for volume in prometheus["volumes"]} - {"./deploy/prometheus"}
    assert named == set(COMPOSE["volumes"])


def test_compose_waits_for_accepted_work_before_it_kills() -> None:
    assert seconds(UNROLL["stop_grace_period"]) > DEFAULTS.drain_timeout_seconds


def test_compose_services_restart_are_checked_and_pinned() -> None:
    for name, service in COMPOSE["services"].items():
        assert service["restart"] == "unless-stopped", name
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert "build" in service or re.search(r":v?\d+\.\d+\.\d+$", service["image"]), name


# Prometheus


def test_prometheus_scrapes_the_service_of_compose() -> None:
    config = load_yaml(PROMETHEUS / "prometheus.yml")
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    assert jobs["unroll"]["static_configs"] == [{"targets": [f"unroll:{DEFAULTS.port}"]}]
    assert jobs["unroll"].get("metrics_path", "/metrics") == "/metrics"
    assert config["rule_files"] == ["alerts.yml"]
    assert (PROMETHEUS / "alerts.yml").is_file()


def alerts() -> list[dict[str, Any]]:
    groups = load_yaml(PROMETHEUS / "alerts.yml")["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_alerts_ask_for_metrics_that_exist() -> None:
    families = {
        family.name
        for collector in vars(metrics).values()
        if isinstance(collector, MetricWrapperBase)
        for family in collector.describe()
    }
    for rule in alerts():
        for name in re.findall(r"\bunroll_[a-z_]+", rule["expr"]):
            base = re.sub(r"_(total|bucket|count|sum)$", "", name)
            assert base in families, f"{rule['alert']} asks for {name}"


def test_every_alert_is_tried_out_and_explained() -> None:
    names = [rule["alert"] for rule in alerts()]
    assert len(names) == len(set(names))
    cases = load_yaml(PROMETHEUS / "alerts_test.yml")["tests"]
    fired = {
        test["alertname"]
        for case in cases
        for test in case["alert_rule_test"]
        if test.get("exp_alerts")
    }
    assert fired == set(names)
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert [name for name in names if f"`{name}`" not in page] == []


@pytest.mark.parametrize(
    "arguments",
    [("check", "config", "prometheus.yml"), ("test", "rules", "alerts_test.yml")],
    ids=["config", "alerts"],
)
def test_promtool_agrees(arguments: tuple[str, ...]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (it comes with Prometheus)")
    done = subprocess.run(
        [promtool, *arguments], cwd=PROMETHEUS, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


# The page


def test_the_page_lists_every_setting_and_metric_as_the_code_has_it() -> None:
    reference = runpy.run_path(str(ROOT / "docs" / "reference.py"))
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert page == reference["written"](page), "run: python docs/reference.py"
