"""The overlays for Kubernetes: what they change fits what they stand on. Needs no cluster."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import pytest
import redis
import yaml

from app.http.server import CLOSING_SECONDS
from tests.deploy.files import FIELDS, dockerfile, load_yaml
from tests.deploy.kustomize import KUBERNETES, built, container, the
from tests.deploy.test_kubernetes import RELEASES
from tests.serving.streams.stores import NO_REDIS, REDIS, redis_server
from tests.streams import write_stream_version

OVERLAYS: Final = ("cpu", "gpu", "streams")
FOLDERS: Final = [path.parent for path in sorted(KUBERNETES.rglob("kustomization.yaml"))]
# Custom resources have no schema here.
CUSTOM: Final = {"ServiceMonitor", "PrometheusRule"}
STREAMS: Final = KUBERNETES / "components" / "streams"


def overlay(name: str) -> list[dict[str, Any]]:
    return built(KUBERNETES / "overlays" / name)


def name_of(folder: Path) -> str:
    return str(folder.relative_to(KUBERNETES))


def documents(folder: Path) -> Iterator[dict[str, Any]]:
    """Every manifest and patch that lies in a folder."""
    for path in sorted(folder.glob("*.yaml")):
        if path.name not in ("kustomization.yaml", "adapter-values.yaml"):
            yield from yaml.safe_load_all(path.read_text(encoding="utf-8"))


def environment(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in container(manifest).get("env", ())}


def seconds_to_end(manifest: dict[str, Any]) -> float:
    """What a pod may take from the wish that it ends to its end."""
    asleep = container(manifest)["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain = environment(manifest)["UNROLL_DRAIN_TIMEOUT_SECONDS"]["value"]
    return float(asleep) + float(drain) + CLOSING_SECONDS


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_a_kustomization_lists_every_file(folder: Path) -> None:
    content = load_yaml(folder / "kustomization.yaml")
    patches = [each["path"] for each in content.get("patches", ()) if "path" in each]
    resources = [each for each in content.get("resources", ()) if ".." not in each]
    files = {path.name for path in folder.glob("*.yaml")}
    # The last is not for kubectl: values of a Helm chart.
    assert {*patches, *resources} == files - {"kustomization.yaml", "adapter-values.yaml"}
    for other in [*content.get("resources", ()), *content.get("components", ())]:
        assert (folder / other).exists()
    component = "components" in folder.parts
    assert content["kind"] == ("Component" if component else "Kustomization")


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_a_patch_is_of_something(folder: Path) -> None:
    """Also where kubectl is missing, which would say the same."""
    content = load_yaml(folder / "kustomization.yaml")
    own = {each["path"] for each in content.get("patches", ()) if "path" in each}
    base = {(each["kind"], each["metadata"]["name"]) for each in documents(KUBERNETES / "base")}
    for path in own:
        patch = load_yaml(folder / path)
        assert (patch["kind"], patch["metadata"]["name"]) in base


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_the_service_knows_what_it_is_told(folder: Path) -> None:
    for document in documents(folder):
        if (document["kind"], document["metadata"]["name"]) == ("Deployment", "unroll"):
            (each,) = document["spec"]["template"]["spec"]["containers"]
            names = {variable["name"] for variable in each.get("env", ())}
            assert names - FIELDS <= {"REDIS_PASSWORD"}


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_follows_the_schema(name: str, release: str) -> None:
    kinds = set()
    for document in overlay(name):
        kubernetes_validate.validate(document, release, strict=True)
        kinds.add(document["kind"])
    assert kinds >= {"Deployment", "Service", "NetworkPolicy", "PersistentVolumeClaim"}


@pytest.mark.parametrize("folder", ["models", "monitoring"])
def test_what_stands_beside_them_follows_it_too(folder: str) -> None:
    for document in built(KUBERNETES / folder):
        if document["kind"] not in CUSTOM:
            kubernetes_validate.validate(document, RELEASES[-1], strict=True)


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_is_safe_and_gives_time(name: str) -> None:
    manifests = overlay(name)
    deployment = the(manifests, "Deployment")
    told = environment(deployment)
    assert told["UNROLL_MODEL_CONTROL"]["value"] == "false"
    assert "UNROLL_API_KEYS_FILE" in told
    assert "UNROLL_API_KEYS" not in told, "keys stand in no manifest"
    grace = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace > seconds_to_end(deployment)
    assert "Secret" not in {each["kind"] for each in manifests}, "whoever installs it makes those"
    # An autoscaler's number would be undone by every `apply`.
    assert "replicas" not in deployment["spec"]


def test_gpu_asks_for_one_and_scales_by_the_queue() -> None:
    manifests = overlay("gpu")
    deployment = the(manifests, "Deployment")
    limits = container(deployment)["resources"]["limits"]
    assert limits["nvidia.com/gpu"] == "1"
    assert (
        limits["cpu"] == container(the(overlay("cpu"), "Deployment"))["resources"]["limits"]["cpu"]
    )
    told = environment(deployment)["UNROLL_EXECUTION_PROVIDERS"]["value"]
    assert told == "CUDAExecutionProvider,CPUExecutionProvider"
    # A GPU that is free is not to be counted on.
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    assert {"UNROLL_EXECUTION_PROVIDERS"} <= environment(deployment).keys() <= FIELDS
    scaler = the(manifests, "HorizontalPodAutoscaler")["spec"]
    assert [each["type"] for each in scaler["metrics"]] == ["Pods"]
    assert scaler["minReplicas"] == 2


def test_streams_lie_in_a_redis_that_pods_alone_reach() -> None:
    manifests = overlay("streams")
    store = the(manifests, "StatefulSet", "unroll-redis")
    service = the(manifests, "Service", "unroll-redis")
    policy = the(manifests, "NetworkPolicy", "unroll-redis")["spec"]
    pods = store["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"] == pods == policy["podSelector"]["matchLabels"]
    (rule,) = policy["ingress"]
    labels = the(manifests, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert rule["from"] == [{"podSelector": {"matchLabels": labels}}]
    (port,) = service["spec"]["ports"]
    told = environment(the(manifests, "Deployment"))
    url = told["UNROLL_STREAMS_URL"]["value"]
    assert url == f"redis://:$(REDIS_PASSWORD)@{service['metadata']['name']}:{port['port']}/0"
    # Kubernetes puts a variable into those that stand behind it.
    assert list(told).index("REDIS_PASSWORD") < list(told).index("UNROLL_STREAMS_URL")
    secret = told["REDIS_PASSWORD"]["valueFrom"]
    assert environment(store)["REDIS_PASSWORD"]["valueFrom"] == secret
    # The way out: to it, and to whoever looks its name up.
    out = the(manifests, "NetworkPolicy")["spec"]["egress"]
    assert out[0] == {
        "to": [{"podSelector": {"matchLabels": pods}}],
        "ports": [{"port": port["port"]}],
    }
    assert {each["port"] for rule in out[1:] for each in rule["ports"]} == {53}


def redis_options() -> list[str]:
    (found,) = [each for each in documents(STREAMS) if each["kind"] == "StatefulSet"]
    redis_container = container(found)
    assert redis_container["command"] == ["redis-server"]
    return [str(each) for each in redis_container["args"]]


def test_redis_evicts_nothing_and_has_room() -> None:
    options = redis_options()
    said = dict(zip(options[::2], options[1::2], strict=True))
    assert said["--maxmemory-policy"] == "noeviction"
    assert said["--appendonly"] == "yes"
    (found,) = [each for each in documents(STREAMS) if each["kind"] == "StatefulSet"]
    memory = container(found)["resources"]["limits"]["memory"]
    assert said["--maxmemory"] == "1gb"
    assert memory == "1536Mi", "half as much again, for the copy while the log is rewritten"
    assert container(found)["volumeMounts"][0]["mountPath"] == said["--dir"]


@pytest.mark.skipif(REDIS is None, reason=NO_REDIS)
def test_a_redis_takes_these_options(tmp_path: Path) -> None:
    options = ["secret" if each == "$(REDIS_PASSWORD)" else each for each in redis_options()]
    options[options.index("--dir") + 1] = str(tmp_path)
    with redis_server(tmp_path, *options) as url:
        asked = url.replace("redis://", "redis://:secret@")
        with redis.Redis.from_url(asked) as store:
            assert store.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert store.config_get("appendonly") == {"appendonly": "yes"}
            assert store.config_get("maxmemory") == {"maxmemory": str(2**30)}
        with redis.Redis.from_url(url) as store, pytest.raises(redis.AuthenticationError):
            store.ping()


def test_models_may_come_with_the_image(tmp_path: Path) -> None:
    content = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(KUBERNETES / "overlays" / "cpu", tmp_path)],
        "components": [os.path.relpath(KUBERNETES / "components" / "models-in-image", tmp_path)],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    manifests = built(tmp_path)
    assert "PersistentVolumeClaim" not in {each["kind"] for each in manifests}
    deployment = the(manifests, "Deployment")
    kubernetes_validate.validate(deployment, RELEASES[-1], strict=True)
    assert "persistentVolumeClaim" not in str(deployment)
    assert "models" not in {each["name"] for each in container(deployment)["volumeMounts"]}
    folder = environment(deployment)["UNROLL_MODELS_DIR"]["value"]
    copied = [rest for word, rest in dockerfile() if word == "COPY"]
    assert f"--from=builder /models {folder}" in copied


def test_the_job_publishes_what_is_not_there(tmp_path: Path) -> None:
    job = load_yaml(KUBERNETES / "models" / "job.yaml")
    copy = container(job)
    image, volume = tmp_path / "image", tmp_path / "volume"
    volume.mkdir()
    for version in ("1", "2"):
        write_stream_version(image, version=version)
    shutil.copytree(image / "lstm" / "1", volume / "lstm" / "1")
    (volume / "lstm" / "1" / "README.md").write_text("of somebody else", encoding="utf-8")
    (volume / "lstm" / ".tmp-2").mkdir()  # of a job that was killed
    shell, *arguments = copy["command"]
    (told,) = copy["env"]
    for published in ("published lstm/2/\n", ""):
        done = subprocess.run(
            [shell, *arguments],
            cwd=image,
            env=os.environ | {told["name"]: str(volume)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == published
    assert {each.name for each in (volume / "lstm").iterdir()} == {"1", "2"}
    assert (volume / "lstm" / "1" / "README.md").read_text(encoding="utf-8") == "of somebody else"
    same = [each.name for each in (image / "lstm" / "2").iterdir()]
    assert {each.name for each in (volume / "lstm" / "2").iterdir()} == set(same)
    claim = job["spec"]["template"]["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"]
    assert (
        claim == load_yaml(KUBERNETES / "base" / "persistentvolumeclaim.yaml")["metadata"]["name"]
    )
