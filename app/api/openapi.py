"""The description of the API at /openapi.json and /docs. Knows the error table; no route."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.api.errors import ERRORS, MEDIA_TYPE, STATUSES, Problem, ProblemKind
from app.api.keys import HEADER
from app.api.limits import TIMEOUT_HEADER
from app.api.paths import is_protocol
from app.errors import InvalidInput

# Real answers by operation, written by `python -m tests.answers`.
ANSWERS: Final = Path(__file__).resolve().with_name("answers.json")

_REFERENCE: Final = "#/components/schemas/"
_PROTOCOL_ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"error": {"type": "string", "description": "What is wrong."}},
    "required": ["error"],
}


# Read and written by middlewares and by what reads bodies: no route has them as parameters.
_REQUEST_HEADERS: Final[dict[str, dict[str, Any]]] = {
    "X-Request-ID": {
        "description": "Names the request in the answer and the log; made up if it is absent.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,128}$"},
    },
    TIMEOUT_HEADER: {
        "description": "Milliseconds that the request may take, less than the service's own limit.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "traceparent": {
        "description": "W3C Trace Context: ties the request to the caller's trace.",
        "schema": {"type": "string"},
    },
}
_RESPONSE_HEADERS: Final[dict[str, dict[str, Any]]] = {
    "X-Request-ID": {
        "description": "The id of the request.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Server-Timing": {
        "description": "Where the time went, in milliseconds: queue, inference, total.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds to wait before the request is sent again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {
        "description": "How to send an API key.",
        "required": True,
        "schema": {"type": "string"},
    },
}
_OF_STATUS: Final = {"401": "WWW-Authenticate", "429": "Retry-After", "503": "Retry-After"}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer with these error statuses."""
    kinds: dict[int, list[ProblemKind]] = {}
    for kind in (*ERRORS.values(), *STATUSES.values()):
        if kind not in kinds.setdefault(kind.status, []):
            kinds[kind.status].append(kind)
    return {status: _response(kinds[status]) for status in statuses}


def protocol_errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The same for a route of the Open Inference Protocol, whose errors have a body of theirs."""
    return {
        status: {
            "description": response["description"],
            "content": {"application/json": {"schema": _PROTOCOL_ERROR}},
        }
        for status, response in problems(*statuses).items()
    }


def json_body(body: type[BaseModel], examples: Mapping[str, Any]) -> dict[str, Any]:
    """The `openapi_extra` of a route that reads its JSON body by itself."""
    kind: Any = (body, "validation")
    references, schemas = models_json_schema([kind], ref_template=_REFERENCE + "{model}")
    content = {"schema": references[kind] | schemas, "examples": dict(examples)}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def add_openapi(app: FastAPI, needs_key: Callable[[str], bool] | None = None) -> None:
    """Make `app` describe its errors as they are, and API keys if there are any.

    `needs_key` tells whether a path needs one; None means that no path does.
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
            schemas |= _definitions_of_bodies(schema)
            _declare_origins(schema)
            if needs_key is not None:
                _declare_keys(schema, needs_key)
            _declare_headers(schema)
            _add_answers(schema)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]  # FastAPI's documented way


def _definitions_of_bodies(schema: dict[str, Any]) -> dict[str, Any]:
    """What bodies refer to, by name; taken out of them, where `json_body` has put it."""
    definitions: dict[str, Any] = {}
    for operations in schema["paths"].values():
        for operation in operations.values():
            for each in operation.get("requestBody", {}).get("content", {}).values():
                definitions |= each.get("schema", {}).pop("$defs", {})
    return definitions


def _declare_origins(schema: dict[str, Any]) -> None:
    """Pages of other origins may only read; see `origins`."""
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            if method != "get":
                operation["responses"].setdefault("403", _refusals(path, 403))


def _refusals(path: str, status: int) -> dict[str, Any]:
    declare = protocol_errors if is_protocol(path) else problems
    return declare(status)[status]


def _add_answers(schema: dict[str, Any]) -> None:
    """A real answer in the place of made-up ones."""
    answers = json.loads(ANSWERS.read_text(encoding="utf-8"))
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            answer = answers.get(f"{method.upper()} {path}")
            for status, response in operation["responses"].items():
                content = response.get("content", {}).get("application/json")
                if answer is not None and status < "300" and content is not None:
                    content["example"] = answer


def _declare_keys(schema: dict[str, Any], needs_key: Callable[[str], bool]) -> None:
    schema["components"]["securitySchemes"] = {
        "Bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
        "ApiKey": {"type": "apiKey", "in": "header", "name": HEADER, "description": "The same."},
    }
    for path, operations in schema["paths"].items():
        if needs_key(path):
            for operation in operations.values():
                operation["security"] = [{"Bearer": []}, {"ApiKey": []}]
                operation["responses"]["401"] = _refusals(path, 401)


def _declare_headers(schema: dict[str, Any]) -> None:
    schema["components"]["headers"] = _RESPONSE_HEADERS
    schema["components"]["parameters"] = {
        name: {"name": name, "in": "header"} | header for name, header in _REQUEST_HEADERS.items()
    }
    for operations in schema["paths"].values():
        for operation in operations.values():
            if "requestBody" in operation:
                operation.setdefault("parameters", []).extend(
                    {"$ref": f"#/components/parameters/{name}"} for name in _REQUEST_HEADERS
                )
            for status, response in operation["responses"].items():
                names = ["X-Request-ID", "Server-Timing"]
                if status in _OF_STATUS:
                    names.append(_OF_STATUS[status])
                response["headers"] = {
                    name: {"$ref": f"#/components/headers/{name}"} for name in names
                }


def _drop_default_errors(schema: dict[str, Any]) -> None:
    """FastAPI adds a 422 of its own shape to every route with a parameter; none is ever sent."""
    for path in schema["paths"].values():
        for operation in path.values():
            content = operation["responses"].get("422", {}).get("content", {})
            if "HTTPValidationError" in str(content.get("application/json")):
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
