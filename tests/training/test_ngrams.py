"""The linear classifier of n-grams, in NumPy and in ONNX."""

import numpy as np
import pytest

from app.serving.session import Session
from app.training.graph import Graph
from app.training.ngrams import NgramClassifier, NgramOptions, fit_ngrams
from app.training.text_batches import Encoded, Ids, collate

_VOCABULARY = 30
_OPTIONS = NgramOptions(bigrams=64, trigrams=32, cost=1.0)


def _texts(count: int, seed: int = 0) -> Encoded:
    """The label is 0 where token 5 stands, 1 where 6 follows 7, and 2 elsewhere."""
    rng = np.random.default_rng(seed)
    tokens: list[Ids] = []
    labels = []
    for _ in range(count):
        ids = rng.integers(8, _VOCABULARY, rng.integers(3, 20)).astype(np.int32)
        label = int(rng.integers(0, 3))
        if label == 0:
            ids[0] = 5
        elif label == 1:
            ids[1:3] = 7, 6
        else:
            ids[0:3] = 6, 9, 7  # the two, but not next to each other
        tokens.append(ids)
        labels.append(label)
    return Encoded(tokens, np.array(labels))


@pytest.fixture(scope="module")
def classifier() -> NgramClassifier:
    sources = [(_texts(300), 1.0), (_texts(100, seed=1), 2.0)]
    return fit_ngrams(sources, _VOCABULARY, 3, _OPTIONS)


def _session(classifier: NgramClassifier) -> Session:
    graph = Graph("ngrams")
    token_ids = graph.input("token_ids", np.int64, ("batch", "time"))
    lengths = graph.input("lengths", np.int64, ("batch",))
    logits, contributions = classifier.to_onnx(graph, token_ids, lengths)
    graph.output("logits", logits, np.float32, ("batch", 3))
    graph.output("contributions", contributions, np.float32, ("batch", "time", 3))
    return Session(graph.build().SerializeToString())


def test_learns_words_and_their_order(classifier: NgramClassifier) -> None:
    fresh = _texts(200, seed=2)
    assert (classifier.logits(fresh.tokens).argmax(axis=1) == fresh.labels).mean() > 0.9


@pytest.mark.parametrize("lengths", [(1,), (2, 1), (3, 9, 1, 2), (15, 4, 30)])
def test_the_graph_agrees_with_numpy(classifier: NgramClassifier, lengths: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    tokens = [rng.integers(1, _VOCABULARY, length).astype(np.int32) for length in lengths]
    batch = collate(tokens, np.zeros(len(tokens), np.int64))
    feeds = {"token_ids": batch.token_ids.numpy(), "lengths": batch.lengths.numpy()}
    answer = _session(classifier).run(feeds)
    np.testing.assert_allclose(answer["logits"], classifier.logits(tokens), rtol=1e-4, atol=1e-5)
    summed = answer["contributions"].sum(axis=1) + classifier.bias
    np.testing.assert_allclose(summed, answer["logits"], rtol=1e-4, atol=1e-5)
    for row, length in zip(answer["contributions"], lengths, strict=True):
        assert not row[length:].any()


def test_an_answer_does_not_depend_on_its_batch_mates(classifier: NgramClassifier) -> None:
    session = _session(classifier)
    rng = np.random.default_rng(4)
    tokens = [rng.integers(1, _VOCABULARY, n).astype(np.int32) for n in (1, 40, 7, 2, 64, 33)]

    def ask(some: list[Ids]) -> np.ndarray:
        batch = collate(some, np.zeros(len(some), np.int64))
        feeds = {"token_ids": batch.token_ids.numpy(), "lengths": batch.lengths.numpy()}
        return session.run(feeds, ["logits"])["logits"]

    together = ask(tokens)
    for ids, row in zip(tokens, together, strict=True):
        np.testing.assert_array_equal(ask([ids])[0], row)


def test_every_label_must_stand_in_the_data() -> None:
    data = _texts(50)
    two = Encoded(data.tokens, np.minimum(data.labels, 1))
    with pytest.raises(ValueError, match="expected all of 3 classes"):
        fit_ngrams([(two, 1.0)], _VOCABULARY, 3, _OPTIONS)
