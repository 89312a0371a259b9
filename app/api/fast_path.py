"""The fast path: requests that a network answers, before FastAPI's router. Knows no task.

The router tries every route in turn and wraps each in layers. On a request that computes little
that is most of the work. So the endpoints that networks answer are called here, by their paths.
They are declared to the router all the same, which calls the same functions: the description of
the API, tests, and a method that a path does not take see nothing of the fast path.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.errors import error_response
from app.api.responses import nobody
from app.api.work import ClientGone

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


class FastPath:
    """Answers POST requests to `routes`, and to what `find` knows; `app` answers the others."""

    def __init__(
        self,
        app: ASGIApp,
        routes: Mapping[str, APIRoute],
        find: Callable[[str], APIRoute | None],
    ) -> None:
        """routes: by path; their endpoints take a request. find: that of another path, or None."""
        self._app = app
        self._routes = routes
        self._find = find

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            path = scope["path"]
            route = self._routes.get(path) or self._find(path)
            if route is not None:
                scope["route"] = route  # as the router does; spans are named after it
                response = await answer(route.endpoint, Request(scope, receive))
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
