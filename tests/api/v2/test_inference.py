"""POST /v2/models/.../infer, asked by tritonclient: every element type, binary and JSON."""

import gzip
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from app.serving.runtime.datatypes import NUMPY, Datatype
from tests.api.service import Service
from tests.api.v2.triton import (
    CLIENT,
    Array,
    Refused,
    client,
    inputs,
    outputs,
    protocol_service,
    write_models,
)

EDGES: dict[Datatype, list[Any]] = {
    "BOOL": [True, False, True],
    "FP16": [1.5, -65504.0, 6e-8],
    "BF16": [1.5, -3e38, 2.0**-126],
    "FP32": [1.5, -3.4e38, 1e-45],
    "FP64": [1.5, -1.7e308, 5e-324],
    "BYTES": [b"plain", "\u00e4 \u2028 \U0001f600\x00".encode(), b""],
}


def edges(datatype: Datatype) -> Array:
    """Two rows of the most awkward values there are."""
    dtype = NUMPY[datatype]
    whole = dtype.kind in "iu"
    values = EDGES.get(datatype) or [np.iinfo(dtype).min, np.iinfo(dtype).max, int(whole)]
    return np.array([values, values[::-1]], CLIENT[datatype])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with protocol_service(write_models(tmp_path_factory.mktemp("models"))) as service:
        yield service


@pytest.fixture(name="triton")
def connected(served: Service) -> Iterator[Any]:
    with client(served) as connection:
        yield connection


@pytest.mark.parametrize("datatype", NUMPY)
def test_binary_both_ways(triton: Any, datatype: Datatype) -> None:
    value = edges(datatype)
    result = triton.infer(datatype.lower(), inputs({"value": value}))
    same = result.as_numpy("same")
    np.testing.assert_array_equal(same, value)
    assert same.dtype == value.dtype
    if datatype != "BYTES":
        with np.errstate(over="ignore"):  # the largest doubles become infinite, on either side
            number = value.astype(np.float32)
        np.testing.assert_array_equal(result.as_numpy("number"), number)


@pytest.mark.parametrize("datatype", [name for name in NUMPY if name != "BF16"])
def test_json_both_ways(triton: Any, datatype: Datatype) -> None:
    value = edges(datatype)
    result = triton.infer(
        datatype.lower(),
        inputs({"value": value}, binary=False),
        outputs=outputs(["same"], binary_data=False),
    )
    found = result.as_numpy("same")
    if datatype == "BYTES":  # in JSON texts are texts
        assert found.tolist() == [[text.decode() for text in row] for row in value.tolist()]
    else:
        np.testing.assert_array_equal(found, value)


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("rows", [1, 2, 3])
def test_one_text_a_row(triton: Any, rows: int, binary: bool) -> None:
    value = np.array([[1, 2], [2, 1], [3, 4]], np.float32)[:rows]
    wanted = outputs(["name"], binary_data=binary)
    result = triton.infer("label", inputs({"value": value}), outputs=wanted)
    found = [each.decode() if binary else each for each in result.as_numpy("name").tolist()]
    assert found == ["second", "first", "second"][:rows]


def test_bfloat16_as_json(served: Service) -> None:
    """tritonclient sends it as binary only; others need not."""
    tensor = {"name": "value", "datatype": "BF16", "shape": [1, 3], "data": [1.5, -2.0, 3.14159]}
    answer = served.http.post("/v2/models/bf16/infer", json={"inputs": [tensor]}).json()
    assert answer["outputs"][0]["data"] == [1.5, -2.0, 3.140625]


def test_binary_in_and_json_out(triton: Any) -> None:
    value = np.array([[1.5, 2.0]], np.float32)
    wanted = [*outputs(["number"], binary_data=True), *outputs(["same"], binary_data=False)]
    result = triton.infer("fp32", inputs({"value": value}), outputs=wanted)
    answer = result.get_response()
    assert [each["name"] for each in answer["outputs"]] == ["number", "same"]
    assert answer["outputs"][0]["parameters"] == {"binary_data_size": 8}
    assert answer["outputs"][1]["data"] == [1.5, 2.0]
    np.testing.assert_array_equal(result.as_numpy("number"), value)


def test_ragged_rows(triton: Any) -> None:
    values = np.arange(20, dtype=np.float32).reshape(4, 5)
    lengths = np.array([5, 1, 3, 2])
    result = triton.infer("running-sum", inputs({"values": values, "lengths": lengths}))
    expected = [row[:length].sum() for row, length in zip(values, lengths, strict=True)]
    assert result.as_numpy("total").tolist() == expected
    sums = result.as_numpy("sums")
    assert sums.shape == (4, 5)
    assert sums[1].tolist() == [5, 0, 0, 0, 0]


def test_more_rows_than_a_batch(triton: Any) -> None:
    values = np.random.default_rng(0).normal(size=(100, 7)).astype(np.float32)
    lengths = np.random.default_rng(1).integers(1, 8, 100)
    feeds: dict[str, Array] = {"values": values, "lengths": lengths}
    together = triton.infer("running-sum", inputs(feeds)).as_numpy("total")
    for row in range(0, 100, 9):
        one = {name: array[row : row + 1] for name, array in feeds.items()}
        alone = triton.infer("running-sum", inputs(one)).as_numpy("total")
        assert alone[0] == together[row]


