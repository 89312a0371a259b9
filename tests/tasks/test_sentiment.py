"""The sentiment task: what holds whatever the weights are, and a table that can be followed."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn

from app.errors import InferenceFailed, InvalidInput, ModelRefused
from app.features.text import TOKENIZER_FILE, TextReader
from app.serving.models.loader import load_version
from app.serving.models.manifest import read_manifest, write_manifest
from app.serving.runtime.session import Array, Session
from app.tasks.sentiment import METHOD, SentimentFeatures, SentimentPrediction, SentimentTask
from app.training.common.graph import Graph
from app.training.common.recurrent import Recurrent
from tests.classifier import (
    BIAS,
    FEATURES,
    LABELS,
    WORDS,
    tokenizer,
    tokenizer_json,
    word_graph,
    word_task,
    write_classifier,
    write_tokenizer,
)
from tests.doubles import mean_graph

TASKS = {"sentiment": SentimentTask}


@cache
def recurrent_graph() -> bytes:
    """An untrained bidirectional GRU with a linear head over the mean of its steps."""
    torch.manual_seed(0)
    size = tokenizer().get_vocab_size()
    embedding = nn.Embedding(size, 6)
    network = Recurrent("gru", 6, 5, 1, bidirectional=True)
    head = nn.Linear(network.output_size, len(LABELS))
    nn.init.normal_(head.weight, std=2.0)

    graph = Graph("classifier")
    token_ids = graph.input("token_ids", np.int64, ("batch", "time"))
    lengths = graph.input("lengths", np.int64, ("batch",))
    rows = graph.op("Gather", graph.constant(embedding.weight), token_ids)
    outputs, _ = network.to_onnx(graph, graph.op("Transpose", rows, perm=[1, 0, 2]), lengths)
    outputs = graph.op("Transpose", outputs, perm=[1, 0, 2])  # (batch, time, size)
    count = graph.op("Cast", lengths, to=1)
    divisor = graph.op("Unsqueeze", count, np.array([1, 2], np.int64))  # (batch, 1, 1)
    parts = graph.op("MatMul", graph.op("Div", outputs, divisor), head.weight.detach().T.numpy())
    total = graph.op("ReduceSum", parts, np.array([1], np.int64), keepdims=0)
    logits = graph.op("Add", total, graph.constant(head.bias))
    graph.output("logits", logits, np.float32, ("batch", len(LABELS)))
    graph.output("contributions", parts, np.float32, ("batch", "time", len(LABELS)))
    return bytes(graph.build().SerializeToString())


@cache
def recurrent_task() -> SentimentTask:
    reader = TextReader(tokenizer(), FEATURES.max_tokens)
    return SentimentTask(FEATURES, reader, Session(recurrent_graph()))


def answer(task: SentimentTask, text: str, explain: bool = False) -> SentimentPrediction:
    (prediction,) = task.predict([task.encode(text, explain)])
    return prediction


def test_an_answer_can_be_followed() -> None:
    prediction = answer(word_task(), "The film was good, not bad")  # 7 tokens
    logits = np.array(BIAS) + sum(np.array(WORDS[word]) for word in ("good", "not", "bad")) / 7
    expected = np.exp(logits) / np.exp(logits).sum()
    assert list(prediction.probabilities) == list(LABELS)
    assert list(prediction.probabilities.values()) == pytest.approx(expected, rel=1e-6)
    assert prediction.label == LABELS[int(expected.argmax())]
    assert prediction.score == prediction.probabilities[prediction.label]
    assert sum(prediction.probabilities.values()) == pytest.approx(1.0, abs=1e-15)
    assert (prediction.tokens, prediction.unknown_tokens) == (7, 0)
    assert prediction.truncated is False
    assert prediction.explanation is None
    assert "explanation" not in prediction.to_json()


def test_a_long_text_is_truncated_and_unknown_tokens_are_counted() -> None:
    prediction = answer(word_task(), "good \u6f22 " * 20)
    assert prediction.truncated
    assert (prediction.tokens, prediction.unknown_tokens) == (16, 8)


TEXTS = st.sampled_from(
    [*WORDS, "a good film!", "bad " * 30, "\u6f22\u5b57 \U0001f600", "\ud800", "unbelievable"]
)


@given(st.lists(st.tuples(TEXTS, st.booleans()), min_size=2, max_size=6))
def test_an_answer_never_depends_on_its_batch_mates(rows: list[tuple[str, bool]]) -> None:
    task = recurrent_task()
    examples = [task.encode(text, explain) for text, explain in rows]
    together = task.predict(examples)
    for (text, explain), one in zip(rows, together, strict=True):
        alone = answer(task, text, explain)
        assert one.label == alone.label
        assert (one.tokens, one.unknown_tokens) == (alone.tokens, alone.unknown_tokens)
        assert list(one.probabilities.values()) == pytest.approx(
            list(alone.probabilities.values()), rel=1e-5
        )
        assert (one.explanation is not None) == explain
        if one.explanation is not None and alone.explanation is not None:
            assert one.explanation.spans == alone.explanation.spans
            assert one.explanation.contributions == pytest.approx(
                alone.explanation.contributions, rel=1e-4, abs=1e-6
            )


class Watched(Session):
    """Notes which outputs were asked for."""

    def __init__(self) -> None:
        super().__init__(recurrent_graph())
        self.asked: list[tuple[str, ...]] = []

    def run(self, feeds, outputs=None):  # type: ignore[no-untyped-def]
        self.asked.append(tuple(outputs or ()))
        return super().run(feeds, outputs)


def test_contributions_are_computed_only_for_those_who_ask_and_change_nothing() -> None:
    session = Watched()
    task = SentimentTask(FEATURES, TextReader(tokenizer(), 16), session)
    texts = ["a good film", "bad", "not unbelievable at all!"]
    plain = task.predict([task.encode(text) for text in texts])
    mixed = task.predict([task.encode(text, explain=text == "bad") for text in texts])
    assert session.asked == [("logits",), ("logits", "contributions")]
    assert [each.probabilities for each in plain] == [each.probabilities for each in mixed]
    assert [each.explanation is None for each in mixed] == [True, False, True]


@pytest.mark.parametrize("text", ["good", "not good at all", "bad " * 40, "@a @b http://c \u6f22"])
def test_an_explanation_adds_up_to_the_centred_logit(text: str) -> None:
    task = recurrent_task()
    prediction = answer(task, text, explain=True)
    explanation = prediction.explanation
    assert explanation is not None
    assert explanation.label == prediction.label
    assert len(explanation.contributions) == prediction.tokens == len(explanation.spans)
    logs = {label: np.log(p) for label, p in prediction.probabilities.items()}
    centred = logs[prediction.label] - np.mean(list(logs.values()))
    assert sum(explanation.contributions) + explanation.bias == pytest.approx(centred, rel=1e-5)


def test_an_explanation_names_its_method_and_places() -> None:
    text = "GOOD film"
    explained = answer(word_task(), text, explain=True).to_json()["explanation"]
    good, film = np.array(WORDS["good"]) / 2, np.zeros(3)
    bias = np.array(BIAS)
    assert explained == {
        "method": METHOD,
        "label": "positive",
        "bias": pytest.approx(bias[2] - bias.mean()),
        "tokens": [
            {
                "token": "good",
                "start": 0,
                "end": 4,
                "contribution": pytest.approx(good[2] - good.mean()),
            },
            {"token": "film", "start": 5, "end": 9, "contribution": film[2]},
        ],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "the text is empty"), (" \n", "nothing"), ("<br />", "nothing"), ("\u3000", "nothing")],
)
def test_what_says_nothing_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        word_task().encode(text)
    assert caught.value.field == "text"
    assert message in caught.value.message
    assert caught.value.allowed


class Broken(Session):
    """A network whose answers are not numbers."""

    def run(self, feeds, outputs=None):  # type: ignore[no-untyped-def]
        found: dict[str, Array] = super().run(feeds, outputs)
        return {name: values * np.nan for name, values in found.items()}


def test_an_answer_that_is_no_number_is_a_failure() -> None:
    task = SentimentTask(FEATURES, TextReader(tokenizer(), 16), Broken(word_graph()))
    with pytest.raises(InferenceFailed, match="not finite"):
        answer(task, "good")


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": ("one",)},
        {"labels": ("one", "one")},
        {"max_tokens": 0},
        {"chunk_length": 0},
        {"colour": "red"},
    ],
)
def test_wrong_features_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SentimentFeatures.model_validate(FEATURES.model_dump() | changes)


# Loading, as the service does it.


def test_a_version_is_loaded(tmp_path: Path) -> None:
    model = load_version(write_classifier(tmp_path), TASKS)
    future = model.scheduler.submit(model.task.encode(text="good"))
    assert future.result(60).prediction.label == "positive"
    assert model.close()


def test_a_broken_tokeniser_refuses_the_version(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path)
    write_tokenizer(folder, tokenizer_json()[:1000])
    with pytest.raises(ModelRefused, match=r"^tokenizer\.json is no tokeniser: ") as caught:
        load_version(folder, TASKS)
    assert str(tmp_path) not in caught.value.message


def test_another_tokeniser_than_the_manifest_says_refuses_the_version(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path)
    path = folder / TOKENIZER_FILE
    path.write_text(path.read_text().replace("lowercase", "Lowercase") + " ", encoding="utf-8")
    with pytest.raises(ModelRefused, match="the manifest says"):
        load_version(folder, TASKS)


def test_a_tokeniser_that_is_not_listed_refuses_the_version(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path)
    manifest = read_manifest(folder)
    files = {name: each for name, each in manifest.files.items() if name != TOKENIZER_FILE}
    write_manifest(folder, manifest.model_copy(update={"files": files}))
    with pytest.raises(ModelRefused, match=r"does not list tokenizer\.json"):
        load_version(folder, TASKS)


def test_a_graph_without_contributions_is_refused(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path, graph=mean_graph())
    with pytest.raises(ModelRefused, match="has no output contributions and no logits"):
        load_version(folder, TASKS)
