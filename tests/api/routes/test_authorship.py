"""POST /authorship over a real socket, with a double that counts two words."""

from prometheus_client import REGISTRY

from app.api.routes.authorship import Authorship, ChunkEvidence
from tests.api.service import Service

TEXT = "It depends upon the Union. " + "x" * 40 + " whilst upon"


def test_the_whole_answer(texts: Service) -> None:
    (prediction,) = texts.http.post("/authorship", json={"text": TEXT}).json()["predictions"]
    assert prediction == {
        "author": "Hamilton",
        "score": 2 / 3,
        "probabilities": {"Hamilton": 2 / 3, "Madison": 1 / 3},
        "chunks": 2,
        "characters": len(TEXT),
        "truncated": False,
        "abstained": False,
    }


def test_evidence_chunk_by_chunk(texts: Service) -> None:
    body = {"text": TEXT, "evidence": True}
    (prediction,) = texts.http.post("/authorship", json=body).json()["predictions"]
    assert prediction.keys() == Authorship.model_fields.keys() - {"understood"}
    evidence = prediction["evidence"]
    assert len(evidence) == prediction["chunks"]
    assert evidence[0].keys() == ChunkEvidence.model_fields.keys()
    assert [(each["start"], each["end"]) for each in evidence] == [(0, 40), (40, len(TEXT))]
    assert evidence[0]["probabilities"] == {"Hamilton": 1.0, "Madison": 0.0}


def test_a_text_that_is_too_short_is_refused_in_its_place(texts: Service) -> None:
    for text, field in (("ab", "text"), ([TEXT, TEXT, "ab"], "text[2]")):
        response = texts.http.post("/authorship", json={"text": text})
        assert response.status_code == 422
        (error,) = response.json()["errors"]
        assert error == {
            "field": field,
            "message": "2 characters are too few to judge",
            "allowed": "at least 3 characters",
        }


def test_abstentions_are_counted(texts: Service) -> None:
    def count() -> float:
        labels = {"model": "authorship", "version": "1"}
        return REGISTRY.get_sample_value("unroll_abstentions_total", labels) or 0.0

    texts.http.post("/authorship", json={"text": TEXT})
    before = count()
    answer = texts.http.post("/authorship", json={"text": ["nobody", TEXT, "says"]}).json()
    assert [each["abstained"] for each in answer["predictions"]] == [True, False, True]
    assert count() == before + 2
