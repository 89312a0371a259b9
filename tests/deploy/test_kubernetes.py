"""The manifests follow Kubernetes' schema and the service's own numbers. Needs no cluster."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from app.http.server import CLOSING_SECONDS
from app.main import create_app
from app.settings import Settings
from tests.deploy.files import DEFAULTS, FIELDS, ROOT, last_stage, load_yaml, unknown_metrics

FOLDER = ROOT / "deploy" / "kubernetes"
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


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("file", RESOURCES)
def test_a_manifest_follows_the_schema(file: str, release: str) -> None:
    kubernetes_validate.validate(load_yaml(FOLDER / file), release, strict=True)


def test_the_schema_is_looked_at_closely() -> None:
    wrong = manifest("deployment")
    wrong["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, RELEASES[0], strict=True)


def test_kustomizations_list_every_manifest() -> None:
    for folder in (FOLDER, FOLDER / "monitoring"):
        kustomization = load_yaml(folder / "kustomization.yaml")
        assert kustomization["kind"] == "Kustomization"
        files = {path.name for path in folder.glob("*.yaml")}
        # Not for kubectl: values of a Helm chart.
        files -= {"kustomization.yaml", "adapter-values.yaml"}
        assert set(kustomization["resources"]) == files


@pytest.mark.parametrize("folder", [FOLDER, FOLDER / "monitoring"], ids=lambda path: path.name)
def test_kubectl_agrees(folder: Path) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    done = subprocess.run(
        [kubectl, "kustomize", str(folder)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    for document in yaml.safe_load_all(done.stdout):
        if document["kind"] != "ServiceMonitor":
            kubernetes_validate.validate(document, RELEASES[-1], strict=True)


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


def test_a_pod_gets_the_time_to_finish_its_work() -> None:
    assert set(ENVIRONMENT) <= FIELDS
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
    (rule,) = load_yaml(FOLDER / "monitoring" / "adapter-values.yaml")["rules"]["custom"]
    assert rule["name"]["as"] == metric
    assert rule["seriesQuery"].startswith(metric)
    cores = CONTAINER["resources"]
    (cpu,) = [each["resource"] for each in scaler["metrics"] if each["type"] == "Resource"]
    share = cpu["target"]["averageUtilization"] / 100 * float(cores["requests"]["cpu"])
    assert share < 0.8 * float(cores["limits"]["cpu"])


def test_the_service_monitor_scrapes_the_service() -> None:
    """A custom resource has no schema here: its structure, by the operator's own definition."""
    monitor = load_yaml(FOLDER / "monitoring" / "servicemonitor.yaml")
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
