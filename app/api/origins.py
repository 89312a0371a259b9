"""Which pages may ask for more than reading: those of this service. Knows headers; no route.

A browser sends requests for any page that it shows, also to a service on its own machine. The page
cannot read the answers, but what was asked would be done.
"""

from collections.abc import Mapping
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.bodies.fields import clipped
from app.api.context import record_of
from app.api.errors import STATUSES, problem_response

SENT_BY_BROWSERS: Final = frozenset(("origin", "sec-fetch-site"))
_READING: Final = frozenset(("GET", "HEAD", "OPTIONS"))
_OWN: Final = frozenset(("same-origin", "none"))  # none: the person at the browser asked


class OriginMiddleware:
    """Answers 403 to a page of another origin that asks for more than reading."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in _READING:
            headers = record_of(scope).headers
            if not SENT_BY_BROWSERS.isdisjoint(headers) and not is_own(headers):
                whose = clipped(headers.get("origin", "another site"))
                detail = f"a page of {whose} sent this; only pages of this service may"
                await problem_response(scope, STATUSES[403], detail)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def is_own(headers: Mapping[str, str]) -> bool:
    """Whether a request comes from a page of this service, or from no page. Names in lower case.

    Browsers say so in Sec-Fetch-Site, which pages cannot set (W3C Fetch Metadata); they leave it
    out where a service is reached without TLS under another name than localhost. Then the origin
    (RFC 6454) must name the host that was asked. What sends neither is no page.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in _OWN
    origin = headers.get("origin")
    if origin is None:
        return True
    host = origin.partition("://")[2].lower()
    return bool(host) and host == headers.get("host", "").lower()
