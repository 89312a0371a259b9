"""What is wrong with an inference request, in the protocol's body: which field, what is allowed."""

import gzip
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.api.service import Service
from tests.api.v2.triton import (
    FP32,
    LENGTH,
    Refused,
    check,
    client,
    inputs,
    outputs,
    post,
    protocol_service,
    write_models,
)

BINARY: dict[str, Any] = {
    "name": "value",
    "datatype": "FP32",
    "shape": [1, 2],
    "parameters": {"binary_data_size": 8},
}
BYTES: dict[str, Any] = {"name": "value", "datatype": "BYTES", "shape": [1, 2]}
LIMITS = {
    "max_body_bytes": 4000,
    "max_queue_size": 4,
    "max_steps": 100,
    "max_points": 150,
    "worker_threads": 1,
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root = write_models(tmp_path_factory.mktemp("models"))
    with protocol_service(root, **LIMITS) as service:
        yield service


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "x"}, ["inputs[0].name", 'no "x" here', "one of value"]),
        ({"name": None}, ["inputs[0].name"]),
        ({"datatype": "FP64"}, ["inputs[0].datatype", "(allowed: FP32)"]),
        ({"datatype": None}, ["inputs[0].datatype"]),
        ({"shape": [2]}, ["inputs[0].shape", "FP32 [batch, time]"]),
        ({"shape": None}, ["inputs[0].shape"]),
        ({"shape": [1, -2]}, ["inputs[0].shape"]),
        ({"shape": [1, True]}, ["inputs[0].shape"]),
        ({"shape": [1, 2.0]}, ["inputs[0].shape"]),
        ({"shape": [0, 2], "data": []}, ["inputs[0].shape"]),
        ({"shape": [1, 3]}, ["inputs[0].data", "2 values, and the shape has 3"]),
        ({"shape": [2**62, 2**62]}, ["inputs[0].data"]),
        ({"data": [1, "2"]}, ["inputs[0].data", "value 1 is not a number"]),
        ({"data": [1, None]}, ["inputs[0].data"]),
        ({"data": [[1, 2, 3]]}, ["inputs[0].data"]),
        ({"data": [1, 1e300]}, ["out of the range of FP32"]),
        ({"data": [1, float("nan")]}, ["inputs[0].data", "value 1", "as binary"]),
        ({"data": [float("-inf"), 1]}, ["inputs[0].data", "value 0 is no finite number"]),
        ({"data": "12"}, ["inputs[0].data"]),
        ({"parameters": 5}, ["inputs[0].parameters"]),
        ({"parameters": {"binary_data_size": 8}}, ["sent twice"]),
    ],
)
def test_a_wrong_input(served: Service, changes: dict[str, Any], words: list[str]) -> None:
    check(post(served, {"inputs": [FP32 | changes]}), 422, *words)


@pytest.mark.parametrize(
    ("size", "buffers", "words"),
    [
        (8, b"1234567", ["7 bytes follow the JSON, and its tensors have 8"]),
        (8, b"123456789", ["9 bytes"]),
        (7, b"1234567", ["binary_data_size", "8 bytes"]),
        (10**18, b"12345678", ["8 bytes follow"]),
        (-8, b"12345678", ["binary_data_size"]),
        ("8", b"12345678", ["binary_data_size"]),
        (True, b"1", ["binary_data_size"]),
        (8.0, b"12345678", ["binary_data_size"]),
        (8, b"", ["0 bytes follow"]),
    ],
)
def test_lying_sizes(served: Service, size: Any, buffers: bytes, words: list[str]) -> None:
    tensor = BINARY | {"parameters": {"binary_data_size": size}}
    check(post(served, {"inputs": [tensor]}, buffers=buffers), 422, *words)


