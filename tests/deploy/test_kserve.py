"""The runtime and the services for KServe fit the service, Kubernetes' schemas and its classes."""

import subprocess
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import pytest
import yaml

from app.http.server import CLOSING_SECONDS
from app.main import create_app
from app.settings import Settings, load_settings
from tests.deploy.files import DEFAULTS, FIELDS, ROOT, last_stage, load_yaml, unknown_metrics
from tests.deploy.test_kubernetes import CONTAINER as POD_CONTAINER
from tests.deploy.test_kubernetes import RELEASES, manifest
from tests.deploy.test_rules import promtool
from tests.kserve_python import run

FOLDER: Final = ROOT / "deploy" / "kserve"
RUNTIME: Final = load_yaml(FOLDER / "clusterservingruntime.yaml")
SERVICES: Final = {name: load_yaml(FOLDER / f"{name}.yaml") for name in ("forecast", "own")}
CONTAINER: dict[str, Any] = RUNTIME["spec"]["containers"][0]
ENVIRONMENT: Final = {each["name"]: each["value"] for each in CONTAINER["env"]}
services = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


def query_of(service: dict[str, Any]) -> str:
    metric = service["spec"]["predictor"]["autoScaling"]["metrics"][0]
    query: str = metric["external"]["metric"]["query"]
    return query


def test_every_file_is_known() -> None:
    files = {path.stem for path in FOLDER.glob("*.yaml")}
    assert files == {"kustomization", "clusterservingruntime", *SERVICES}
    assert load_yaml(FOLDER / "kustomization.yaml")["resources"] == ["clusterservingruntime.yaml"]


def test_the_service_knows_what_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(ENVIRONMENT) <= FIELDS
    assert ENVIRONMENT["UNROLL_MODELS_DIR"] == "/mnt/models", "where KServe puts what is stored"
    assert ENVIRONMENT["UNROLL_MODEL_CONTROL"] == "false"
    # KServe puts the name of the InferenceService there.
    for service in SERVICES.values():
        name = ENVIRONMENT["UNROLL_MODEL_NAME"].replace("{{.Name}}", service["metadata"]["name"])
        monkeypatch.setenv("UNROLL_MODEL_NAME", name)
        assert load_settings().model_name == name


@pytest.mark.parametrize("release", RELEASES)
@services
def test_a_pod_of_it_follows_the_schema(service: dict[str, Any], release: str) -> None:
    """As KServe puts it together: the runtime's container and volumes, the predictor's pod."""
    predictor = service["spec"]["predictor"]
    own = {"minReplicas", "maxReplicas", "model", "autoScaling"}
    pod = {key: value for key, value in predictor.items() if key not in own}
    labels = {"serving.kserve.io/inferenceservice": service["metadata"]["name"]}
    spec = pod | {"containers": [CONTAINER], "volumes": RUNTIME["spec"]["volumes"]}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "predictor"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }
    kubernetes_validate.validate(deployment, release, strict=True)
    (spread,) = predictor["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"] == labels


@services
def test_a_service_is_one_of_this_runtime(service: dict[str, Any]) -> None:
    model = service["spec"]["predictor"]["model"]
    runtime = RUNTIME["spec"]
    assert model["runtime"] == RUNTIME["metadata"]["name"]
    assert model["protocolVersion"] in runtime["protocolVersions"]
    formats = {each["name"]: each["autoSelect"] for each in runtime["supportedModelFormats"]}
    assert model["modelFormat"]["name"] in formats
    assert formats == {"unroll": True, "onnx": False}


