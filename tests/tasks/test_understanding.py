"""What a text model does with what it does not understand: widen, abstain, still add up."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from app.errors import ModelRefused
from app.features.familiarity import FAMILIARITY_FILE, fit_familiarity
from app.features.text import TextReader
from app.serving.models.loader import load_version
from app.serving.models.manifest import digest, read_manifest, write_manifest
from app.serving.runtime.session import Session
from app.tasks.authorship import AuthorshipTask
from app.tasks.sentiment import SentimentTask
from app.tasks.understanding import Understanding, UnderstandingOptions
from tests.classifier import FEATURES, tokenizer, understand, word_graph, write_classifier
from tests.tasks.test_authorship import FEATURES as AUTHORS
from tests.tasks.test_authorship import SESSION, WORDS

ENGLISH = ("the film was good and not bad", "was the film fine", "it was not a good film at all")
TABLE = fit_familiarity(ENGLISH * 4, ENGLISH)
RATES = np.array([0.2, 0.5, 0.3])
UNDERSTANDING = Understanding(TABLE, 0.6, np.log(RATES))
STRANGE = "zzkw good qxj bad vvk"


def _sentiment(understanding: Understanding | None) -> SentimentTask:
    reader = TextReader(tokenizer(), FEATURES.max_tokens)
    return SentimentTask(FEATURES, reader, Session(word_graph()), understanding)


def test_what_is_understood_is_answered_as_before() -> None:
    text = "the film was good"
    [plain] = _sentiment(None).predict([_sentiment(None).encode(text)])
    task = _sentiment(UNDERSTANDING)
    [answer] = task.predict([task.encode(text)])
    assert answer.probabilities == plain.probabilities
    assert answer.abstained is False
    assert answer.understood is not None
    assert answer.understood > 0.6
    assert "understood" not in plain.to_json()
    assert answer.to_json().keys() - plain.to_json().keys() == {"understood", "abstained"}


def test_what_is_not_understood_is_drawn_to_the_base_rates() -> None:
    task = _sentiment(UNDERSTANDING)
    [answer] = task.predict([task.encode("Привет good")])
    assert answer.abstained is True
    [nothing] = task.predict([task.encode(":-)")])
    assert list(nothing.probabilities.values()) == pytest.approx(RATES)
    [plain] = _sentiment(None).predict([_sentiment(None).encode("Привет good")])
    assert answer.probabilities["positive"] < plain.probabilities["positive"]


@pytest.mark.parametrize("text", ["the film was good", STRANGE, "Привет good", ":-)"])
def test_explanations_still_add_up(text: str) -> None:
    task = _sentiment(UNDERSTANDING)
    [answer] = task.predict([task.encode(text, explain=True)])
    assert answer.explanation is not None
    logs = np.log(list(answer.probabilities.values()))
    total = answer.explanation.bias + sum(answer.explanation.contributions)
    assert total == pytest.approx(float(logs.max() - logs.mean()), abs=1e-6)


def test_authorship_abstains_far_from_its_candidates() -> None:
    table = replace(fit_familiarity([WORDS] * 9, [WORDS]), limit=6.0)
    familiar = Understanding(table, 0.6, np.zeros(3))
    task, plain = AuthorshipTask(AUTHORS, SESSION, familiar), AuthorshipTask(AUTHORS, SESSION)
    [known] = task.predict([task.encode(WORDS * 2)])
    [before] = plain.predict([plain.encode(WORDS * 2)])
    assert known.probabilities == before.probabilities
    assert known.abstained == before.abstained
    [strange] = task.predict([task.encode("zqj kvv wxz qqk jjz " * 5, evidence=True)])
    assert strange.abstained is True
    assert strange.understood is not None
    assert strange.understood < 0.1
    assert max(strange.probabilities.values()) < 0.45
    assert strange.evidence is not None
    assert all(max(one.probabilities.values()) < 0.45 for one in strange.evidence)


@pytest.mark.parametrize("rates", [(0.5, 0.5), (0.9, 0.2, 0.1), (1.0, 0.0, 0.0)])
def test_wrong_base_rates_are_refused(tmp_path: Path, rates: tuple[float, ...]) -> None:
    folder = write_classifier(tmp_path)
    (folder / FAMILIARITY_FILE).write_bytes(TABLE.to_bytes())
    manifest = read_manifest(folder)
    files = manifest.files | {FAMILIARITY_FILE: digest(folder / FAMILIARITY_FILE)}
    options = UnderstandingOptions(threshold=0.5, base_rates=rates)
    with pytest.raises(ModelRefused, match="base_rates must be 3 positive shares"):
        Understanding.load(folder, manifest.model_copy(update={"files": files}), options, 3)


def test_a_missing_table_is_refused(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path)
    manifest = read_manifest(folder)
    features = manifest.features | {"understanding": {"threshold": 0.5}}
    write_manifest(folder, manifest.model_copy(update={"features": features}))
    with pytest.raises(ModelRefused, match=f"does not list {FAMILIARITY_FILE}"):
        SentimentTask.load(folder, read_manifest(folder), lambda file: Session(folder / file))


def test_a_threshold_of_nothing_is_no_threshold() -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        UnderstandingOptions(threshold=0.0)


def test_a_version_with_a_table_loads_and_tells(tmp_path: Path) -> None:
    model = load_version(understand(write_classifier(tmp_path)), {"sentiment": SentimentTask})
    try:
        [answer] = model.task.predict([model.task.encode("Привет")])
        assert (answer.understood, answer.abstained) == (pytest.approx(0.0, abs=1e-6), True)
    finally:
        model.close()
