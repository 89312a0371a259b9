"""An application that has started when its models are loaded. Knows ASGI; not Ray.

A server of ours answers `/health/ready` with 503 meanwhile, and nothing sends requests to it. Ray
sends requests to a replica from when its application has started.
"""

import asyncio
import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.serving.models.repository import Repository

_LOOK_SECONDS: Final = 0.05


class Loaded:
    """`app`, whose start ends when `repository` has tried every model."""

    def __init__(self, app: ASGIApp, repository: Repository) -> None:
        self._app = app
        self._repository = repository

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return

        async def later(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                await asyncio.to_thread(self._wait)
            await send(message)

        await self._app(scope, receive, later)

    def _wait(self) -> None:
        while self._repository.status == "loading":
            time.sleep(_LOOK_SECONDS)
