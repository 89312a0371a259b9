"""What is answered when the service has been told to stop, where no application is needed."""

from pathlib import Path

import pytest

from tests.api.service import until
from tests.api.test_at_once import ROW, raw, read
from tests.api.v2.triton import protocol_service, write_models


@pytest.fixture(name="models", scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"))


def test_a_stopping_service_answers_what_it_took(models: Path) -> None:
    with protocol_service(models) as service, service.connection() as connection:
        connection.sendall(raw(ROW))
        assert read(connection, 1)[0][0] == 200
        service.app.services.lifecycle.drain()
        connection.sendall(raw(ROW))
        assert read(connection, 1)[0][0] == 503


def test_a_body_may_come_after_the_stop(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.http.connection._BODY_SECONDS", 10.0)
    with protocol_service(models) as service, service.connection() as connection:
        request = raw(ROW)
        connection.sendall(request[:-1])
        state = service.server.server_state
        until(lambda: any(getattr(each, "_held", None) for each in state.connections))
        service.app.services.lifecycle.drain()
        connection.sendall(request[-1:])
        assert read(connection, 1)[0][0] == 200
