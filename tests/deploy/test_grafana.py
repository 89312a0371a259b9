"""The dashboard and its provisioning hold together; test_prometheus.py runs the queries."""

import json
import re
from itertools import combinations
from typing import Any

import pytest

from tests.deploy.files import COMPOSE, GRAFANA, PROMETHEUS, load_yaml, unknown_metrics

PATH = GRAFANA / "dashboards" / "unroll.json"
DASHBOARD: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = [each for each in DASHBOARD["panels"] if each["type"] != "row"]
VARIABLES = {each["name"]: each for each in DASHBOARD["templating"]["list"]}
ROWS = [
    "At a glance",
    "Golden signals per task",
    "Batching and padding",
    "Inputs and drift",
    "Streams",
    "Anomalies",
    "Models and versions",
    "Process",
]
UNITS = {"short", "s", "bytes", "percentunit", "reqps"}
BUILT_IN = {"__rate_interval", "__interval", "__range"}


def title(panel: dict[str, Any]) -> str:
    return str(panel["title"])


def test_the_dashboard_has_what_grafana_asks_for() -> None:
    required = {
        *("uid", "title", "schemaVersion", "version", "panels", "templating", "annotations"),
        *("time", "refresh", "editable", "tags"),
    }
    assert required <= DASHBOARD.keys()
    assert "id" not in DASHBOARD, "Grafana gives ids itself"
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", DASHBOARD["uid"])
    assert "__inputs" not in DASHBOARD, "provisioning fills in nothing"
    assert DASHBOARD["schemaVersion"] >= 39


def test_rows_are_in_order_and_ids_and_titles_unique() -> None:
    panels = DASHBOARD["panels"]
    assert [each["title"] for each in panels if each["type"] == "row"] == ROWS
    for key in ("id", "title"):
        values = [each[key] for each in panels]
        assert len(values) == len(set(values)), key


def test_panels_lie_side_by_side() -> None:
    def cells(panel: dict[str, Any]) -> set[tuple[int, int]]:
        place = panel["gridPos"]
        columns = range(place["x"], place["x"] + place["w"])
        return {(x, y) for x in columns for y in range(place["y"], place["y"] + place["h"])}

    for panel in DASHBOARD["panels"]:
        assert all(0 <= x < 24 for x, _ in cells(panel)), panel["title"]
    for one, other in combinations(DASHBOARD["panels"], 2):
        assert not cells(one) & cells(other), (one["title"], other["title"])


@pytest.mark.parametrize("panel", PANELS, ids=title)
def test_a_panel_says_what_it_shows_and_asks_the_chosen_prometheus(panel: dict[str, Any]) -> None:
    source = {"type": "prometheus", "uid": "${datasource}"}
    assert panel["datasource"] == source
    assert panel["type"] in {"timeseries", "stat", "table", "heatmap"}
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert panel["targets"]
    references = [target["refId"] for target in panel["targets"]]
    assert len(references) == len(set(references))
    for target in panel["targets"]:
        assert target["datasource"] == source
        assert target["range"] is not target["instant"]
        assert unknown_metrics(target["expr"]) == set()
        used = set(re.findall(r"\$\{?(\w+)", target["expr"]))
        assert used <= VARIABLES.keys() | BUILT_IN


def test_every_variable_is_used_and_chooses_all_at_first() -> None:
    text = PATH.read_text(encoding="utf-8")
    for name, variable in VARIABLES.items():
        assert re.search(rf"\$\{{?{name}\b", text), name
        if variable["type"] == "query":
            assert variable["allValue"] == ".*", "labels may be empty"
            assert variable["multi"]
            assert variable["current"]["value"] == ["$__all"]


def test_provisioning_names_the_prometheus_of_compose() -> None:
    folder = GRAFANA / "provisioning" / "datasources"
    (source,) = load_yaml(folder / "prometheus.yml")["datasources"]
    host, port = re.fullmatch(r"http://(\w+):(\d+)", source["url"]).groups()  # type: ignore[union-attr]
    assert host in COMPOSE["services"]
    assert COMPOSE["services"][host]["ports"][0].endswith(f":{port}")
    assert source["uid"] == VARIABLES["datasource"]["current"]["value"]
    scrape = load_yaml(PROMETHEUS / "prometheus.yml")["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == scrape


def test_provisioning_finds_the_dashboard_where_compose_mounts_it() -> None:
    folder = GRAFANA / "provisioning" / "dashboards"
    (provider,) = load_yaml(folder / "unroll.yml")["providers"]
    path = provider["options"]["path"]
    grafana = COMPOSE["services"]["grafana"]
    assert f"./deploy/grafana/dashboards:{path}:ro" in grafana["volumes"]
    assert "./deploy/grafana/provisioning:/etc/grafana/provisioning:ro" in grafana["volumes"]
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{path}/{PATH.name}"
