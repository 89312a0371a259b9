"""What the protocol tells of the server and its models, as tritonclient asks for it."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.serving.models.manifest import Manifest, digest
from app.serving.task import OpenSession
from tests import tensors
from tests.api.doubles import NaiveTask
from tests.api.doubles import write_version as write_naive_version
from tests.api.service import Service, running
from tests.api.v2.triton import ROWS, Refused, client, inputs, post, protocol_service
from tests.doubles import TASKS as MEAN_TASKS
from tests.doubles import mean_graph, write_version
from tests.forecaster import write_still_version
from tests.tensors import write_tensor_version

FORECAST: dict[str, Any] = {"model": "steady", "series": [1.0, 2.0, 3.0], "horizon": 2}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root = tmp_path_factory.mktemp("models")
    # Names of their own: counts go on from one test to the next.
    write_still_version(root, "steady")
    write_tensor_version(root, "ragged", tensors.running_sum(), ROWS)
    whole = tensors.identity("BYTES", ("rows", "columns"))
    write_tensor_version(root, "whole", whole, [{"value": [["a"]]}, {"value": [["b", "c"]]}])
    with protocol_service(root) as service:
        yield service


@pytest.fixture(name="triton")
def connected(served: Service) -> Iterator[Any]:
    with client(served) as connection:
        yield connection


def test_health(served: Service, triton: Any) -> None:
    assert triton.is_server_live()
    assert triton.is_server_ready()
    assert triton.is_model_ready("steady")
    assert triton.is_model_ready("steady", "1")
    assert not triton.is_model_ready("steady", "2")
    assert not triton.is_model_ready("nope")
    served.app.services.lifecycle.drain()
    try:
        assert triton.is_server_live()
        assert not triton.is_server_ready()
        assert not triton.is_model_ready("steady")
        response = served.http.get("/v2/health/ready")
        assert (response.status_code, response.json().keys()) == (503, {"error"})
    finally:
        served.app.services.lifecycle.closed_at = math.inf


def test_only_what_works_is_advertised(triton: Any) -> None:
    server = triton.get_server_metadata()
    assert server["name"] == "unroll"
    assert server["version"]
    assert server["extensions"] == [
        "binary_tensor_data",
        "classification",
        "model_configuration",
        "model_repository",
        "sequence",
        "sequence(string_id)",
        "statistics",
    ]


def test_a_task_s_graph_is_described_by_its_tensors(triton: Any) -> None:
    model = triton.get_model_metadata("steady")
    assert (model["name"], model["versions"]) == ("steady", ["1"])
    assert model == triton.get_model_metadata("steady", "1")
    assert model["inputs"] == [
        {"name": "context", "datatype": "FP32", "shape": [-1, -1, -1]},
        {"name": "lengths", "datatype": "INT64", "shape": [-1]},
        {"name": "future", "datatype": "FP32", "shape": [-1, -1, -1]},
    ]
    assert model["outputs"] == [{"name": "quantiles", "datatype": "FP32", "shape": [-1, -1, 3]}]


def test_a_task_s_graph_answers(triton: Any) -> None:
    """Two rows of other lengths and the same horizon: three quantiles for each step."""
    feeds = {
        "context": np.zeros((2, 5, 4), np.float32),
        "lengths": np.array([5, 2]),
        "future": np.ones((2, 3, 2), np.float32),
    }
    found = triton.infer("steady", inputs(feeds)).as_numpy("quantiles")
    np.testing.assert_array_equal(found, np.tile([-1, 0, 1], (2, 3, 1)))


def test_the_configuration(served: Service, triton: Any) -> None:
    config = triton.get_model_config("ragged")
    assert config == triton.get_model_config("ragged", "1")
    assert config["max_batch_size"] == served.app.services.settings.max_batch_size
    assert config["input"] == [
        {"name": "values", "data_type": "TYPE_FP32", "dims": [-1]},
        {"name": "lengths", "data_type": "TYPE_INT64", "dims": [1], "reshape": {"shape": []}},
    ]
    assert [each["name"] for each in config["output"]] == ["sums", "total"]
    assert config["instance_group"] == [{"name": "ragged_0", "kind": "KIND_CPU", "count": 1}]
    assert config["version_policy"] == {"specific": {"versions": [1]}}
    assert "dynamic_batching" in config


def test_the_configuration_of_a_graph_without_a_batch(triton: Any) -> None:
    config = triton.get_model_config("whole")
    assert config["max_batch_size"] == 0
    assert config["input"] == [{"name": "value", "data_type": "TYPE_STRING", "dims": [-1, -1]}]
    assert "dynamic_batching" not in config


def metrics_of(service: Service, model: str) -> dict[str, float]:
    """Samples of one model's metrics, their labels summed up, requests by whether they were 200."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(service.http.get("/metrics").text):
        for sample in family.samples:
            if sample.labels.get("model") == model and "le" not in sample.labels:
                status = sample.labels.get("status", "")
                key = sample.name + ("" if status in ("", "200") else "_failed")
                found[key] = found.get(key, 0.0) + sample.value
    return found


