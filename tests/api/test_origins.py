"""Pages of other origins may only read; programs are not asked for an origin."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.api.origins import is_own
from tests import tensors
from tests.api.service import Service, answers, raw
from tests.api.v2.triton import ROWS, protocol_service
from tests.tensors import write_tensor_version

FOREIGN: Any = [
    {"Origin": "https://elsewhere.example", "Content-Type": "text/plain"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "https://other.localhost"},
]
INFER = {
    "inputs": [
        {"name": "values", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]},
        {"name": "lengths", "datatype": "INT64", "shape": [1], "data": [2]},
    ]
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root: Path = tmp_path_factory.mktemp("models")
    write_tensor_version(root, "sums", tensors.running_sum(), ROWS)
    with protocol_service(root, streams_url="memory://") as service:
        yield service


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_page_of_another_origin_changes_nothing(served: Service, headers: Any) -> None:
    for path in ("load", "unload"):
        refused = served.http.post(f"/v2/repository/models/sums/{path}", headers=headers)
        assert refused.status_code == 403
        assert "only pages of this service may" in refused.json()["error"]
    for method, path in (
        *(("PUT", "/streams/a"), ("DELETE", "/streams/a"), ("POST", "/streams/a/steps")),
        *(("PUT", "/streams/a/state"), ("POST", "/streams/a/fork"), ("POST", "/forecast")),
    ):
        refused = served.http.request(method, path, headers=headers)
        assert refused.json()["type"] == "urn:unroll:problem:forbidden", (method, path)
    assert served.http.get("/v2/models/sums/ready").status_code == 200
    assert served.http.get("/models", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "lines", [(), ("Origin: http://x", "Sec-Fetch-Site: cross-site"), ("Origin: http://y",)]
)
def test_inference_on_a_bare_connection(served: Service, lines: tuple[str, ...]) -> None:
    """Also where no ASGI call would be made."""
    with served.connection() as connection:
        connection.sendall(raw(INFER, *lines, path="/v2/models/sums/infer"))
        ((status, _, _),) = answers(connection, 1)
    assert status == (403 if lines else 200)


def test_the_service_s_own_page_may(served: Service) -> None:
    own = f"http://127.0.0.1:{served.port}"
    for headers in (
        {"Origin": own},
        {"Origin": own, "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {},
    ):
        done = served.http.post("/v2/repository/models/sums/load", headers=headers)
        assert done.status_code == 200, headers


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({"origin": "https://Unroll.example", "host": "unroll.example"}, True),
        ({"origin": "https://unroll.example:444", "host": "unroll.example"}, False),
        # Behind a proxy that names itself in Host; the browser knows better.
        (
            {"origin": "https://unroll.example", "host": "inside", "sec-fetch-site": "same-origin"},
            True,
        ),
        ({"origin": "null", "host": ""}, False),
        ({"origin": ""}, False),
    ],
)
def test_whose_page_it_is(headers: dict[str, str], own: bool) -> None:
    assert is_own(headers) is own
