"""Networks whose states the import has taken out, as streams of a service.

Streams of one network take steps at the same time, in parts of unequal size, so that rows of
unequal length and requests for whole sequences share batches.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import onnx
import pytest

from app.main import TASKS
from app.training.importing.import_model import ImportOptions, import_model
from app.training.importing.told import Told
from tests.api.service import Service, running
from tests.training.importing.streaming.bodies import BODIES
from tests.training.importing.streaming.networks import (
    FEATURES,
    exported,
    like_tf2onnx,
    own_cell,
)

STEPS = 9
PARTS = ((1,) * 9, (4, 5), (2, 6, 1), (9,))
NETWORKS = {
    **{name.replace(" ", "-").replace(",", ""): name for name in BODIES},
    "keras-gru": None,
    "scan": None,
}


def network(name: str) -> onnx.ModelProto:
    if name == "scan":
        return own_cell("working_memory_lstm", lengths=False)
    body = NETWORKS[name]
    return exported(BODIES[body][0]) if body else like_tf2onnx("GRU", last=False)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("imported")
    for name in NETWORKS:
        path = folder / f"{name}.onnx"
        onnx.save(network(name), path)
        options = ImportOptions(name, told=Told(stream=True))
        assert import_model(path, options, folder / "models").folder is not None
    with running(folder / "models", tasks=TASKS, streams_url="memory://") as one:
        yield one


def readings(row: int) -> list[list[float]]:
    values = np.random.default_rng(row).normal(size=(STEPS, FEATURES)).astype(np.float32)
    return np.round(values, 3).tolist()  # type: ignore[no-any-return]


def whole(service: Service, name: str, steps: list[list[float]]) -> Any:
    """y of a request that knows nothing of states."""
    shape = [1, len(steps), FEATURES]
    tensor = {"name": "x", "datatype": "FP32", "shape": shape, "data": [steps]}
    body = {"inputs": [tensor], "outputs": [{"name": "y"}]}
    response = service.http.post(f"/v2/models/{name}/infer", json=body)
    assert response.status_code == 200, response.text
    [y] = response.json()["outputs"]
    return np.array(y["data"], np.float32).reshape(y["shape"])[0]


@pytest.mark.parametrize("name", NETWORKS)
def test_parts_are_answered_as_the_whole(service: Service, name: str) -> None:
    body = service.http.get(f"/models/{name}/versions/1").json()
    [y] = [each for each in body["features"]["outputs"] if each["name"] == "y"]

    def one(row: int) -> None:
        steps, stream = readings(row), f"/streams/{name}.{row}"
        assert service.http.put(stream, json={"model": name}).status_code == 201
        taken = 0
        answers: list[Any] = []
        for size in PARTS[row % len(PARTS)]:
            part = {"position": taken, "values": steps[taken : taken + size]}
            response = service.http.post(f"{stream}/steps", json=part)
            assert response.status_code == 200, response.text
            taken += size
            found = response.json()["steps"]
            assert response.json()["position"] == taken
            if y["time_axis"] is None:  # an answer a part: that of the steps so far
                expected = whole(service, name, steps[:taken])
                got = np.array(found[-1]["y"], np.float32).reshape(expected.shape)
                np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)
            answers += [each["y"] for each in found if "y" in each]
        if y["time_axis"] is not None:
            expected = whole(service, name, steps)
            got = np.array(answers, np.float32).reshape(expected.shape)
            np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5 * np.abs(expected).max())

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(8)))
