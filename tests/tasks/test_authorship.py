"""What the authorship task does to a text and to the graph's answers, with a tiny real network."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.errors import InferenceFailed, InvalidInput
from app.serving.runtime.session import Session
from app.tasks.authorship import AuthorshipFeatures, AuthorshipTask, Calibration
from app.training.authorship.network import AuthorshipNetwork, AuthorshipOptions, authorship_graph

ALPHABET = " etaoinshrdlucmfwygpbvk*#,.;'"
FEATURES = AuthorshipFeatures(
    authors=("Anna", "Bert", "Cleo"),
    threshold=0.5,
    min_characters=10,
    max_characters=600,
    chunk_length=50,
    alphabet=ALPHABET,
    masked_words=("anna",),
    calibration=Calibration(scale=2.0, growth=0.5),
)


def session(*, broken: bool = False) -> Session:
    torch.manual_seed(0)
    options = AuthorshipOptions(
        num_classes=3, buckets=64, embedding_size=8, stride=5, hidden_size=6, profile=128
    )
    network = AuthorshipNetwork(options).eval()
    network.profile_weights.normal_()
    network.inverse_frequency.fill_(torch.nan if broken else 1.0)
    return Session(authorship_graph([network]).SerializeToString())


SESSION = session()
TASK = AuthorshipTask(FEATURES, SESSION)
WORDS = "it is the common fate of all that there be some who differ "


def test_an_answer_holds_every_author() -> None:
    [answer] = TASK.predict([TASK.encode(WORDS * 2)])
    assert tuple(answer.probabilities) == FEATURES.authors
    assert sum(answer.probabilities.values()) == pytest.approx(1.0)
    assert answer.score == max(answer.probabilities.values())
    assert answer.probabilities[answer.author] == answer.score
    assert (answer.chunks, answer.characters) == (3, 117)
    assert answer.truncated is False
    assert json.loads(json.dumps(answer.to_json())).keys() == {
        *("author", "score", "probabilities", "chunks", "characters", "truncated", "abstained"),
    }


@settings(max_examples=25)
@given(st.lists(st.integers(1, 8), min_size=2, max_size=6))
def test_an_answer_never_depends_on_its_batch_mates(repeats: list[int]) -> None:
    texts = [f"{WORDS * count}{'x' * i * 7}" for i, count in enumerate(repeats)]
    examples = [TASK.encode(text, evidence=True) for text in texts]
    for example, together in zip(examples, TASK.predict(examples), strict=True):
        [alone] = TASK.predict([example])
        assert alone.author == together.author
        assert alone.chunks == together.chunks
        np.testing.assert_allclose(
            list(together.probabilities.values()),
            list(alone.probabilities.values()),
            rtol=1e-5,
            atol=1e-6,
        )


def test_chunks_are_pooled_by_their_length_and_calibrated() -> None:
    example = TASK.encode(WORDS * 3)
    rows = []
    for start, end in example.bounds:
        ids = example.characters.ids[None, start:end]
        feeds = {"character_ids": ids, "lengths": np.array([end - start])}
        rows.append(SESSION.run(feeds)["logits"][0])
    weights = [end - start for start, end in example.bounds]
    pooled = np.average(rows, axis=0, weights=weights)
    scaled = pooled * 2.0 * (example.length / 1000) ** 0.5
    expected = np.exp(scaled) / np.exp(scaled).sum()
    [answer] = TASK.predict([example])
    np.testing.assert_allclose(list(answer.probabilities.values()), expected, rtol=1e-5)


def test_evidence_points_into_the_text_as_it_was_sent() -> None:
    text = "\n\n  " + WORDS.replace(" ", "  \n ") * 3
    [answer] = TASK.predict([TASK.encode(text, evidence=True)])
    assert answer.evidence is not None
    assert len(answer.evidence) == answer.chunks == 4
    assert text[answer.evidence[0].start :].startswith("it")
    assert text[: answer.evidence[-1].end].endswith("differ")
    for left, right in pairwise(answer.evidence):
        assert left.end <= right.start
        assert not text[left.end : right.start].strip()
        assert sum(left.probabilities.values()) == pytest.approx(1.0)


def test_an_unsure_answer_abstains() -> None:
    shy = AuthorshipTask(FEATURES.model_copy(update={"threshold": 1.0}), SESSION)
    bold = AuthorshipTask(FEATURES.model_copy(update={"threshold": 0.0}), SESSION)
    example = TASK.encode(WORDS)
    assert shy.predict([example])[0].abstained is True
    assert bold.predict([example])[0].abstained is False
    assert shy.predict([example])[0].author == bold.predict([example])[0].author


@pytest.mark.parametrize(("text", "why"), [("", "empty"), (" \n\t ", "empty"), ("No.", "too few")])
def test_nothing_to_judge_is_refused(text: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why) as caught:
        TASK.encode(text)
    assert caught.value.field == "text"
    assert caught.value.allowed == "at least 10 characters"


@settings(max_examples=40)
@given(st.text(st.characters(), min_size=1, max_size=200))
def test_any_script_gets_an_answer_or_a_refusal(text: str) -> None:
    try:
        example = TASK.encode(text, evidence=True)
    except InvalidInput:
        assert len(" ".join(text.split())) < FEATURES.min_characters
        return
    [answer] = TASK.predict([example])
    assert np.isfinite(answer.score)
    assert answer.evidence is not None
    assert all(0 <= one.start < one.end <= len(text) for one in answer.evidence)


def test_the_head_of_a_long_text_is_read_and_that_is_said() -> None:
    long = "it-is-" * 200
    [answer] = TASK.predict([TASK.encode(long)])
    assert (answer.characters, answer.truncated) == (600, True)
    [head] = TASK.predict([TASK.encode(long[:600])])
    assert (head.probabilities, head.truncated) == (answer.probabilities, False)


def test_the_authors_names_change_nothing() -> None:
    with_name = TASK.predict([TASK.encode(f"{WORDS}Anna {WORDS}")])[0]
    without = TASK.predict([TASK.encode(f"{WORDS}**** {WORDS}")])[0]
    assert with_name == without


def test_a_network_that_fails_is_an_error() -> None:
    task = AuthorshipTask(FEATURES, session(broken=True))
    with pytest.raises(InferenceFailed):
        task.predict([task.encode(WORDS)])


def test_wrong_features_are_refused() -> None:
    with pytest.raises(ValidationError, match="scale"):
        AuthorshipFeatures.model_validate(FEATURES.model_dump() | {"calibration": {"scale": 0.0}})
    with pytest.raises(ValidationError):
        AuthorshipFeatures.model_validate(FEATURES.model_dump() | {"colour": "red"})