def test_a_graph_without_a_batch(triton: Any) -> None:
    value = np.arange(6, dtype=np.float32).reshape(2, 3)
    same = triton.infer("whole", inputs({"value": value})).as_numpy("same")
    np.testing.assert_array_equal(same, value)


def test_many_clients_get_their_own_answers(served: Service) -> None:
    def ask(seed: int) -> bool:
        rng = np.random.default_rng(seed)
        with client(served) as triton:
            for _ in range(30):
                steps = int(rng.integers(1, 40))
                values = rng.integers(0, 9, (1, steps)).astype(np.float32)
                length = int(rng.integers(1, steps + 1))
                feeds = {"values": values, "lengths": np.array([length])}
                result = triton.infer("running-sum", inputs(feeds), request_id=str(seed))
                assert result.get_response()["id"] == str(seed)
                assert result.as_numpy("total")[0] == values[0, :length].sum()
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(8)))


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
@pytest.mark.parametrize("binary", [True, False])
def test_compressed_both_ways(triton: Any, algorithm: str, binary: bool) -> None:
    value = np.zeros((3, 500), np.float64)
    result = triton.infer(
        "fp64",
        inputs({"value": value}, binary=binary),
        outputs=outputs(["same"], binary_data=binary),
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )
    np.testing.assert_array_equal(result.as_numpy("same"), value)


def test_only_what_is_worth_it_is_compressed(served: Service) -> None:
    for columns, encoding in ((2, None), (500, "gzip")):
        tensor = {"name": "value", "datatype": "INT8", "shape": [1, columns], "data": [1] * columns}
        answer = served.http.post(
            "/v2/models/int8/infer",
            json={"inputs": [tensor]},
            headers={"Accept-Encoding": "br;q=1.0, gzip;q=0.8, *;q=0.1"},
        )
        assert answer.headers.get("content-encoding") == encoding
        assert answer.json()["outputs"][0]["data"] == [1] * columns


def test_the_length_in_the_header_is_that_of_the_unpacked_json(served: Service) -> None:
    text = json.dumps(
        {
            "inputs": [
                {
                    "name": "value",
                    "datatype": "INT8",
                    "shape": [1, 3],
                    "parameters": {"binary_data_size": 3},
                }
            ]
        }
    ).encode()
    headers = {"Content-Encoding": "gzip", "Inference-Header-Content-Length": str(len(text))}
    body = gzip.compress(text + b"\x01\x02\x03")
    answer = served.http.post("/v2/models/int8/infer", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["outputs"][0]["data"] == [1, 2, 3]


def test_classes(triton: Any) -> None:
    """Tokens 1 and 3: the classes get 4, 8 and 12."""
    feeds = {"token_ids": np.array([[1, 3], [2, 9]]), "lengths": np.array([2, 1])}
    for model, labels in (("lookup", ("", "", "")), ("labelled", (":three", ":two", ":one"))):
        result = triton.infer(model, inputs(feeds), outputs=outputs(["logits"], class_count=2))
        expected = [[f"12.0:2{labels[0]}", f"8.0:1{labels[1]}"]]
        expected += [[f"6.0:2{labels[0]}", f"4.0:1{labels[1]}"]]
        assert [[text.decode() for text in row] for row in result.as_numpy("logits")] == expected
        all_of_them = outputs(["logits"], class_count=99, binary_data=False)
        result = triton.infer(model, inputs(feeds), outputs=all_of_them)
        assert result.as_numpy("logits").shape == (2, 3)


def test_a_body_without_json(served: Service) -> None:
    value = np.array([3, -1, 2], np.int16)
    answer = served.http.post(
        "/v2/models/int16/infer",
        content=value.tobytes(),
        headers={"Inference-Header-Content-Length": "0"},
    )
    size = int(answer.headers["inference-header-content-length"])
    head = json.loads(answer.content[:size])
    assert head["outputs"][0]["shape"] == [1, 3]
    assert np.frombuffer(answer.content[size:], np.int16, 3).tolist() == [3, -1, 2]


def test_a_body_without_json_may_be_a_text(served: Service) -> None:
    answer = served.http.post(
        "/v2/models/bytes/infer",
        content="ein w\u00f6rtchen".encode(),
        headers={"Inference-Header-Content-Length": "0"},
    )
    assert answer.content.endswith(b"\x0d\x00\x00\x00" + "ein w\u00f6rtchen".encode())


def test_versions_may_be_named(triton: Any) -> None:
    value = np.ones((1, 1), np.float32)
    assert triton.infer("fp32", inputs({"value": value}), model_version="1").as_numpy("same") == 1
    with pytest.raises(Refused, match=r"\[404\] version '2' of model 'fp32' is not served"):
        triton.infer("fp32", inputs({"value": value}), model_version="2")


def test_a_timeout_of_the_protocol_is_a_deadline(triton: Any) -> None:
    value = np.ones((2, 1), np.float32)
    with pytest.raises(Refused, match=r"\[504\] the deadline passed"):
        triton.infer("fp32", inputs({"value": value}), timeout=1)
    triton.infer("fp32", inputs({"value": value}), timeout=10_000_000)


def test_custom_parameters_are_let_pass(triton: Any) -> None:
    value = np.ones((1, 1), np.float32)
    triton.infer("fp32", inputs({"value": value}), parameters={"mine": 1}, priority=3)
