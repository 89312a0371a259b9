"""KServe's Python client, as it comes from PyPI, asks a running service; and what it cannot ask."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.main import TASKS
from tests.api.service import Service, running
from tests.kserve_python import run
from tests.streams import write_stream_version

PROGRAM = Path(__file__).with_name("kserve_client.py")


@pytest.fixture(name="service", scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root = tmp_path_factory.mktemp("kserve")
    write_stream_version(root)
    with running(root, tasks=TASKS) as one:
        yield one


@pytest.mark.slow
def test_it_asks_and_infers(service: Service) -> None:
    done = run(PROGRAM, str(service.http.base_url).rstrip("/"), "lstm")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["live"] is found["ready"] is found["model_ready"] is True
    assert found["model"] == "lstm"
    values = {"name": "values", "datatype": "FP32", "shape": [1, 3, 1], "data": [0.5, 1.0, -2.0]}
    answer = service.http.post("/v2/models/lstm/infer", json={"inputs": [values]}).json()
    (output,) = [each for each in answer["outputs"] if each["name"] == "output"]
    known = np.array(output["data"], np.float32).reshape(output["shape"])
    for form in ("json", "binary"):
        assert (np.array(found[form], np.float32) == known).all()
    status, words = found["refused"]
    assert status == 404
    assert "nobody" in words
    assert found["unknown_ready"] is False


def test_what_else_kserve_asks_is_there(service: Service) -> None:
    """Its client has no method for metadata; other clients of the protocol read these paths."""
    assert service.http.get("/v2").json()["name"]
    metadata = service.http.get("/v2/models/lstm").json()
    assert (metadata["name"], metadata["versions"]) == ("lstm", ["1"])
    assert {each["name"] for each in metadata["inputs"]} >= {"values"}
