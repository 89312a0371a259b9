"""Prometheus' configuration, recording rules and alerts agree with the code and with each other."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.files import (
    DEFAULTS,
    GRAFANA,
    PROMETHEUS,
    ROOT,
    load_yaml,
    rules,
    unknown_metrics,
)


def test_prometheus_scrapes_the_service_of_compose() -> None:
    config = load_yaml(PROMETHEUS / "prometheus.yml")
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    assert jobs["unroll"]["static_configs"] == [{"targets": [f"unroll:{DEFAULTS.port}"]}]
    assert jobs["unroll"].get("metrics_path", "/metrics") == "/metrics"
    assert config["rule_files"] == ["rules.yml", "alerts.yml"]
    assert all((PROMETHEUS / file).is_file() for file in config["rule_files"])


@pytest.mark.parametrize("rule", rules("rules.yml"), ids=lambda rule: str(rule["record"]))
def test_a_recording_rule_is_named_and_asks_for_what_exists(rule: dict[str, str]) -> None:
    assert re.fullmatch(r"[a-z_]+:[a-z_]+:[a-z0-9_]+", rule["record"])
    assert unknown_metrics(rule["expr"]) == set()


def test_recording_rules_are_asked_for() -> None:
    dashboard = (GRAFANA / "dashboards" / "unroll.json").read_text(encoding="utf-8")
    asked = dashboard + "".join(rule["expr"] for rule in rules("alerts.yml"))
    # Those that stand for one number a person asks for by hand.
    by_hand = {f"task:unroll_request_seconds:{p}_rate5m" for p in ("p50", "p95", "p99")}
    by_hand |= {"task:unroll_requests:rate5m", "model_version:unroll_workers_busy:ratio_rate5m"}
    unused = {rule["record"] for rule in rules("rules.yml") if rule["record"] not in asked}
    assert unused == by_hand


@pytest.mark.parametrize("rule", rules("alerts.yml"), ids=lambda rule: str(rule["alert"]))
def test_an_alert_asks_for_what_exists(rule: dict[str, Any]) -> None:
    assert unknown_metrics(rule["expr"]) == set()
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}


def test_every_alert_is_tried_out_and_explained() -> None:
    names = [rule["alert"] for rule in rules("alerts.yml")]
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
    assert [name for name in names if f"\n#### {name}\n" not in page] == [], "a runbook for each"


def promtool(*arguments: str, folder: Path = PROMETHEUS) -> subprocess.CompletedProcess[str]:
    """Run it in a folder. Skips the test where it is missing."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed (it comes with Prometheus)")
    return subprocess.run(
        [program, *arguments], cwd=folder, capture_output=True, text=True, timeout=300
    )


@pytest.mark.parametrize(
    "arguments",
    [("check", "config", "prometheus.yml"), ("test", "rules", "alerts_test.yml")],
    ids=["config", "alerts"],
)
def test_promtool_agrees(arguments: tuple[str, ...]) -> None:
    done = promtool(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
