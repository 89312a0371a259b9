"""The description of the API at /openapi.json and /docs. Knows the error table; no route."""

from collections.abc import Set
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api.errors import ERRORS, MEDIA_TYPE, STATUSES, Problem, ProblemKind
from app.api.keys import HEADER
from app.errors import InvalidInput

_REFERENCE: Final = "#/components/schemas/"


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer with these error statuses."""
    kinds: dict[int, list[ProblemKind]] = {}
    for kind in (*ERRORS.values(), *STATUSES.values()):
        if kind not in kinds.setdefault(kind.status, []):
            kinds[kind.status].append(kind)
    return {status: _response(kinds[status]) for status in statuses}


def add_openapi(app: FastAPI, open_paths: Set[str] | None = None) -> None:
    """Make `app` describe its errors as they are, and API keys if there are any.

    `open_paths` need no key; None means that no path does.
    """

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
                license_info=app.license_info,
            )
            problem = Problem.model_json_schema(ref_template=_REFERENCE + "{model}")
            _drop_default_errors(schema)
            schemas = schema.setdefault("components", {}).setdefault("schemas", {})
            schemas |= problem.pop("$defs", {}) | {"Problem": problem}
            if open_paths is not None:
                _declare_keys(schema, open_paths)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]  # FastAPI's documented way


def _declare_keys(schema: dict[str, Any], open_paths: Set[str]) -> None:
    schema["components"]["securitySchemes"] = {
        "Bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
        "ApiKey": {"type": "apiKey", "in": "header", "name": HEADER, "description": "The same."},
    }
    for path, operations in schema["paths"].items():
        if path not in open_paths:
            for operation in operations.values():
                operation["security"] = [{"Bearer": []}, {"ApiKey": []}]
                operation["responses"] |= problems(401)


def _drop_default_errors(schema: dict[str, Any]) -> None:
    """FastAPI adds a 422 of its own shape to every route with a parameter; none is ever sent."""
    for path in schema["paths"].values():
        for operation in path.values():
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        schema["components"]["schemas"].pop(name, None)


def _response(kinds: list[ProblemKind]) -> dict[str, Any]:
    return {
        "description": "; ".join(f"{kind.title}: {kind.description}" for kind in kinds),
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": f"{_REFERENCE}Problem"},
                "examples": {kind.slug: {"value": _example(kind)} for kind in kinds},
            }
        },
    }


def _example(kind: ProblemKind) -> dict[str, Any]:
    example = {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status,
        "detail": kind.description,
        "instance": "/forecast",
        "request_id": "5f0c2b7e9d8a4c1e",
    }
    if kind is ERRORS[InvalidInput]:
        message = 'expected a finite number or null, got "abc"'
        example |= {
            "detail": f"series[3][17]: {message}",
            "errors": [
                {
                    "field": "series[3][17]",
                    "message": message,
                    "allowed": "finite numbers, null for a missing value",
                }
            ],
        }
    return example