@pytest.mark.parametrize(
    ("buffer", "words"),
    [
        (b"\x01\0\0\0a\x05\0\0\0b", ["element 1 is cut short"]),
        (b"\x01\0\0\0a\xff\xff\xff\xff", ["element 1 is cut short"]),
        (b"\x01\0\0\0a\x01\0\0\0bc", ["1 bytes are left"]),
        (b"\x01\0\0\0a\x01\0", ["cannot hold 2 elements"]),
        (b"\x05\0\0\0abcde\0\0", ["element 1 is cut short"]),
        (b"\x01\0\0\0\xff\x01\0\0\0b", ["element 0 is not UTF-8"]),
    ],
)
def test_texts_that_do_not_fit(served: Service, buffer: bytes, words: list[str]) -> None:
    tensor = BYTES | {"parameters": {"binary_data_size": len(buffer)}}
    check(post(served, {"inputs": [tensor]}, "bytes", buffer), 422, *words)


def test_truth_is_one_or_zero(served: Service) -> None:
    tensor = BINARY | {"datatype": "BOOL", "parameters": {"binary_data_size": 2}}
    check(post(served, {"inputs": [tensor]}, "bool", b"\x01\x02"), 422, "neither 0 nor 1")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ([], ["a list", "a JSON object"]),
        (None, ["got null"]),
        ({}, ["inputs", "got null"]),
        ({"inputs": {}}, ["inputs"]),
        ({"inputs": []}, ["inputs.value", "required"]),
        ({"inputs": [5]}, ["inputs[0]"]),
        ({"inputs": [FP32, FP32]}, ["inputs[1].name", "twice"]),
        ({"inputs": [FP32], "id": 5}, ["id"]),
        ({"inputs": [FP32], "id": "5" * 1001}, ["id"]),
        ({"inputs": [FP32], "parameters": []}, ["parameters"]),
        ({"inputs": [FP32], "parameters": {"binary_data_output": 1}}, ["binary_data_output"]),
        ({"inputs": [FP32], "parameters": {"timeout": -1}}, ["parameters.timeout"]),
        ({"inputs": [FP32], "parameters": {"timeout": 1.5}}, ["microseconds"]),
        ({"inputs": [FP32], "outputs": {}}, ["outputs"]),
        ({"inputs": [FP32], "outputs": ["same"]}, ["outputs[0]"]),
        ({"inputs": [FP32], "outputs": [{"name": "x"}]}, ["one of same, number"]),
        ({"inputs": [FP32], "outputs": [{"name": "same"}] * 2}, ["outputs[1].name", "twice"]),
        (
            {"inputs": [FP32], "outputs": [{"name": "same", "parameters": {"binary_data": "no"}}]},
            ["outputs[0].binary_data"],
        ),
        (
            {"inputs": [FP32], "outputs": [{"name": "same", "parameters": {"classification": -1}}]},
            ["classification"],
        ),
    ],
)
def test_a_wrong_request(served: Service, body: Any, words: list[str]) -> None:
    check(post(served, body), 422, *words)


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"", {}),
        (b"{", {}),
        (b"[" * 1000, {}),
        (b'{"inputs": "\xff"}', {}),
        (b'{"id": "\\ud800"}', {}),
        (b"{} {}", {}),
        (b"{}", {LENGTH: "3"}),
        (b"{}", {LENGTH: "-1"}),
        (b"{}", {LENGTH: "1.0"}),
        (b"{}", {LENGTH: "9" * 5000}),
        (b"{}x", {LENGTH: "3"}),
        (b"not gzip", {"Content-Encoding": "gzip"}),
        (gzip.compress(b"{}", mtime=0)[:-4], {"Content-Encoding": "gzip"}),
        (gzip.compress(b"{}", mtime=0) + b"more", {"Content-Encoding": "gzip"}),
        (b"", {"Content-Encoding": "deflate"}),
    ],
)
def test_a_malformed_request(served: Service, content: bytes, headers: dict[str, str]) -> None:
    check(post(served, content, headers=headers), 400)


