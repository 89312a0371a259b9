"""The types of answers name fields that the service has."""

import typing

import pytest

from app.main import create_app
from app.settings import Settings
from unroll_client import answers

TYPES = {
    "Forecast": answers.Forecast,
    "Backtest": answers.Backtest,
    "BacktestWindow": answers.Window,
    "SeriesAnomalies": answers.Anomalies,
    "Anomaly": answers.Anomaly,
    "Sentiment": answers.Sentiment,
    "SentimentExplanation": answers.Explanation,
    "TokenContribution": answers.TokenContribution,
    "Classification": answers.Label,
    "Authorship": answers.Authorship,
    "ChunkEvidence": answers.Evidence,
    "Caption": answers.Caption,
    "CaptionCandidate": answers.Candidate,
    "Translation": answers.Translation,
    "GeneratedSample": answers.Sample,
}


@pytest.fixture(scope="module", name="schemas")
def schemas_of_the_service(tmp_path_factory: pytest.TempPathFactory) -> typing.Any:
    settings = Settings(models_dir=tmp_path_factory.mktemp("models"))
    return create_app(settings).openapi()["components"]["schemas"]


@pytest.mark.parametrize("name", TYPES)
def test_the_fields_are_those_of_the_service(name: str, schemas: typing.Any) -> None:
    ours = set(typing.get_type_hints(TYPES[name])) - {"model", "version"}
    assert ours <= set(schemas[name]["properties"])
    # What the service always gives is named here.
    assert set(schemas[name].get("required", ())) <= ours
