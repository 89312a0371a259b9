"""The compose files agree with the code and with what they mount. Starts no engine."""

import re
from typing import Any

import pytest

from app.http.server import CLOSING_SECONDS
from tests.deploy.files import (
    COMPOSE,
    DEFAULTS,
    FIELDS,
    ROOT,
    UNROLL,
    last_stage,
    load_yaml,
    seconds,
)

SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


INSIDE = {"UNROLL_HOST", "UNROLL_PORT"}  # what the image sets, and compose uses for the host


def test_compose_publishes_the_port_the_service_listens_on() -> None:
    published = f"${{UNROLL_HOST:-{DEFAULTS.host}}}:${{UNROLL_PORT:-{DEFAULTS.port}}}"
    assert UNROLL["ports"] == [f"{published}:{DEFAULTS.port}"]


def test_compose_passes_on_every_setting() -> None:
    environment = UNROLL["environment"]
    assert set(environment) == FIELDS - INSIDE, "it lists every setting of app/settings.py"
    passed_on = {name for name, value in environment.items() if value in (None, f"${{{name}:-}}")}
    assert environment.keys() - passed_on == {"UNROLL_MODELS_DIR", "UNROLL_STREAMS_DIR"}


def test_compose_mounts_are_read_only_and_where_they_are_looked_for() -> None:
    models = UNROLL["environment"]["UNROLL_MODELS_DIR"]
    streams = UNROLL["environment"]["UNROLL_STREAMS_DIR"]
    assert UNROLL["volumes"] == [f"./models:{models}:ro", f"streams-data:{streams}"]
    assert f"UNROLL_STREAMS_DIR={streams}" in " ".join(last_stage()["ENV"])
    assert any(f"--mode 700 {streams}" in run for run in last_stage()["RUN"])
    assert models == last_stage()["WORKDIR"][0] + "/models"
    assert "./deploy/prometheus:/etc/prometheus:ro" in SERVICES["prometheus"]["volumes"]
    assert "--config.file=/etc/prometheus/prometheus.yml" in SERVICES["prometheus"]["command"]
    mounts = [mount.split(":") for one in SERVICES.values() for mount in one["volumes"]]
    assert {source for source, *_ in mounts if source[0] != "."} == set(COMPOSE["volumes"])
    for source, _, *options in mounts:
        if source.startswith("./"):
            assert options == ["ro"], source
            assert source == "./models" or (ROOT / source).is_dir(), source


def test_compose_waits_for_accepted_work_before_it_kills() -> None:
    needed = DEFAULTS.drain_timeout_seconds + CLOSING_SECONDS
    assert seconds(UNROLL["stop_grace_period"]) > needed


@pytest.mark.parametrize("name", SERVICES)
def test_compose_services_restart_are_checked_pinned_and_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"
    assert "build" in service or re.search(r":v?\d+\.\d+\.\d+$", service["image"])
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*:\d+", service["user"])
    assert {"cpus", "mem_limit", "pids_limit"} <= service.keys()
    for port in service["ports"]:
        assert port.startswith(("127.0.0.1:", "${UNROLL_HOST:-127.0.0.1}:"))


def test_compose_runs_the_user_of_the_image() -> None:
    assert [UNROLL["user"]] == last_stage()["USER"]


def test_grafana_reports_to_nobody_and_nobody_can_change_it() -> None:
    environment = SERVICES["grafana"]["environment"]
    for name in ("REPORTING_ENABLED", "CHECK_FOR_UPDATES", "CHECK_FOR_PLUGIN_UPDATES"):
        assert environment[f"GF_ANALYTICS_{name}"] == "false"
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_AUTH_BASIC_ENABLED"] == "false"
    assert environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"


def test_the_gpu_file_changes_the_build_the_providers_and_the_devices() -> None:
    services = load_yaml(ROOT / "docker-compose.gpu.yml")["services"]
    assert services.keys() == {"unroll"}
    unroll = services["unroll"]
    assert unroll["build"] == {"context": UNROLL["build"], "args": {"EXTRA": "gpu"}}
    assert unroll["environment"].keys() <= FIELDS
    first, _, _ = unroll["environment"]["UNROLL_EXECUTION_PROVIDERS"].partition(",")
    assert first.endswith(":-CUDAExecutionProvider")
    (device,) = unroll["deploy"]["resources"]["reservations"]["devices"]
    assert device["driver"] == "nvidia"
    assert "gpu" in device["capabilities"]
