"""Loads that wait hold up nobody: they have a thread of their own."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.serving.models.repository import Repository
from tests import tensors
from tests.api.v2.triton import ROWS, protocol_service
from tests.tensors import write_tensor_version

LOADS = 24  # more than the event loop has threads


def test_loads_that_wait_hold_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tensor_version(tmp_path, "sums", tensors.running_sum(), ROWS)
    go_on, begun = threading.Event(), threading.Semaphore(0)

    def load(self: Repository, name: str, version: str | None = None) -> None:
        begun.release()
        go_on.wait(60)

    with protocol_service(tmp_path) as served, ThreadPoolExecutor(LOADS) as clients:
        monkeypatch.setattr(Repository, "load", load)
        url = "/v2/repository/models/sums/load"
        loads = [clients.submit(served.http.post, url, timeout=60) for _ in range(LOADS)]
        try:
            assert begun.acquire(timeout=60)
            values = [[1.0] * 40_000]  # a body that is read in a thread
            data = {"name": "values", "datatype": "FP32", "shape": [1, 20_000], "data": values}
            body = {"inputs": [data]}
            response = served.http.post("/v2/models/sums/infer", json=body, timeout=60)
            assert response.status_code == 422  # it was read, and is wrong
            assert served.http.post("/v2/repository/index", timeout=60).status_code == 200
            assert not any(each.done() for each in loads)
        finally:
            go_on.set()
        assert {each.result().status_code for each in loads} == {200}
