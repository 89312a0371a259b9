"""The real tritonclient against a running service, and the graphs it asks. Knows the protocol."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import ml_dtypes
import numpy as np
import numpy.typing as npt
import tritonclient.http as client_library
from tritonclient.utils import InferenceServerException

from app.main import TASKS
from app.serving.runtime.datatypes import NUMPY, Datatype
from tests import tensors
from tests.api.service import Service, running
from tests.tensors import write_tensor_version

Array = npt.NDArray[Any]
Refused = InferenceServerException

# As clients have them: BF16 in a type of its own, BYTES as bytes.
CLIENT: Final[dict[Datatype, Any]] = {
    name: ml_dtypes.bfloat16 if name == "BF16" else dtype for name, dtype in NUMPY.items()
}
NUMBERS: Final = [name for name in NUMPY if name not in ("BYTES", "BOOL")]
LENGTH: Final = "Inference-Header-Content-Length"
FP32: Final[dict[str, Any]] = {  # an input of the model fp32
    "name": "value",
    "datatype": "FP32",
    "shape": [1, 2],
    "data": [1, 2],
}
ROWS: Final[list[dict[str, Any]]] = [{"values": [1, 2, 3]}, {"values": [4]}]


def write_models(root: Path) -> Path:
    """One model per element type, named by it; and others by their graph."""
    for datatype in NUMPY:
        special: dict[str, list[Any]] = {"BOOL": [True, False], "BYTES": ["a", ""]}
        values = special.get(datatype, [0, 1])
        rows: list[dict[str, Any]] = [{"value": values}, {"value": values[:1]}]
        write_tensor_version(root, datatype.lower(), tensors.identity(datatype), rows)
    write_tensor_version(root, "running-sum", tensors.running_sum(), ROWS)
    tokens: list[dict[str, Any]] = [{"token_ids": [1, 2]}, {"token_ids": [9]}]
    features = tensors.task_of(tensors.lookup()).features
    labelled = features.model_copy(update={"labels": ("one", "two", "three")})
    write_tensor_version(root, "lookup", tensors.lookup(), tokens)
    write_tensor_version(root, "labelled", tensors.lookup(), tokens, labelled)
    triples = tensors.identity("FP32", ("batch", "time", 3))
    write_tensor_version(root, "whole-rows", triples, [{"value": [[1.0] * 3]}] * 2)
    write_tensor_version(
        root, "label", tensors.label(), [{"value": [1.0, 0.0]}, {"value": [0.0, 1.0]}]
    )
    whole = tensors.identity("FP32", ("rows", "columns"))
    write_tensor_version(root, "whole", whole, [{"value": [[1.0]]}, {"value": [[1.0, 2.0]]}])
    return root


@contextmanager
def client(service: Service) -> Iterator[client_library.InferenceServerClient]:
    """tritonclient, asking the service."""
    connection = client_library.InferenceServerClient(f"127.0.0.1:{service.port}")
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def protocol_service(root: Path, **settings: Any) -> Iterator[Service]:
    """The service with the real tasks."""
    with running(root, tasks=TASKS, **settings) as service:
        yield service


def inputs(arrays: Mapping[str, Array], *, binary: bool = True) -> list[Any]:
    """What `infer` takes, with the element types that the arrays have."""
    made = []
    for name, array in arrays.items():
        datatype = next(key for key, dtype in CLIENT.items() if np.dtype(dtype) == array.dtype)
        tensor = client_library.InferInput(name, list(array.shape), datatype)
        made.append(tensor.set_data_from_numpy(array, binary_data=binary))
    return made


def outputs(names: Sequence[str], **options: Any) -> list[Any]:
    """Requested outputs, all with the same options."""
    return [client_library.InferRequestedOutput(name, **options) for name in names]


def post(
    service: Service,
    body: Any,
    model: str = "fp32",
    buffers: bytes = b"",
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    """POST a body: JSON with buffers behind it, or bytes as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    if buffers:
        headers = {LENGTH: str(len(content))}
    path = f"/v2/models/{model}/infer"
    return service.http.post(path, content=content + buffers, headers=headers)


def check(response: httpx.Response, status: int, *words: str) -> None:
    """The one body that errors have below /v2."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    assert response.json().keys() == {"error"}
    for word in words:
        assert word in response.json()["error"]
    assert "Traceback" not in response.text
