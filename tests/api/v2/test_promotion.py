"""POST /v2/repository/models/NAME/versions/VERSION/promote, and candidates over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.serving.models.folders import is_candidate
from app.serving.models.promotion import mark
from tests import tensors
from tests.api.service import Service, until
from tests.api.v2.triton import ROWS, check, client, inputs, protocol_service
from tests.tensors import write_tensor_version

FEEDS = {"values": np.ones((1, 2), np.float32), "lengths": np.array([2])}
PATH = "/v2/repository/models/sums/versions/{}/promote"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    models = tmp_path / "models"
    for version in ("1", "2", "3"):
        write_tensor_version(models, "sums", tensors.running_sum(), ROWS, version=version)
    mark(models / "sums" / "3", "sums", "3")
    return models


@pytest.fixture
def served(root: Path) -> Iterator[Service]:
    with protocol_service(root, watch_seconds=0) as service:
        until(lambda: versions(service, "candidates") == ["3"])  # it is loaded after the others
        yield service


def versions(service: Service, kind: str) -> list[str]:
    return [each["version"] for each in service.http.get("/models").json()[kind]]


def test_a_candidate_answers_to_its_version_alone(served: Service) -> None:
    assert (versions(served, "models"), versions(served, "candidates")) == (["2"], ["3"])
    with client(served) as triton:
        for version, answered in (("", "2"), ("2", "2"), ("3", "3")):
            answer = triton.infer("sums", inputs(FEEDS), model_version=version).get_response()
            assert answer["model_version"] == answered
    assert served.http.get("/models/sums/versions/3").json()["version"] == "3"
    refused = served.http.get("/models/sums/versions/1")
    assert refused.status_code == 404
    assert "served: 2, candidate: 3" in refused.json()["detail"]


def test_a_version_is_promoted_and_the_one_before_it_again(served: Service, root: Path) -> None:
    assert served.http.post(PATH.format("3")).status_code == 200
    assert (versions(served, "models"), versions(served, "candidates")) == (["3"], [])
    assert served.http.post(PATH.format("1")).status_code == 200
    assert (versions(served, "models"), versions(served, "candidates")) == (["1"], ["3"])
    assert [is_candidate(root / "sums" / each) for each in "123"] == [False, True, True]


def test_what_cannot_be_promoted(served: Service, root: Path) -> None:
    check(served.http.post(PATH.format("9")), 404, "there: 3, 2, 1")
    check(served.http.post(PATH.format("3"), content=b"[1]"), 422, "object")
    (root / "sums" / "3" / "model.onnx").write_bytes(b"damaged")
    check(served.http.post(PATH.format("3")), 409, "model.onnx")
    assert versions(served, "models") == ["2"]


def test_promotion_is_for_administrators(root: Path) -> None:
    with protocol_service(root, model_control=False) as service:
        check(service.http.post(PATH.format("3")), 403, "not loaded")
        assert versions(service, "models") == ["2"]
