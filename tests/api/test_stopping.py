"""What is answered when the service has been told to stop, where no application is needed."""

import json
import time
from pathlib import Path

import pytest

from tests.api.service import answers, raw
from tests.api.v2.triton import protocol_service, write_models

ROW = {"inputs": [{"name": "value", "datatype": "INT64", "shape": [1, 2], "data": [1, 2]}]}


@pytest.fixture(name="models", scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"))


def test_a_stopping_service_answers_what_it_took(models: Path) -> None:
    with protocol_service(models) as service, service.connection() as connection:
        connection.sendall(raw(ROW))
        assert answers(connection, 1)[0][0] == 200
        service.app.services.lifecycle.drain()
        connection.sendall(raw(ROW))
        [(status, headers, content)] = answers(connection, 1)
        assert (status, headers["connection"]) == (503, "close")
        assert json.loads(content).keys() == {"error"}


def test_a_body_may_come_after_the_stop(models: Path) -> None:
    with protocol_service(models) as service, service.connection() as connection:
        request = raw(ROW)
        connection.sendall(request[:-1])
        end = time.monotonic() + 10
        while service.app.services.lifecycle.in_flight == 0:
            assert time.monotonic() < end
            time.sleep(0.001)
        service.app.services.lifecycle.drain()
        connection.sendall(request[-1:])
        [(status, headers, _)] = answers(connection, 1)
        # The client asks nothing more over a connection that is about to be closed.
        assert (status, headers["connection"]) == (200, "close")
