"""Tensors that are long lists: read in pieces, flat or nested, and written in pieces."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.api.service import Service
from tests.api.v2.triton import check, post, protocol_service, write_models

SHAPE = [150, 200]
VALUES = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with protocol_service(write_models(tmp_path_factory.mktemp("models"))) as service:
        yield service


def tensor(data: Any, **changes: Any) -> dict[str, Any]:
    plain = {"name": "value", "datatype": "FP32", "shape": SHAPE, "data": data}
    return {"inputs": [plain | changes]}


def numbers() -> list[float]:
    return [float(each) for each in VALUES.ravel()]


@pytest.mark.parametrize("spaces", [None, 1])
@pytest.mark.parametrize("nested", [False, True])
def test_what_comes_goes(served: Service, nested: bool, spaces: int | None) -> None:
    data = VALUES.astype(float).tolist() if nested else numbers()
    content = json.dumps(tensor(data), indent=spaces)
    response = served.http.post("/v2/models/fp32/infer", content=content)
    assert response.status_code == 200, response.text
    output = response.json()["outputs"][0]
    assert output["shape"] == SHAPE
    assert output["data"] == numbers()
    assert " " not in response.text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (tensor(numbers()[:-1]), ["29999 values", "30000"]),
        (tensor([*numbers(), 1]), ["more values than 30000"]),
        (tensor([*numbers()[:-1], "x"]), ["value 29999 is not a number"]),
        (tensor([*numbers()[:-1], 1e39]), ["out of the range"]),
        (tensor([[each] for each in numbers()]), ["nested otherwise"]),
        (tensor([*VALUES.tolist()[:-1], []]), ["empty list"]),
        (tensor(numbers(), shape=[10**9, 10**9]), ["inputs"]),
        (tensor(numbers(), shape=[1] * 20_000), ["a long list", "shape"]),
        (tensor(numbers()) | {f"k{each}": 0 for each in range(20_000)}, ["far more"]),
    ],
)
def test_what_is_wrong_is_told(served: Service, body: dict[str, Any], words: list[str]) -> None:
    check(post(served, body), 422, *words)


def test_what_is_no_json_is_told(served: Service) -> None:
    content = json.dumps(tensor(numbers())).replace("]", ",]", 1).encode()
    response = served.http.post("/v2/models/fp32/infer", content=content)
    check(response, 400, "not JSON")
