"""POST /classify over a real socket: the real task on a table of words."""

import numpy as np
import pytest

from app.api.routes.classify import Classification
from tests.api.service import Service
from tests.classifier import BIAS, LABELS, WORDS

SEVERAL = "classifier-several"


def test_a_classifier_answers_as_a_sentiment_model_does(texts: Service) -> None:
    body = {"text": ["good film", "not bad"], "explain": True}
    ours = texts.http.post("/classify", json=body).json()
    theirs = texts.http.post("/sentiment", json=body).json()
    assert ours["predictions"] == theirs["predictions"]
    assert ours["model"] == "classifier"


def test_a_sentiment_model_is_a_classifier_but_not_the_other_way_round(texts: Service) -> None:
    assert texts.http.post("/classify", json={"text": "good", "model": "sentiment"}).is_success
    response = texts.http.post("/sentiment", json={"text": "good", "model": "classifier"})
    assert response.status_code == 404
    assert "there is no sentiment model 'classifier'" in response.json()["detail"]


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("good", ["positive"]),  # logits -1.75, 0.5, 4
        ("bad fine", ["negative", "neutral"]),  # 2.25, 2, -1
        ("film", []),  # 0.25, 0.5, 0
    ],
)
def test_a_text_may_have_several_labels(texts: Service, text: str, labels: list[str]) -> None:
    body = {"text": text, "model": SEVERAL}
    (prediction,) = texts.http.post("/classify", json=body).json()["predictions"]
    words = text.split()
    logits = np.array(BIAS) + sum(np.array(WORDS.get(word, (0, 0, 0))) for word in words) / len(
        words
    )
    expected = dict(zip(LABELS, (1 / (1 + np.exp(-logits))).tolist(), strict=True))
    assert prediction["probabilities"] == pytest.approx(expected, rel=1e-6)
    wanted = sorted((name for name in LABELS if expected[name] >= 0.65), key=lambda n: -expected[n])
    assert prediction["labels"] == wanted == labels
    assert prediction["score"] == max(prediction["probabilities"].values())


def test_an_explanation_of_one_of_several_labels_adds_up_to_its_logit(texts: Service) -> None:
    body = {"text": "not a good film", "model": SEVERAL, "explain": True}
    (prediction,) = texts.http.post("/classify", json=body).json()["predictions"]
    explanation = prediction["explanation"]
    assert explanation["label"] == prediction["label"]
    probability = prediction["score"]
    parts = [each["contribution"] for each in explanation["tokens"]]
    logit = np.log(probability / (1 - probability))
    assert sum(parts) + explanation["bias"] == pytest.approx(logit, rel=1e-5)


def test_the_schema_is_what_is_answered(texts: Service) -> None:
    body = {"text": "good film", "explain": True, "model": SEVERAL}
    (prediction,) = texts.http.post("/classify", json=body).json()["predictions"]
    told = {"understood", "abstained"}  # by models that have learned to
    assert prediction.keys() == Classification.model_fields.keys() - told
