"""Files that browsers fetch: read once, kept in memory, sent with a policy. Knows no route."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Policy:
    """What a page may do (W3C Content Security Policy, level 3), beside what is always so."""

    # Where styles come from.
    styles: str = "'self'"
    # Where pictures come from.
    pictures: str = "'self' blob: data:"

    def header(self) -> str:
        """Nothing is fetched from other hosts, and no page of others shows this one in a frame."""
        return (
            f"default-src 'none'; script-src 'self'; style-src {self.styles};"
            f" img-src {self.pictures}; connect-src 'self'; base-uri 'none'; form-action 'none';"
            " frame-ancestors 'none'"
        )


def add_files(router: APIRouter, files: Mapping[str, Path], policy: Policy) -> None:
    """Give `router` a route for each of `files`, which are listed by the path they are under.

    Raises OSError for a file that cannot be read.
    """
    for path, file in files.items():
        endpoint = _endpoint(file, policy)
        router.add_api_route(path, endpoint, methods=["GET", "HEAD"], include_in_schema=False)


def _endpoint(file: Path, policy: Policy) -> Callable[[Request], Awaitable[Response]]:
    content = file.read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {
        "Content-Security-Policy": policy.header(),
        "Cache-Control": "no-cache",  # asked for each time; 304 if it is what the browser has
        "Cross-Origin-Opener-Policy": "same-origin",
        "ETag": tag,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }

    async def send(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=_TYPES[file.suffix])

    return send
