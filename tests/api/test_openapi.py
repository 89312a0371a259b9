"""What /docs says: every route described, with examples that work and errors as they are."""

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from app.api.paths import is_protocol
from app.main import create_app
from app.settings import load_settings
from tests.api.service import Service


@pytest.fixture(name="schema")
def described(service: Service) -> dict[str, Any]:
    schema = service.http.get("/openapi.json").json()
    assert isinstance(schema, dict)
    return schema


def operations(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in schema["paths"].values() for operation in path.values()]


def test_every_route_is_described(schema: dict[str, Any]) -> None:
    assert len(operations(schema)) >= 7
    for operation in operations(schema):
        assert operation["summary"]
        assert operation["description"]
        assert operation["tags"]
        assert "500" in operation["responses"]


def test_every_error_is_a_problem(schema: dict[str, Any]) -> None:
    for path, methods in schema["paths"].items():
        protocol = is_protocol(path)
        media_type = "application/json" if protocol else "application/problem+json"
        for operation in methods.values():
            for status, response in operation["responses"].items():
                if status >= "400":
                    assert list(response["content"]) == [media_type]
                    kind = str(response["content"][media_type]["schema"])
                    assert ("'error'" in kind) == protocol
    assert "HTTPValidationError" not in schema["components"]["schemas"]


def test_references_lead_somewhere(schema: dict[str, Any]) -> None:
    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if isinstance(reference := node.get("$ref"), str):
                kind, name = reference.split("/")[2:]
                assert name in schema["components"][kind]
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(schema)


def test_every_field_is_described(schema: dict[str, Any]) -> None:
    fields = schema["components"]["schemas"]["PastForecastRequest"]["properties"]
    assert all(field["description"] for field in fields.values())


def test_the_examples_work(service: Service, schema: dict[str, Any]) -> None:
    content = schema["paths"]["/forecast"]["post"]["requestBody"]["content"]["application/json"]
    for example in content["examples"].values():
        assert service.http.post("/forecast", json=example["value"]).status_code == 200


def test_the_page_needs_no_other_host(service: Service) -> None:
    page = service.http.get("/docs")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "//" not in page.text
    for name in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        part = service.http.get(f"/{name}")
        assert part.status_code == 200, name
        assert part.headers["content-type"] != "application/json"
        again = service.http.get(f"/{name}", headers={"If-None-Match": part.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert service.http.head(f"/{name}").status_code == 200


def test_answers_are_real_and_as_described(schema: dict[str, Any]) -> None:
    without = set()
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            for status, response in operation["responses"].items():
                content = response.get("content", {}).get("application/json")
                if status >= "300" or content is None:
                    continue
                if "example" not in content:
                    without.add(f"{method} {path}")
                    continue
                of_answer = {"components": schema["components"], **content["schema"]}
                jsonschema.validate(content["example"], of_answer)
    # No model of these ships.
    assert without <= {
        f"post /{task}" for task in ("translate", "anomalies", "backtest", "classify")
    }


def test_refused_pages_are_described(schema: dict[str, Any]) -> None:
    for methods in schema["paths"].values():
        for method, operation in methods.items():
            assert ("403" in operation["responses"]) == (method != "get")


def test_headers_are_described(schema: dict[str, Any]) -> None:
    operation = schema["paths"]["/forecast"]["post"]
    parameters = [each["$ref"].rpartition("/")[2] for each in operation["parameters"]]
    assert parameters == ["X-Request-ID", "X-Request-Timeout-Ms", "traceparent"]
    for name in parameters:
        declared = schema["components"]["parameters"][name]
        assert (declared["name"], declared["in"]) == (name, "header")
        assert declared["description"]
    for each in operations(schema):
        for status, response in each["responses"].items():
            assert {"X-Request-ID", "Server-Timing"} <= response["headers"].keys()
            assert ("Retry-After" in response["headers"]) == (status in {"429", "503"})


def test_a_challenge_is_described(models_dir: Path) -> None:
    schema = create_app(load_settings(models_dir=models_dir, api_keys=["secret"])).openapi()
    refused = schema["paths"]["/forecast"]["post"]["responses"]["401"]
    assert "WWW-Authenticate" in refused["headers"]
    assert "WWW-Authenticate" in schema["components"]["headers"]
