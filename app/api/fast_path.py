"""The fast path: requests that a network answers, before FastAPI's router. Knows no task.

The router tries every route in turn and wraps each in layers. On a request that computes little
that is most of the work. So the endpoints that networks answer are called here, by their paths.
They are declared to the router all the same, which calls the same functions: the description of
the API, tests, and a method that a path does not take see nothing of the fast path.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from fastapi import Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.errors import error_response
from app.api.responses import nobody
from app.api.work import ClientGone

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


class FastPath:
    """Answers POST requests to `endpoints`, and to what `find` knows; `app` answers the others."""

    def __init__(
        self,
        app: ASGIApp,
        endpoints: Mapping[str, Endpoint],
        find: Callable[[str], Endpoint | None],
    ) -> None:
        """endpoints: by path. find: the endpoint of a path that is not among them, or None."""
        self._app = app
        self._endpoints = endpoints
        self._find = find

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            path = scope["path"]
            endpoint = self._endpoints.get(path) or self._find(path)
            if endpoint is not None:
                response = await answer(endpoint, Request(scope, receive))
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


async def answer(endpoint: Endpoint, request: Request) -> Response:
    """What an endpoint answers, errors included. A crash is raised on."""
    try:
        return await endpoint(request)
    except (ClientGone, ClientDisconnect):
        return nobody()
    except Exception as error:
        found = await error_response(request, error)
        if found is None:
            raise
        return found
