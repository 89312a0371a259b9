"""The manifests follow Kubernetes' schema and the service's own numbers. Needs no cluster."""

import re
import runpy
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from app.api.keys import KeyRing
from app.http.server import CLOSING_SECONDS
from app.main import create_app
from app.settings import Settings
from tests.deploy.files import (
    DEFAULTS,
    FIELDS,
    PROMETHEUS,
    ROOT,
    last_stage,
    load_yaml,
    unknown_metrics,
)

KUBERNETES = ROOT / "deploy" / "kubernetes"
FOLDER = KUBERNETES / "base"
MONITORING = KUBERNETES / "monitoring"
# `preStop.sleep` is in every release since 1.30; both ends of what clusters run.
RELEASES = ("1.30", "1.37")
LABELS = {"app.kubernetes.io/name": "unroll"}


def manifest(name: str) -> dict[str, Any]:
    return load_yaml(FOLDER / f"{name}.yaml")


RESOURCES: list[str] = manifest("kustomization")["resources"]
DEPLOYMENT = manifest("deployment")
POD: dict[str, Any] = DEPLOYMENT["spec"]["template"]["spec"]
CONTAINER: dict[str, Any] = POD["containers"][0]
ENVIRONMENT = {variable["name"]: variable["value"] for variable in CONTAINER["env"]}
VOLUMES = {volume["name"]: volume for volume in POD["volumes"]}
MOUNTS = {mount["name"]: mount for mount in CONTAINER["volumeMounts"]}


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("file", RESOURCES)
def test_a_manifest_follows_the_schema(file: str, release: str) -> None:
    kubernetes_validate.validate(load_yaml(FOLDER / file), release, strict=True)


