"""The image, its health check and the page agree with the code. Starts no engine."""

import json
import os
import re
import runpy
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.deploy.files import DEFAULTS, FIELDS, ROOT, UNROLL, dockerfile, last_stage, seconds

HEALTHCHECK = ROOT / "deploy" / "healthcheck.py"


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


def test_the_image_takes_an_extra_that_exists() -> None:
    (extra,) = [rest for word, rest in dockerfile() if word == "ARG" and "EXTRA" in rest]
    assert extra == 'EXTRA=""', "the plain image has none"
    assert 'case ",$EXTRA," in *,gpu,*)' in " ".join(rest for word, rest in dockerfile())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert any("onnxruntime-gpu" in line for line in project["optional-dependencies"]["gpu"])


def test_the_image_is_pinned_listens_everywhere_and_stops_on_sigterm() -> None:
    (base,) = [rest for word, rest in dockerfile() if word == "ARG" and "PYTHON_IMAGE" in rest]
    assert re.search(r"python:3\.\d+\.\d+-slim-", base)
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


# The page


def test_the_page_lists_every_setting_and_metric_as_the_code_has_it() -> None:
    reference = runpy.run_path(str(ROOT / "docs" / "reference.py"))
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert page == reference["written"](page), "run: python docs/reference.py"
