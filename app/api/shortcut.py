"""The shortest way to a route. Knows how a route is found and answered; not which one it is.

FastAPI's router tries every route in turn and wraps each in layers that an endpoint without
dependencies has no use for. On a request that computes little this is a third of the work, so
some routes are answered before the router. They are declared to it all the same: the description
of the API, the tests of other routes and a router that is asked directly see nothing of this.
"""

from collections.abc import Callable, Sequence

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.errors import error_response


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
    """Answers requests to `routes`, whose endpoints take a request and return a response.

    `is_short` is asked first, and cheap: whether a path may be one of theirs.
    """

    def __init__(
        self, app: ASGIApp, routes: Sequence[BaseRoute], is_short: Callable[[str], bool]
    ) -> None:
        self._app = app
        self._routes = [route for route in routes if isinstance(route, APIRoute)]
        self._is_short = is_short

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._is_short(scope["path"]):
            for route in self._routes:
                match = route.path_regex.match(scope["path"])
                if match and scope["method"] in (route.methods or ()):
                    scope["path_params"] = match.groupdict()
                    scope["route"] = route
                    await _answer(route, scope, receive, send)
                    return
        await self._app(scope, receive, send)


async def _answer(route: APIRoute, scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    try:
        response = await route.endpoint(request)
    except Exception as error:
        response = await error_response(request, error)
        if response is None:  # a crash: the middleware around all requests knows what to do
            raise
    await response(scope, receive, send)
