"""The shortest way to a route. Knows how a route is found and answered; not which one it is.

FastAPI's router tries every route in turn and wraps each in layers that most requests have no use
for. On a request that computes little this is half of the work, so some routes are answered before
the router. They are declared to it all the same: the description of the API, the tests of other
routes, overridden dependencies and a router that is asked directly see nothing of this.
"""

from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import error_response
from app.http.begun import in_task


class Detour(Exception):
    """The router has to answer this request after all; `body` is what has been read of it."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.body = body


class ShortRoute(APIRoute):
    """A route that can be answered without the router."""

    async def answer(self, request: Request) -> Response:
        """The response to a request that this route matches; its path parameters are set.

        Raises what an endpoint may raise, or Detour.
        """
        raise NotImplementedError


class DirectRoute(ShortRoute):
    """A route whose endpoint gets the request and returns a response, with nothing in between."""

    def get_route_handler(self) -> Any:
        return self.endpoint

    async def answer(self, request: Request) -> Response:
        response: Response = await self.endpoint(request)
        return response


class Service(FastAPI):
    """FastAPI with the middlewares that are added outermost, so that a shortcut passes by the rest.

    Starlette puts a layer around them that answers crashes; ours does that, and tells no internals.
    """

    def build_middleware_stack(self) -> ASGIApp:
        ours, self.user_middleware = self.user_middleware, []
        try:
            outermost = super().build_middleware_stack()
        finally:
            self.user_middleware = ours
        assert isinstance(outermost, ServerErrorMiddleware)
        app = outermost.app
        for middleware, arguments, keywords in reversed(ours):
            app = middleware(app, *arguments, **keywords)
        return app


class Shortcut:
    """Answers requests to those of `routes` that are short; the application answers the others."""

    def __init__(self, app: ASGIApp, routes: Iterable[BaseRoute]) -> None:
        self._app = app
        short = [route for route in routes if isinstance(route, ShortRoute)]
        self._plain = {route.path: route for route in short if not route.param_convertors}
        self._patterns = [route for route in short if route.param_convertors]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["app"].dependency_overrides:
            route = self._find(scope)
            if route is not None:
                scope["route"] = route
                try:
                    await _answer(route, scope, receive, send)
                except Detour as detour:
                    receive = _again(detour.body, receive)
                else:
                    return
        await in_task()
        await self._app(scope, receive, send)

    def _find(self, scope: Scope) -> ShortRoute | None:
        path: str = scope["path"]
        route = self._plain.get(path)
        if route is not None:
            scope["path_params"] = {}
            return route if scope["method"] in (route.methods or ()) else None
        for route in self._patterns:
            match = route.path_regex.match(path)
            if match and scope["method"] in (route.methods or ()):
                scope["path_params"] = match.groupdict()
                return route
        return None


async def _answer(route: ShortRoute, scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    try:
        response = await route.answer(request)
    except Detour:
        raise
    except Exception as error:
        found = await error_response(request, error)
        if found is None:  # a crash: the middleware around all requests knows what to do
            raise
        response = found
    await response(scope, receive, send)


def _again(body: bytes, receive: Receive) -> Receive:
    """`receive` of a request whose body, all of it, has been read already."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again
