"""POST /sentiment over a real socket: the real task on a table of words."""

import numpy as np
import pytest
from prometheus_client import REGISTRY

from app.api.routes.sentiment import Sentiment, SentimentExplanation, TokenContribution
from app.tasks.sentiment import METHOD
from tests.api.service import Service
from tests.classifier import BIAS, LABELS, WORDS


def observed(metric: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(metric, labels) or 0.0


def test_the_whole_answer(texts: Service) -> None:
    response = texts.http.post("/sentiment", json={"text": "good film"})
    logits = np.array(BIAS) + np.array(WORDS["good"]) / 2
    expected = np.exp(logits) / np.exp(logits).sum()
    (prediction,) = response.json()["predictions"]
    probabilities = prediction.pop("probabilities")
    assert list(probabilities) == list(LABELS)
    assert list(probabilities.values()) == pytest.approx(expected, rel=1e-6)
    assert prediction == {
        "label": "positive",
        "score": probabilities["positive"],
        "truncated": False,
        "tokens": 2,
        "unknown_tokens": 0,
    }


def test_an_explanation_points_into_the_text(texts: Service) -> None:
    text = "@unroll NOT a Good\U0001f600 film,\nhttp://example.org"
    body = {"text": ["bad", text], "explain": True}
    _, prediction = texts.http.post("/sentiment", json=body).json()["predictions"]
    explanation = prediction["explanation"]
    assert explanation["method"] == METHOD
    assert explanation["label"] == prediction["label"]
    assert [
        (each["token"], text[each["start"] : each["end"]]) for each in explanation["tokens"]
    ] == [
        ("xxuser", "@unroll"),
        ("not", "NOT"),
        ("a", "a"),
        ("good", "Good"),
        ("[unk]", "\U0001f600"),
        ("film", "film"),
        (",", ","),
        ("xxlink", "http://example.org"),
    ]
    logs = np.log(list(prediction["probabilities"].values()))
    parts = [each["contribution"] for each in explanation["tokens"]]
    assert sum(parts) + explanation["bias"] == pytest.approx(logs.max() - logs.mean(), rel=1e-5)


def test_a_long_text_says_that_it_was_cut(texts: Service) -> None:
    body = {"text": "good " * 300, "explain": True}
    (prediction,) = texts.http.post("/sentiment", json=body).json()["predictions"]
    assert prediction["truncated"] is True
    assert prediction["tokens"] == len(prediction["explanation"]["tokens"]) == 16


def test_explanations_take_shorter_texts(texts: Service) -> None:
    for characters, explain, status in (
        (20_000, False, 200),
        (2_001, True, 422),
        (2_000, True, 200),
    ):
        body = {"text": ["x" * (characters - 1000), "x" * 1000], "explain": explain}
        response = texts.http.post("/sentiment", json=body)
        assert response.status_code == status, response.text
        if status == 422:
            assert response.json()["errors"][0]["allowed"].startswith("at most 2000 characters")


def test_the_schema_is_what_is_answered(texts: Service) -> None:
    body = {"text": "good film", "explain": True}
    (prediction,) = texts.http.post("/sentiment", json=body).json()["predictions"]
    told = {"understood", "abstained"}  # by models that have learned to
    assert prediction.keys() == Sentiment.model_fields.keys() - told
    assert prediction["explanation"].keys() == SentimentExplanation.model_fields.keys()
    assert prediction["explanation"]["tokens"][0].keys() == TokenContribution.model_fields.keys()


@pytest.mark.parametrize("text", ["", "  \n", "<br />", "\u3000"])
def test_a_text_without_words_is_refused_in_its_place(texts: Service, text: str) -> None:
    for body, field in ((text, "text"), (["good", text], "text[1]")):
        response = texts.http.post("/sentiment", json={"text": body})
        assert response.status_code == 422
        (error,) = response.json()["errors"]
        assert error["field"] == field
        assert error["allowed"].startswith("a text of which something is left")


def test_what_is_measured(texts: Service) -> None:
    ids = {"model": "sentiment", "version": "1"}
    names = ("unroll_unknown_token_ratio", "unroll_prediction_confidence", "unroll_input_length")
    labels = (ids, ids | {"task": "sentiment"}, {"task": "sentiment", "model": "sentiment"})

    def sums() -> list[tuple[float, float]]:
        return [
            (observed(f"{name}_count", **each), observed(f"{name}_sum", **each))
            for name, each in zip(names, labels, strict=True)
        ]

    before = sums()
    many = ["good film", "\u6f22 \u5b57 good film"]
    predictions = texts.http.post("/sentiment", json={"text": many}).json()["predictions"]
    grown = [
        (count - old_count, total - old_total)
        for (count, total), (old_count, old_total) in zip(sums(), before, strict=True)
    ]
    assert [count for count, _ in grown] == [2, 2, 2]
    unknown, confidence, length = (total for _, total in grown)
    assert unknown == pytest.approx(0.0 + 0.5)
    assert confidence == pytest.approx(sum(each["score"] for each in predictions))
    assert length == len(many[0]) + len(many[1])