def test_the_schema_is_looked_at_closely() -> None:
    wrong = manifest("deployment")
    wrong["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, RELEASES[0], strict=True)


def test_selectors_find_the_pods() -> None:
    assert DEPLOYMENT["spec"]["template"]["metadata"]["labels"] == LABELS
    assert DEPLOYMENT["spec"]["selector"]["matchLabels"] == LABELS
    assert manifest("service")["spec"]["selector"] == LABELS
    assert manifest("poddisruptionbudget")["spec"]["selector"]["matchLabels"] == LABELS


def test_probes_ask_routes_that_exist(tmp_path: Path) -> None:
    paths = create_app(Settings(models_dir=tmp_path)).openapi()["paths"]
    (port,) = CONTAINER["ports"]
    assert port["containerPort"] == DEFAULTS.port
    wanted = {"startup": "live", "liveness": "live", "readiness": "ready"}
    for probe, path in wanted.items():
        asked = CONTAINER[f"{probe}Probe"]["httpGet"]
        assert asked == {"path": f"/health/{path}", "port": port["name"]}
        assert asked["path"] in paths


def test_the_environment_is_one_of_settings() -> None:
    assert set(ENVIRONMENT) <= FIELDS


def test_nobody_is_served_without_a_key(tmp_path: Path) -> None:
    folder, file = ENVIRONMENT["UNROLL_API_KEYS_FILE"].rsplit("/", 1)
    mount, volume = MOUNTS["api-keys"], VOLUMES["api-keys"]
    # A folder: files that are mounted one by one stay as they were when a Secret changes.
    assert (mount["mountPath"], mount["readOnly"], "subPath" in mount) == (folder, True, False)
    secret = volume["secret"]
    assert [item["path"] for item in secret["items"]] == [file]
    assert not secret.get("optional"), "a pod that started without it would serve everybody"
    # And the service reads it as the kubelet mounts it: through two links, of which one changes.
    data, link, keys = tmp_path / "..data", tmp_path / file, tmp_path / "first"
    keys.mkdir()
    (keys / file).write_text("a-key-of-some-length\n", encoding="utf-8")
    data.symlink_to("first")
    link.symlink_to(f"..data/{file}")
    ring = KeyRing((), link, check_seconds=0)
    assert ring.knows(b"a-key-of-some-length")
    other = tmp_path / "second"
    other.mkdir()
    (other / file).write_text("another-key-of-some-length\n", encoding="utf-8")
    (tmp_path / "new").symlink_to("second")
    (tmp_path / "new").replace(data)
    assert ring.knows(b"another-key-of-some-length")
    assert not ring.knows(b"a-key-of-some-length")


def test_models_are_controlled_by_the_repository_alone() -> None:
    assert ENVIRONMENT["UNROLL_MODEL_CONTROL"] == "false"
    assert MOUNTS["models"]["mountPath"] == ENVIRONMENT["UNROLL_MODELS_DIR"]
    assert MOUNTS["models"]["readOnly"]
    claim = manifest("persistentvolumeclaim")
    claimed = VOLUMES["models"]["persistentVolumeClaim"]
    assert claimed == {"claimName": claim["metadata"]["name"], "readOnly": True}
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"], "pods run on many nodes"


def test_pods_spread_over_zones_and_nodes() -> None:
    spread = POD["topologySpreadConstraints"]
    keys = {each["topologyKey"] for each in spread}
    assert keys == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
    assert all(each["labelSelector"] == {"matchLabels": LABELS} for each in spread)


def test_the_network_lets_in_who_is_marked_and_nobody_out() -> None:
    policy = manifest("networkpolicy")["spec"]
    assert policy["podSelector"]["matchLabels"] == LABELS
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["egress"] == []
    (rule,) = policy["ingress"]
    assert rule["ports"] == [{"port": CONTAINER["ports"][0]["name"]}]
    assert {} not in rule["from"]


def test_a_pod_gets_the_time_to_finish_its_work() -> None:
    asleep = CONTAINER["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain = float(ENVIRONMENT["UNROLL_DRAIN_TIMEOUT_SECONDS"])
    readiness = CONTAINER["readinessProbe"]
    assert asleep >= readiness["periodSeconds"] * readiness["failureThreshold"]
    assert POD["terminationGracePeriodSeconds"] > asleep + drain + CLOSING_SECONDS


def test_a_pod_may_do_nothing_but_serve() -> None:
    (user,) = last_stage()["USER"]
    pod = POD["securityContext"]
    assert f"{pod['runAsUser']}:{pod['runAsGroup']}" == user
    assert pod["runAsNonRoot"]
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert POD["automountServiceAccountToken"] is False
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert CONTAINER["resources"].keys() == {"requests", "limits"}


def test_the_autoscaler_follows_the_queue() -> None:
    scaler = manifest("horizontalpodautoscaler")["spec"]
    assert scaler["scaleTargetRef"]["name"] == DEPLOYMENT["metadata"]["name"]
    assert "replicas" not in DEPLOYMENT["spec"]
    assert scaler["minReplicas"] > 1, "one may be evicted"
    metric = scaler["metrics"][0]["pods"]["metric"]["name"]
    assert unknown_metrics(metric) == set()
    (rule,) = load_yaml(MONITORING / "adapter-values.yaml")["rules"]["custom"]
    assert rule["name"]["as"] == metric
    assert rule["seriesQuery"].startswith(metric)
    cores = CONTAINER["resources"]
    (cpu,) = [each["resource"] for each in scaler["metrics"] if each["type"] == "Resource"]
    share = cpu["target"]["averageUtilization"] / 100 * float(cores["requests"]["cpu"])
    assert share < 0.8 * float(cores["limits"]["cpu"])


def test_the_operators_rules_are_those_of_prometheus() -> None:
    file = MONITORING / "prometheusrule.yaml"
    program = runpy.run_path(str(MONITORING / "prometheusrule.py"))
    assert file.read_text(encoding="utf-8") == program["written"](), (
        "run: python deploy/kubernetes/monitoring/prometheusrule.py"
    )
    rule = load_yaml(file)
    assert rule.keys() == {"apiVersion", "kind", "metadata", "spec"}
    assert (rule["apiVersion"], rule["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    groups = [
        group
        for name in ("rules.yml", "alerts.yml")
        for group in load_yaml(PROMETHEUS / name)["groups"]
    ]
    assert rule["spec"] == {"groups": groups}


def test_the_service_monitor_scrapes_the_service() -> None:
    """A custom resource has no schema here: its structure, by the operator's own definition."""
    monitor = load_yaml(MONITORING / "servicemonitor.yaml")
    assert monitor.keys() == {"apiVersion", "kind", "metadata", "spec"}
    assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
    assert monitor["kind"] == "ServiceMonitor"
    service = manifest("service")
    assert monitor["spec"]["selector"]["matchLabels"] == service["metadata"]["labels"]
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint.keys() == {"port", "path", "interval", "scrapeTimeout"}
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert endpoint["path"] == "/metrics"
    for field in ("interval", "scrapeTimeout"):
        assert re.fullmatch(r"\d+s", endpoint[field])
    # Its name becomes the label `job`, which alerts and dashboard select by.
    assert service["metadata"]["name"] == "unroll"