def test_what_is_too_large(served: Service) -> None:
    check(post(served, b" " * 5000), 413, "larger than 4000 bytes")
    bomb = zlib.compress(b" " * 1_000_000)
    assert len(bomb) < 4000
    check(post(served, bomb, headers={"Content-Encoding": "deflate"}), 413, "when unpacked")
    rows = FP32 | {"shape": [5, 1], "data": [0] * 5}
    check(post(served, {"inputs": [rows]}), 422, "5 rows are too many", "at most 4")
    steps = FP32 | {"shape": [1, 101], "data": [0] * 101}
    check(post(served, {"inputs": [steps]}), 422, "rows of 101 steps are too long", "at most 100")
    both = FP32 | {"shape": [2, 80], "data": [0] * 160}
    check(post(served, {"inputs": [both]}), 422, "2 rows of 80 steps", "at most 150 steps")


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "zstd"])
def test_other_encodings(served: Service, encoding: str) -> None:
    response = post(served, b"{}", headers={"Content-Encoding": encoding})
    check(response, 415)
    assert response.headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("where", ["inputs", "outputs"])
def test_shared_memory_is_not_served(served: Service, where: str) -> None:
    region = {"shared_memory_region": "r", "shared_memory_byte_size": 8}
    body: dict[str, Any] = {"inputs": [FP32], "outputs": [{"name": "same"}]}
    body[where] = [body[where][0] | {"parameters": region}]
    check(post(served, body), 501, "shared memory")


def test_a_graph_without_states_has_no_sequences(served: Service) -> None:
    feeds = inputs({"value": np.ones((1, 1), np.float32)})
    with client(served) as triton, pytest.raises(Refused, match=r"\[422\].* does not stream"):
        triton.infer("fp32", feeds, sequence_id=7, sequence_start=True)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_holds_no_infinity(served: Service, value: float) -> None:
    with client(served) as triton:
        feeds = inputs({"value": np.array([[value]], np.float32)})
        found = triton.infer("fp32", feeds).as_numpy("same")
        np.testing.assert_array_equal(found, [[value]])
        with pytest.raises(Refused, match=r"\[422\].*binary_data"):
            triton.infer("fp32", feeds, outputs=outputs(["same"], binary_data=False))


@pytest.mark.parametrize("literal", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
@pytest.mark.parametrize("datatype", ["fp16", "bf16", "fp32", "fp64"])
def test_literals_that_are_no_json(served: Service, datatype: str, literal: bytes) -> None:
    body = (
        b'{"inputs": [{"name": "value", "datatype": "%b", "shape": [1, 2], "data": [0, %b]}]}'
        % (datatype.upper().encode(), literal)
    )
    check(post(served, body, datatype), 422, "inputs[0].data", "value 1 is no finite number")


@pytest.mark.parametrize(
    ("model", "body", "words"),
    [
        ("whole-rows", b"", ["it is empty", "a multiple of 12 bytes", "FP32 [batch, time, 3]"]),
        ("whole-rows", b"123", ["it has 3 bytes", "a multiple of 12 bytes"]),
        ("whole-rows", b"1" * 13, ["it has 13 bytes", "a multiple of 12 bytes"]),
        ("fp32", b"12", ["it has 2 bytes", "a multiple of 4 bytes"]),
    ],
)
def test_bodies_that_are_no_row(served: Service, model: str, body: bytes, words: list[str]) -> None:
    check(post(served, body, model, headers={LENGTH: "0"}), 422, "the body", *words)


def test_rows_of_no_steps(served: Service) -> None:
    """ONNX Runtime gives zeros for the last state of such a row, where the initial one is right."""
    values = FP32 | {"name": "values", "shape": [2, 2], "data": [1, 2, 3, 4]}
    lengths = {"name": "lengths", "datatype": "INT64", "shape": [2], "data": [2, 0]}
    response = post(served, {"inputs": [values, lengths]}, "running-sum")
    check(response, 422, "inputs.lengths", "the length of row 1 is 0", "1 to 2")


def test_texts_have_no_classes(served: Service) -> None:
    feeds, wanted = inputs({"value": np.array([[b"a"]], object)}), outputs(["same"], class_count=1)
    with client(served) as triton, pytest.raises(Refused, match="no greatest value"):
        triton.infer("bytes", feeds, outputs=wanted)


def test_what_the_graph_refuses(served: Service) -> None:
    feeds = inputs({"token_ids": np.array([[99]]), "lengths": np.array([1])})
    with client(served) as triton:
        for _ in range(3):  # in a worker's thread first, and then where it is
            with pytest.raises(Refused, match=r"\[422\] inputs: .*out of data bounds"):
                triton.infer("lookup", feeds)
