"""The linear classifiers of n-grams, in NumPy and in ONNX."""

import numpy as np
import pytest
from numpy.typing import NDArray

from app.serving.runtime.session import Session
from app.training.common.graph import Graph
from app.training.sentiment.batches import Encoded, Ids, collate
from app.training.sentiment.ngram_fit import fit_ngrams
from app.training.sentiment.ngram_rows import NgramOptions
from app.training.sentiment.ngrams import NgramClassifier

_PIECES = ["[pad]", "[unk]", *(f"{a}{b}a" for a in "bcdfgh" for b in "aeiou"), "##s", "##t"]
_OPTIONS = NgramOptions(bigrams=64, trigrams=32, characters=256, cost=1.0)


def _texts(count: int, seed: int, *, first: int) -> Encoded:
    """The label is 0 where token 5 stands, 1 where 6 follows 7, and 2 elsewhere.

    Every text of a source begins with the token `first`, so that a gate can tell them apart.
    """
    rng = np.random.default_rng(seed)
    tokens: list[Ids] = []
    labels = []
    for _ in range(count):
        ids = rng.integers(10, len(_PIECES), rng.integers(5, 20)).astype(np.int32)
        label = int(rng.integers(0, 3))
        ids[1:4] = ((5, 11, 12), (7, 6, 13), (6, 14, 7))[label]
        ids[0] = first
        tokens.append(ids)
        labels.append(label)
    return Encoded(tokens, np.array(labels))


def _two_labels(count: int, seed: int) -> Encoded:
    """Without label 1, and with the opposite meaning of token 5."""
    data = _texts(count, seed, first=9)
    kept = [i for i, label in enumerate(data.labels) if label != 1]
    return Encoded([data.tokens[i] for i in kept], 2 - data.labels[kept])


@pytest.fixture(scope="module")
def classifier() -> NgramClassifier:
    return fit_ngrams([_texts(300, 0, first=8), _two_labels(300, 1)], _PIECES, 3, _OPTIONS)


def _session(classifier: NgramClassifier) -> Session:
    graph = Graph("ngrams")
    token_ids = graph.input("token_ids", np.int64, ("batch", "time"))
    lengths = graph.input("lengths", np.int64, ("batch",))
    logits, contributions, trust = classifier.to_onnx(graph, token_ids, lengths)
    graph.output("logits", logits, np.float32, ("batch", 3))
    graph.output("contributions", contributions, np.float32, ("batch", "time", 3))
    graph.output("trust", trust, np.float32, ("batch", "kinds"))
    return Session(graph.build().SerializeToString())


def _feeds(tokens: list[Ids]) -> dict[str, NDArray[np.int64]]:
    batch = collate(tokens, np.zeros(len(tokens), np.int64))
    return {"token_ids": batch.token_ids.numpy(), "lengths": batch.lengths.numpy()}


def test_each_source_is_read_by_its_own_rules(classifier: NgramClassifier) -> None:
    for fresh in (_texts(200, 2, first=8), _two_labels(200, 3)):
        said = classifier.parts(fresh.tokens)[0].sum(axis=1)
        assert (said.argmax(axis=1) == fresh.labels).mean() > 0.9


def test_a_word_never_seen_is_judged_by_its_spelling() -> None:
    pieces = ["[pad]", "[unk]", "awful", "awfully", "lovely", "lovelier", *"abcdefgh"]
    rng = np.random.default_rng(0)
    rows = [(2, 0), (4, 2), (6, 1)] * 60
    tokens = [np.array([token, *rng.integers(7, 14, 5)], np.int32) for token, _ in rows]
    data = Encoded(tokens, np.array([label for _, label in rows]))
    found = fit_ngrams([data, data], pieces, 3, _OPTIONS)
    said = found.parts([np.array([3], np.int32), np.array([5], np.int32)])[0].sum(axis=1)
    assert said[0, 0] > said[0, 2]
    assert said[1, 2] > said[1, 0]