def test_it_is_run_as_on_kubernetes_without_kserve(tmp_path: Path) -> None:
    paths = create_app(Settings(models_dir=tmp_path)).openapi()["paths"]
    (port,) = CONTAINER["ports"]
    assert port["containerPort"] == DEFAULTS.port
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = CONTAINER[probe]["httpGet"]
        assert asked["path"] in paths
        assert asked["port"] == port["containerPort"]
        same = {key: value for key, value in POD_CONTAINER[probe].items() if key != "httpGet"}
        assert {key: value for key, value in CONTAINER[probe].items() if key != "httpGet"} == same
    assert CONTAINER["lifecycle"] == POD_CONTAINER["lifecycle"]
    assert CONTAINER["resources"] == POD_CONTAINER["resources"]
    (user,) = last_stage()["USER"]
    safe = CONTAINER["securityContext"]
    assert f"{safe['runAsUser']}:{safe['runAsGroup']}" == user
    assert safe.items() >= POD_CONTAINER["securityContext"].items()
    annotations = RUNTIME["spec"]["annotations"]
    assert annotations["prometheus.kserve.io/port"] == str(port["containerPort"])
    assert annotations["prometheus.kserve.io/path"] in paths


@services
def test_a_pod_gets_the_time_to_finish_its_work(service: dict[str, Any]) -> None:
    asleep = CONTAINER["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain = float(ENVIRONMENT["UNROLL_DRAIN_TIMEOUT_SECONDS"])
    grace = service["spec"]["predictor"]["terminationGracePeriodSeconds"]
    assert grace > asleep + drain + CLOSING_SECONDS


@services
def test_pods_come_with_the_wait(service: dict[str, Any], tmp_path: Path) -> None:
    name = service["metadata"]["name"]
    query = query_of(service)
    assert unknown_metrics(query) == set()
    # No series, then 60 inputs a minute that waited for 0.1 to 0.5 seconds, then none.
    series = [
        {"series": f'unroll_queue_seconds_bucket{{model="{name}",le="{le}"}}', "values": values}
        for le, values in (
            ("0.1", "_x9 0+0x10 0x20"),
            ("0.5", "_x9 0+60x10 600x20"),
            ("+Inf", "_x9 0+60x10 600x20"),
        )
    ]
    # Two pods.
    series += [
        {"series": f'unroll_workers{{model="{name}",instance="{pod}"}}', "values": "2x40"}
        for pod in ("a", "b")
    ]
    asked = [
        {"expr": query, "eval_time": f"{at}m", "exp_samples": [{"labels": "{}", "value": value}]}
        for at, value in ((5, 0), (18, 2 * (0.1 + 0.95 * 0.4)), (35, 0))
    ]
    tests = {"evaluation_interval": "1m", "tests": [{"interval": "1m", "input_series": series}]}
    tests["tests"][0]["promql_expr_test"] = asked  # type: ignore[index]
    (tmp_path / "test.yml").write_text(yaml.safe_dump(tests), encoding="utf-8")
    done = promtool("test", "rules", "test.yml", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@services
def test_a_busy_pod_without_a_queue_stays(service: dict[str, Any]) -> None:
    _, cpu = service["spec"]["predictor"]["autoScaling"]["metrics"]
    (known,) = [
        each["resource"]
        for each in manifest("horizontalpodautoscaler")["spec"]["metrics"]
        if each["type"] == "Resource"
    ]
    assert cpu == {"type": "Resource", "resource": known}


def check_with_kserve(*files: Path) -> subprocess.CompletedProcess[str]:
    return run(Path(__file__).with_name("kserve_schema.py"), *map(str, files))


@pytest.mark.slow
def test_kserve_has_every_field(tmp_path: Path) -> None:
    files = [path for path in FOLDER.glob("*.yaml") if path.stem != "kustomization"]
    done = check_with_kserve(*files)
    assert done.returncode == 0, done.stdout + done.stderr
    wrong = load_yaml(FOLDER / "own.yaml")
    wrong["spec"]["predictor"]["model"]["storageURI"] = "s3://elsewhere"
    wrong["spec"]["predictor"]["maxReplicas"] = "many"
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(wrong), encoding="utf-8")
    done = check_with_kserve(tmp_path / "wrong.yaml")
    assert done.returncode == 1
    assert "storageURI" in done.stdout
    assert "maxReplicas" in done.stdout
