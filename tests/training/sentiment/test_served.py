"""Asking a text classifier, in this process and over a real socket: the same answers."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.errors import ModelNotFound, UnrollError
from app.training.sentiment.served import served_texts
from tests.keywords import (
    LABELS,
    KeywordServer,
    KeywordTask,
    keyword_server,
    probabilities_of,
    write_keyword_version,
)

TEXTS = ["good", "bad", "", "a good and a bad one", *(f"text {i} good" for i in range(100))]


@pytest.fixture
def server() -> Iterator[KeywordServer]:
    with keyword_server() as one:
        yield one


def test_both_ways_give_every_text_its_answer_in_order(
    tmp_path: Path, server: KeywordServer
) -> None:
    write_keyword_version(tmp_path)
    expected = np.array([list(probabilities_of(text).values()) for text in TEXTS])
    for url, version in ((None, "1"), (server.url, "7")):
        told: list[int] = []
        with served_texts("sentiment", KeywordTask, "sentiment", tmp_path, url=url) as model:
            assert (model.model, model.version) == ("sentiment", version)
            answers = model.classify(TEXTS, told.append)
        assert answers.labels == LABELS
        np.testing.assert_allclose(answers.probabilities, expected)
        assert not answers.truncated.any()
        assert told[-1] == len(TEXTS)
        assert len(told) > 1


def test_the_server_is_asked_for_one_version(server: KeywordServer, tmp_path: Path) -> None:
    with served_texts("sentiment", KeywordTask, "sentiment", tmp_path, url=server.url) as model:
        model.classify(TEXTS, None)
    asked = [(one["path"], one["model"], one["version"]) for one in server.requests]
    assert set(asked) == {("/sentiment", "sentiment", "7")}
    assert [text for one in server.requests for text in one["text"]] == TEXTS


def test_no_texts_are_no_answers(tmp_path: Path) -> None:
    write_keyword_version(tmp_path)
    with served_texts("sentiment", KeywordTask, "sentiment", tmp_path) as model:
        answers = model.classify([], None)
    assert (answers.labels, len(answers.probabilities), len(answers.truncated)) == ((), 0, 0)


def test_a_model_that_is_not_there_or_of_another_task_is_said_so(
    tmp_path: Path, server: KeywordServer
) -> None:
    write_keyword_version(tmp_path)
    refusals = (
        (("sentiment", "moods", None, None), "moods/0: there is no manifest"),
        (("sentiment", "sentiment", "3", None), "sentiment/3: there is no manifest"),
        (("authorship", "sentiment", None, None), "there is no task 'sentiment'"),
        (("sentiment", "moods", None, server.url), "404.*no such model"),
    )
    for (task, name, version, url), message in refusals:
        with (
            pytest.raises(UnrollError, match=message),
            served_texts(task, KeywordTask, name, tmp_path, version=version, url=url),
        ):
            pass
    assert issubclass(ModelNotFound, UnrollError)


def test_an_answer_that_lacks_a_text_is_refused(server: KeywordServer, tmp_path: Path) -> None:
    server.short_of = 1
    with (
        served_texts("sentiment", KeywordTask, "sentiment", tmp_path, url=server.url) as model,
        pytest.raises(UnrollError, match="2 texts got 1 answers"),
    ):
        model.classify(["good", "bad"], None)
