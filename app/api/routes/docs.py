"""GET /docs: the description of the API to try out, with Swagger UI. Knows no other route.

Its scripts and styles come from a package, not from a public server: a service without internet
has the page as well.
"""

from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi import APIRouter

from app.api.files import Policy, add_files

PATH: Final = "/docs"
_WEB: Final = Path(__file__).resolve().parents[2] / "web"
_SWAGGER: Final = Path(str(files("fastapi_offline") / "static"))
FILES: Final = {
    PATH: _WEB / "docs.html",
    f"{PATH}/start.js": _WEB / "docs.js",
    f"{PATH}/icon.svg": _WEB / "icon.svg",
    f"{PATH}/swagger-ui.css": _SWAGGER / "swagger-ui.css",
    f"{PATH}/swagger-ui-bundle.js": _SWAGGER / "swagger-ui-bundle.js",
}
# Swagger UI writes styles into its elements.
_POLICY: Final = Policy(styles="'self' 'unsafe-inline'")


def routes() -> APIRouter:
    """The routes of this file."""
    router = APIRouter()
    add_files(router, FILES, _POLICY)
    return router