@pytest.mark.parametrize("lengths", [(1,), (2, 1), (3, 9, 1, 2), (15, 4, 30)])
def test_the_graph_agrees_with_numpy(classifier: NgramClassifier, lengths: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    tokens = [rng.integers(1, len(_PIECES), length).astype(np.int32) for length in lengths]
    answer = _session(classifier).run(_feeds(tokens))
    said, trust = classifier.parts(tokens)
    # the graph keeps its table in half precision
    np.testing.assert_allclose(answer["logits"], said.sum(axis=1), rtol=5e-3, atol=5e-3)
    np.testing.assert_allclose(answer["trust"], trust, rtol=5e-3, atol=5e-3)
    for row, length in zip(answer["contributions"], lengths, strict=True):
        assert not row[length:].any()


def test_contributions_and_a_bias_sum_up_to_the_logits(classifier: NgramClassifier) -> None:
    rng = np.random.default_rng(3)
    tokens = [rng.integers(1, len(_PIECES), length).astype(np.int32) for length in (3, 12)]
    answer = _session(classifier).run(_feeds(tokens))
    bias = answer["logits"] - answer["contributions"].sum(axis=1)
    lowest, highest = classifier.bias.min(axis=0), classifier.bias.max(axis=0)
    assert (bias >= lowest - 1e-4).all()  # a mean of the experts' biases
    assert (bias <= highest + 1e-4).all()


def test_an_answer_does_not_depend_on_its_batch_mates(classifier: NgramClassifier) -> None:
    session = _session(classifier)
    rng = np.random.default_rng(4)
    tokens = [rng.integers(1, len(_PIECES), n).astype(np.int32) for n in (1, 40, 7, 2, 64, 33)]
    together = session.run(_feeds(tokens), ["logits"])["logits"]
    for ids, row in zip(tokens, together, strict=True):
        np.testing.assert_array_equal(session.run(_feeds([ids]), ["logits"])["logits"][0], row)


def test_what_is_said_again_and_again_says_no_more(classifier: NgramClassifier) -> None:
    session = _session(classifier)
    ids = np.random.default_rng(6).integers(2, len(_PIECES), 12).astype(np.int32)
    few, many = (
        session.run(_feeds([np.tile(ids, times)]), ["logits"])["logits"] for times in (20, 200)
    )
    np.testing.assert_allclose(many, few, rtol=0.02, atol=0.02)  # but for the ends of the text


def test_factors_scale_what_each_expert_says(classifier: NgramClassifier) -> None:
    tokens = _texts(20, 5, first=8).tokens
    scaled, _ = classifier.scaled((2.0, 0.5)).parts(tokens)
    expected = classifier.parts(tokens)[0] * np.array([2.0, 0.5])[None, :, None]
    np.testing.assert_allclose(scaled, expected, rtol=1e-4, atol=1e-5)


def test_a_text_counts_as_its_weight_says() -> None:
    rng = np.random.default_rng(5)
    tokens = [np.array([2 + i % 2, *rng.integers(10, 20, 5)], np.int32) for i in range(200)]
    labels = np.array([i % 2 for i in range(200)])
    wrong = np.arange(200) < 140  # more than half have the other label, but nobody believes it
    weights = np.where(wrong, 0.05, 1.0).astype(np.float32)
    told = np.where(wrong, 1 - labels, labels)
    asked = [np.array([2], np.int32), np.array([3], np.int32)]
    for given, right in ((Encoded(tokens, told, weights), [0, 1]), (Encoded(tokens, told), [1, 0])):
        found = fit_ngrams([given], _PIECES, 2, _OPTIONS).parts(asked)[0].sum(axis=1)
        assert found.argmax(axis=1).tolist() == right


def test_about_texts_of_a_silent_kind_next_to_nothing_is_said() -> None:
    sources, silent = [_texts(300, 0, first=8), _two_labels(300, 1)], _texts(300, 4, first=7)
    found = fit_ngrams(sources, _PIECES, 3, _OPTIONS, silent=[silent])
    fresh = _texts(200, 5, first=7)
    spoken = fit_ngrams(sources, _PIECES, 3, _OPTIONS).parts(fresh.tokens)[0].sum(axis=1)
    said = found.parts(fresh.tokens)[0].sum(axis=1)
    assert np.abs(said).mean() < 0.1 * np.abs(spoken).mean()
    for one in (_texts(200, 2, first=8), _two_labels(200, 3)):
        right = found.parts(one.tokens)[0].sum(axis=1).argmax(axis=1) == one.labels
        assert right.mean() > 0.9
    answer = _session(found).run(_feeds(list(fresh.tokens)))
    np.testing.assert_allclose(answer["logits"], said, rtol=5e-3, atol=5e-3)
