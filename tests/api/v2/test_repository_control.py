"""POST /v2/repository/...: the index, loading, unloading, who may do it, and what is not served."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

from app.errors import ConfigurationError
from app.main import create_app
from app.settings import load_settings
from app.telemetry import log
from tests import tensors
from tests.api.service import LOG, Service
from tests.api.v2.triton import ROWS, Refused, check, client, inputs, protocol_service
from tests.tensors import write_tensor_version

FEEDS = {"values": np.ones((1, 2), np.float32), "lengths": np.array([2])}
POLICY = '{"version_policy": {"specific": {"versions": [%s]}}}'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    models = tmp_path / "models"
    for version in ("1", "2"):
        write_tensor_version(models, "sums", tensors.running_sum(), ROWS, version=version)
    write_tensor_version(models, "other", tensors.running_sum(), ROWS)
    return models


@pytest.fixture
def served(root: Path) -> Iterator[Service]:
    with protocol_service(root, watch_seconds=0) as service:
        yield service


@pytest.fixture
def triton(served: Service) -> Iterator[Any]:
    with client(served) as connection:
        yield connection


def version_of(triton: Any) -> str:
    version: str = triton.infer("sums", inputs(FEEDS)).get_response()["model_version"]
    return version


def states(triton: Any) -> dict[tuple[str, str], str]:
    return {(e["name"], e["version"]): e["state"] for e in triton.get_model_repository_index()}


def test_the_index_is_a_bare_list(served: Service, triton: Any) -> None:
    index = triton.get_model_repository_index()
    assert [tuple(each) for each in index] == [("name", "version", "state", "reason")] * 3
    assert states(triton) == {
        ("other", "1"): "READY",
        ("sums", "1"): "UNAVAILABLE",
        ("sums", "2"): "READY",
    }
    (lower,) = [each for each in index if each["state"] != "READY"]
    assert "version 2 is served" in lower["reason"]
    ready = served.http.post("/v2/repository/index", json={"ready": True}).json()
    assert [(each["name"], each["version"]) for each in ready] == [("other", "1"), ("sums", "2")]
    assert len(served.http.post("/v2/repository/index", json={}).json()) == 3


def test_a_version_is_pinned_and_let_go(triton: Any) -> None:
    assert version_of(triton) == "2"
    triton.load_model("sums", config=POLICY % 1)
    assert version_of(triton) == "1"
    triton.load_model("sums")
    assert version_of(triton) == "2"
    triton.load_model("sums", config='{"version_policy": {"latest": {"num_versions": 1}}}')
    assert version_of(triton) == "2"


def test_what_it_is_may_be_sent_along(triton: Any) -> None:
    config = triton.get_model_config("sums")
    triton.load_model("sums", config=json.dumps(config))
    assert version_of(triton) == "2"
    with pytest.raises(Refused, match=r'\[422\] parameters.config: "max_batch_size" cannot be set'):
        triton.load_model("sums", config=json.dumps(config | {"max_batch_size": 99}))
    with pytest.raises(Refused, match='"backend" cannot be set'):
        triton.load_model("sums", config='{"backend": "pytorch"}')


def test_a_model_is_unloaded_and_comes_back(triton: Any) -> None:
    triton.unload_model("sums", unload_dependents=True)
    assert not triton.is_model_ready("sums")
    assert triton.is_model_ready("other")
    assert states(triton)["sums", "2"] == "UNAVAILABLE"
    with pytest.raises(Refused, match=r"\[404\]"):
        version_of(triton)
    triton.load_model("sums", config=POLICY % 1)
    assert version_of(triton) == "1"


def test_a_broken_version_changes_nothing(triton: Any, root: Path) -> None:
    (root / "sums" / "1" / "model.onnx").write_bytes(b"nonsense")
    with pytest.raises(Refused, match=r"\[409\] model.onnx has 8 bytes") as caught:
        triton.load_model("sums", config=POLICY % 1)
    assert str(root) not in str(caught.value)
    assert version_of(triton) == "2"


@pytest.mark.parametrize(
    ("name", "config", "words"),
    [
        ("nope", None, r"\[404\] there is no model 'nope'"),
        ("sums", POLICY % 9, r"\[404\] version '9'"),
        ("sums", "{", r"\[422\] parameters.config"),
        ("sums", "[]", r"\[422\] parameters.config"),
        ("sums", POLICY % '"1"', r"\[422\] parameters.config.version_policy"),
        ("sums", POLICY % "1, 2", r"\[422\] .*one version"),
        ("sums", POLICY % "true", r"\[422\]"),
        ("sums", POLICY % "-1", r"\[422\]"),
        ("sums", '{"version_policy": {"all": {}}}', r"\[422\]"),
        ("sums", '{"version_policy": 1}', r"\[422\]"),
    ],
)
def test_what_cannot_be_loaded(triton: Any, name: str, config: str | None, words: str) -> None:
    with pytest.raises(Refused, match=words):
        triton.load_model(name, config=config)
    assert version_of(triton) == "2"


def test_files_cannot_be_sent(triton: Any) -> None:
    with pytest.raises(Refused, match=r"\[501\] parameters.file:1/model.onnx"):
        triton.load_model("sums", config="{}", files={"file:1/model.onnx": b"x"})
    with pytest.raises(Refused, match=r"\[404\]"):
        triton.unload_model("nope")


@pytest.mark.parametrize("path", ["index", "models/sums/load", "models/sums/unload"])
@pytest.mark.parametrize(
    ("content", "status"),
    [(b"{", 400), (b"[]", 422), (b"5", 422), (b" " * 2_000_000, 413), (b"[" * 500, 400)],
)
def test_wrong_bodies(served: Service, path: str, content: bytes, status: int) -> None:
    check(served.http.post(f"/v2/repository/{path}", content=content), status)


def test_wrong_fields(served: Service) -> None:
    check(served.http.post("/v2/repository/index", json={"ready": 1}), 422, "ready")
    load = "/v2/repository/models/sums/load"
    check(served.http.post(load, json={"parameters": [1]}), 422, "parameters")
    check(served.http.post(load, json={"parameters": {"config": {}}}), 422, "as a text")


@pytest.mark.parametrize(
    "path",
    [
        "systemsharedmemory/status",
        "systemsharedmemory/region/a/register",
        "cudasharedmemory/status",
        "cudasharedmemory/region/a/unregister",
        "trace/setting",
        "models/sums/trace/setting",
        "logging",
    ],
)
def test_what_is_not_served(served: Service, path: str) -> None:
    check(served.http.get(f"/v2/{path}"), 501, "not served")
    check(served.http.post(f"/v2/{path}", content=b"{}"), 501, "not served")


def test_tritonclient_understands_that(triton: Any) -> None:
    for call in (
        triton.get_log_settings,
        triton.get_trace_settings,
        triton.get_system_shared_memory_status,
        triton.get_cuda_shared_memory_status,
        lambda: triton.update_log_settings({}),
        lambda: triton.register_system_shared_memory("a", "/b", 8),
    ):
        with pytest.raises(Refused, match=r"\[501\]"):
            call()


def test_control_can_be_switched_off(root: Path) -> None:
    with protocol_service(root, model_control=False) as service, client(service) as triton:
        assert "model_repository" not in triton.get_server_metadata()["extensions"]
        for call in (triton.load_model, triton.unload_model):
            with pytest.raises(Refused, match=r"\[403\] models are not loaded"):
                call("sums")
        assert states(triton)["sums", "2"] == "READY"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize("ordinary", [None, "user-key"])
def test_control_needs_a_key_of_its_own(root: Path, ordinary: str | None) -> None:
    keys = {"admin_api_keys": "admin-key", "api_keys": ordinary}
    with protocol_service(root, **keys) as service, client(service) as triton:
        with pytest.raises(Refused, match=r"\[401\] this needs an API key"):
            triton.unload_model("sums")
        with pytest.raises(Refused, match=r"\[401\] the API key is not known"):
            triton.unload_model("sums", headers=bearer("admin-key2"))
        if ordinary:
            with pytest.raises(Refused, match=r"\[403\] this needs the API key of an admin"):
                triton.unload_model("sums", headers=bearer(ordinary))
            with pytest.raises(Refused, match=r"\[401\]"):
                triton.get_model_repository_index()
        assert triton.is_server_ready()
        assert len(triton.get_model_repository_index(headers=bearer("admin-key"))) == 3
        triton.unload_model("sums", headers=bearer("admin-key"))
        triton.load_model("sums", headers=bearer("admin-key"))
        schema = service.http.get("/openapi.json", headers=bearer("admin-key")).json()
        assert schema["paths"]["/v2/repository/models/{name}/load"]["post"]["security"]
    log.flush()
    assert "admin-key" not in LOG.getvalue()


def test_without_an_administrator_s_key_nobody_controls(root: Path) -> None:
    with protocol_service(root, api_keys="user-key") as service, client(service) as triton:
        with pytest.raises(Refused, match=r"\[403\]"):
            triton.unload_model("sums", headers=bearer("user-key"))
        assert triton.is_model_ready("sums", headers=bearer("user-key"))


def test_administrators_keys_may_lie_in_a_file(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    with pytest.raises(ConfigurationError, match="UNROLL_ADMIN_API_KEYS_FILE: No such file"):
        create_app(load_settings(models_dir=root, admin_api_keys_file=file))
    file.write_text("from-file  # somebody\n", encoding="utf-8")
    with protocol_service(root, admin_api_keys_file=file) as service, client(service) as triton:
        triton.load_model("sums", headers=bearer("from-file"))
        with pytest.raises(Refused, match=r"\[401\]"):
            triton.load_model("sums")


def test_a_wrong_administrator_s_key_is_not_shown() -> None:
    with pytest.raises(ConfigurationError, match="admin_api_keys: key 1 of 1") as caught:
        load_settings(admin_api_keys="has a space")
    assert "has a space" not in caught.value.message


def test_versions_change_under_load(tmp_path: Path) -> None:
    """Every request is answered, by the version that the answer names."""
    for version in (1, 2):
        nodes = [helper.make_node("Add", ["value", "bias"], ["sum"])]
        shape = ("batch", "time")
        content = tensors.graph(
            nodes,
            [tensors.info("value", "FP32", shape)],
            [tensors.info("sum", "FP32", shape)],
            bias=np.float32(version),
        )
        rows: list[dict[str, Any]] = [{"value": [1]}, {"value": [2, 3]}]
        write_tensor_version(tmp_path, "biased", content, rows, version=str(version))
    done = threading.Event()

    def ask(service: Service) -> set[str]:
        versions = set()
        with client(service) as triton:
            value = np.arange(12, dtype=np.float32).reshape(3, 4)
            while not done.is_set():
                result = triton.infer("biased", inputs({"value": value}))
                version = result.get_response()["model_version"]
                np.testing.assert_array_equal(result.as_numpy("sum"), value + int(version))
                versions.add(version)
        return versions

    with protocol_service(tmp_path, watch_seconds=0) as service, ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(ask, service) for _ in range(3)]
        try:
            with client(service) as triton:
                for _ in range(10):
                    triton.load_model("biased", config=POLICY % 1)
                    triton.load_model("biased")
        finally:
            done.set()
        assert set().union(*(each.result() for each in asked)) == {"1", "2"}
