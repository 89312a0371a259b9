"""GET /models and below."""

import json
from pathlib import Path

from tests.api.service import Service


def test_the_list_holds_what_is_served_and_what_is_not(service: Service) -> None:
    answer = service.http.get("/models").json()
    served = {model["name"]: model for model in answer["models"]}
    assert served.keys() == {"forecast", "slow", "other"}
    assert served["forecast"] == {
        "name": "forecast",
        "version": "2",
        "task": "forecast",
        "description": "The last value again.",
        "cell": "none",
        "parameters": 1234,
        "created": "2020-01-01T00:00:00Z",
        "license": "Apache-2.0",
        "streams": False,
    }
    (refused,) = answer["refused"]
    assert (refused["name"], refused["version"]) == ("broken", "1")
    assert "README.md" in refused["reason"]


def test_one_model(service: Service) -> None:
    answer = service.http.get("/models/slow").json()
    assert (answer["name"], answer["version"]) == ("slow", "1")


def test_the_manifest_is_the_file(service: Service, models_dir: Path) -> None:
    answer = service.http.get("/models/forecast/versions/2").json()
    assert answer == json.loads((models_dir / "forecast" / "2" / "manifest.json").read_text())


def test_the_card_is_the_file(service: Service, models_dir: Path) -> None:
    answer = service.http.get("/models/forecast/versions/2/card")
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert answer.content == (models_dir / "forecast" / "2" / "README.md").read_bytes()
    assert service.http.get("/models/forecast/versions/77/card").status_code == 404