def test_statistics_agree_with_the_metrics(served: Service, triton: Any) -> None:
    """After answers, refusals and other tasks' requests, each figure has its twin on /metrics."""
    rows = {"values": np.ones((5, 3), np.float32), "lengths": np.array([1, 2, 3, 1, 2])}
    for _ in range(3):
        triton.infer("ragged", inputs(rows))
        served.http.post("/forecast", json=FORECAST)
    for _ in range(2):
        assert post(served, {"inputs": []}, "ragged").status_code == 422
    assert served.http.post("/forecast", json=FORECAST | {"series": [1.0]}).status_code == 422
    everything = triton.get_inference_statistics()["model_stats"]
    assert [each["name"] for each in everything] == ["ragged", "steady", "whole"]
    for model in ("steady", "ragged"):
        (found,) = triton.get_inference_statistics(model)["model_stats"]
        assert found == triton.get_inference_statistics(model, "1")["model_stats"][0]
        page, stats = metrics_of(served, model), found["inference_stats"]
        assert found["version"] == "1"
        assert found["inference_count"] == page["unroll_batch_size_sum"] > 0
        assert found["execution_count"] == page["unroll_inference_seconds_count"] > 0
        assert stats["queue"]["count"] == page["unroll_queue_seconds_count"]
        assert stats["queue"]["ns"] == pytest.approx(page["unroll_queue_seconds_sum"] * 1e9)
        assert stats["success"]["count"] == page["unroll_requests_total"] > 0
        assert stats["fail"]["count"] == page["unroll_requests_total_failed"] > 0
        seconds = page["unroll_request_seconds_sum"]
        assert stats["success"]["ns"] + stats["fail"]["ns"] == pytest.approx(seconds * 1e9)
        computed = stats["compute_infer"]
        assert computed["count"] == found["execution_count"]
        assert computed["ns"] == pytest.approx(page["unroll_inference_seconds_sum"] * 1e9)
        batches = found["batch_stats"]
        assert (
            sum(each["batch_size"] * each["compute_infer"]["count"] for each in batches)
            == (found["inference_count"])
        )
        assert sum(each["compute_infer"]["ns"] for each in batches) == pytest.approx(
            computed["ns"], abs=len(batches)
        )
        assert 1.6e12 < found["last_inference"] < 1e14, "milliseconds since 1970"


class TwoGraphs(NaiveTask):
    """A task with an encoder and a decoder, as a captioner has them."""

    @classmethod
    def load(cls, folder: Path, manifest: Manifest, open_session: OpenSession) -> Self:
        for name in ("encoder.onnx", "decoder.onnx"):
            open_session(name)
        return super().load(folder, manifest.model_copy(update={"features": {}}), open_session)


def test_each_of_several_graphs_has_a_name(tmp_path: Path) -> None:
    folder = write_naive_version(tmp_path)
    (folder / "encoder.onnx").write_bytes(tensors.identity("FP32"))
    (folder / "decoder.onnx").write_bytes(tensors.lookup())
    manifest = Manifest.model_validate_json((folder / "manifest.json").read_bytes())
    files = {each: digest(folder / each) for each in ("README.md", "encoder.onnx", "decoder.onnx")}
    text = manifest.model_copy(update={"files": files}).model_dump_json()
    (folder / "manifest.json").write_text(text, encoding="utf-8")
    with running(tmp_path, tasks={"forecast": TwoGraphs}) as service, client(service) as triton:
        assert triton.get_model_metadata("forecast.encoder")["inputs"][0]["name"] == "value"
        feeds = inputs({"token_ids": np.array([[2]]), "lengths": np.array([1])})
        result = triton.infer("forecast.decoder", feeds)
        assert result.as_numpy("logits").tolist() == [[2, 4, 6]]
        assert result.get_response()["model_name"] == "forecast.decoder"
        # The index has the model as ready: so it is, under its own name, too.
        assert [each["state"] for each in triton.get_model_repository_index()] == ["READY"]
        assert triton.is_model_ready("forecast")
        assert triton.is_model_ready("forecast", "1")
        assert not triton.is_model_ready("forecast", "9")
        whole = triton.get_model_metadata("forecast")
        assert whole["graphs"] == ["forecast.decoder", "forecast.encoder"]
        assert (whole["platform"], whole["inputs"]) == ("ensemble", [])
        assert all(map(triton.is_model_ready, whole["graphs"]))
        with pytest.raises(Refused, match=r"forecast\.encoder, forecast\.decoder"):
            triton.infer("forecast", feeds)
        assert service.forecast().status_code == 200


def test_a_graph_may_have_nothing_that_clients_could_send(tmp_path: Path) -> None:
    """It serves its task as before, and there is nothing to ask it by."""
    write_version(tmp_path, graph=mean_graph())
    write_naive_version(tmp_path)
    tasks = {**MEAN_TASKS, "forecast": NaiveTask}
    with running(tmp_path, tasks=tasks) as service, client(service) as triton:
        assert triton.get_model_metadata("mean")["outputs"][0]["name"] == "mean"
        assert triton.is_model_ready("forecast")
        assert triton.get_model_metadata("forecast")["graphs"] == []
        with pytest.raises(Refused, match="those of forecast: none"):
            triton.infer("forecast", [])
        assert service.forecast().status_code == 200
