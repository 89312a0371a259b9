"""An application for Ray starts when its models are loaded, and not before."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from app.ray.loading import Loaded


def test_the_start_waits_for_models() -> None:
    async def run() -> None:
        repository: Any = SimpleNamespace(status="loading")
        sent: list[str] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "lifespan.startup.complete"})

        async def send(message: Any) -> None:
            sent.append(message["type"])

        async def receive() -> Any:
            raise AssertionError("nothing is received here")

        loaded = Loaded(app, repository)
        starting = asyncio.create_task(loaded({"type": "lifespan"}, receive, send))
        await asyncio.sleep(0.2)
        assert not sent
        await loaded({"type": "http"}, receive, send)  # whoever asks meanwhile is not kept waiting
        assert len(sent) == 1
        repository.status = "no_models"
        await asyncio.wait_for(starting, 5)
        assert len(sent) == 2

    asyncio.run(run())


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_requests_go_through(kind: str) -> None:
    seen: list[Any] = []

    async def app(*parts: Any) -> None:
        seen.append(parts)

    scope: dict[str, Any] = {"type": kind}
    parts: Any = scope, object(), object()
    asyncio.run(Loaded(app, SimpleNamespace(status="loading"))(*parts))  # type: ignore[arg-type]
    assert seen == [parts]
