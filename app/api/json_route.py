"""The route class of everything that takes a JSON body. Knows bodies; not what they mean.

FastAPI would read a body of any size, parse it with the slow parser of the standard library and
report what goes wrong on the way in bodies of its own. Here a body is read within its limits, and
parsed and validated at once.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import cached_property
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from app.api.context import CLIENT_GONE, record_of
from app.api.errors import RequestRefused
from app.api.fields import WrongFields, clipped
from app.api.limits import ClientDisconnect, deadline_of, read_body
from app.api.shortcut import Detour, ShortRoute
from app.api.work import ClientGone
from app.settings import Settings
from app.telemetry import tracing


class _ReadRequest(Request):
    """A request whose body has been read and parsed."""

    def __init__(self, request: Request, content: bytes) -> None:
        super().__init__(request.scope, request.receive)
        self._body = content  # where starlette keeps what it has read
        self._content = parse_json(content)

    async def json(self) -> Any:
        return self._content


class JsonRoute(ShortRoute):
    """Checks the media type, reads the body within its limits, parses it, sets the deadline.

    Its endpoint takes `request`, `body`, and dependencies that ask for the request alone. A body
    is validated while it is parsed; a wrong one goes to FastAPI, which tells what is wrong.
    When the client has left, nothing is answered, wherever that was noticed.
    """

    def allowed(self, settings: Settings) -> Mapping[str, str]:
        """What each field of the body may hold, in words; a route with a body of its own knows."""
        return {}

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def read_and_handle(request: Request) -> Response:
            try:
                with tracing.span("parse"):
                    parsed = _ReadRequest(request, await _read(request))
                return await handle(parsed)
            except (ClientDisconnect, ClientGone):
                return Response(status_code=CLIENT_GONE)
            except RequestValidationError as error:
                allowed = self.allowed(request.app.state.settings)
                raise WrongFields(error, allowed) from None

        return read_and_handle

    @cached_property
    def _body_model(self) -> type[BaseModel]:
        assert self.body_field is not None
        model = self.body_field.field_info.annotation
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        return model

    @cached_property
    def _dependencies(self) -> list[tuple[str, Callable[[Request], Awaitable[Any]]]]:
        return [
            (each.name, each.call)
            for each in self.dependant.dependencies
            if each.name is not None and each.call is not None
        ]

    async def answer(self, request: Request) -> Response:
        try:
            with tracing.span("parse"):
                content = await _read(request)
                try:
                    body = self._body_model.model_validate_json(content)
                except ValidationError:
                    raise Detour(content) from None
            needed = {name: await find(request) for name, find in self._dependencies}
            response: Response = await self.endpoint(request=request, body=body, **needed)
            return response
        except (ClientDisconnect, ClientGone):
            return Response(status_code=CLIENT_GONE)


async def _read(request: Request) -> bytes:
    settings: Settings = request.app.state.settings
    record = record_of(request.scope)
    headers = record.headers
    record.deadline = deadline_of(headers, record.started, settings.request_timeout_seconds)
    _require_json(headers.get("content-type"))
    require_plain(headers.get("content-encoding"))
    return await read_body(request, headers, settings.max_body_bytes, record.deadline)


def _require_json(content_type: str | None) -> None:
    if content_type == "application/json":
        return
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        sent = f", not {media_type[:60]}" if media_type else ""
        raise RequestRefused(415, f"send the body with Content-Type: application/json{sent}")


def require_plain(encoding: str | None) -> None:
    """Raise RequestRefused (415) for a body with a Content-Encoding."""
    # Unpacked, a small body may be larger than any limit.
    sent = (encoding or "").strip()
    if sent and sent.lower() != "identity":
        raise RequestRefused(
            415,
            f"send the body as it is, without Content-Encoding: {clipped(sent)}",
            headers={"Accept-Encoding": "identity"},
        )


def parse_json(content: bytes) -> Any:
    """NaN and Infinity pass here, so that the field they stand in can be named later."""
    if not content:
        raise RequestRefused(400, "the body is empty; send a JSON object")
    try:
        return from_json(content)
    except ValueError as error:
        hint = "; half a surrogate pair is no character" if "hex escape" in str(error) else ""
        raise RequestRefused(400, f"the body is not JSON: {error}{hint}") from None
