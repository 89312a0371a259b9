"""GET /: a page for people. Knows its files; what it asks of the service it asks over HTTP."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter

from app.api.files import Policy, add_files

_WEB: Final = Path(__file__).resolve().parents[2] / "web"
_OTHERS: Final = frozenset({"index.html", "docs.html", "docs.js"})
FILES: Final = {"/": _WEB / "index.html"} | {
    f"/web/{file.name}": file
    for file in sorted(_WEB.iterdir())
    if file.is_file() and file.name not in _OTHERS
}


def routes() -> APIRouter:
    """The routes of this file."""
    router = APIRouter()
    add_files(router, FILES, Policy())
    return router
