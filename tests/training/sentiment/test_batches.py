"""Batches of tokens: padded, repeatable, every text once an epoch."""

import numpy as np
import pytest

from app.training.sentiment.batches import Encoded, Shuffled, collate


def _data(texts: int = 23, seed: int = 0) -> Encoded:
    """Text number i consists of the token i + 1 alone, so that a row tells where it is from."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 30, texts)
    tokens = tuple(np.full(length, i + 1, np.int32) for i, length in enumerate(lengths))
    return Encoded(tokens, np.arange(texts, dtype=np.int64))


def test_collate_pads_with_zero_and_keeps_an_empty_text_as_one_step() -> None:
    tokens = [np.array([5, 6], np.int32), np.array([], np.int32), np.array([7], np.int32)]
    batch = collate(tokens, np.array([2, 0, 1]))
    assert batch.token_ids.tolist() == [[5, 6], [0, 0], [7, 0]]
    assert batch.lengths.tolist() == [2, 1, 1]
    assert batch.labels.tolist() == [2, 0, 1]


def test_an_epoch_shows_every_text_once_but_for_what_fills_no_batch() -> None:
    stream = Shuffled(_data(), 4, seed=1, max_tokens=100)
    epochs = []
    for epoch in range(2):
        numbers = range(epoch * stream.batches_per_epoch, (epoch + 1) * stream.batches_per_epoch)
        epochs.append([label for n in numbers for label in stream(n).labels.tolist()])
    for shown in epochs:
        assert len(shown) == len(set(shown)) == 20
    assert epochs[0] != epochs[1]


def test_a_batch_depends_on_its_number_alone() -> None:
    one, other = (Shuffled(_data(), 4, seed=1, max_tokens=5) for _ in range(2))
    expected = [one(number) for number in range(12)]
    for number in (7, 2, 11, 2):
        assert other(number).token_ids.equal(expected[number].token_ids)
        assert other(number).labels.equal(expected[number].labels)


def test_a_long_text_gives_a_piece_of_it() -> None:
    data = Encoded((np.arange(1, 101, dtype=np.int32),), np.array([1]))
    stream = Shuffled(data, 1, seed=0, max_tokens=10)
    starts = set()
    for number in range(20):
        row = stream(number).token_ids[0].tolist()
        assert row == list(range(row[0], row[0] + 10))
        starts.add(row[0])
    assert len(starts) > 5


def test_weights_draw_heavy_texts_more_often() -> None:
    data = _data(10)
    weights = np.where(np.arange(10) == 3, 50.0, 1.0)
    stream = Shuffled(data, 5, seed=0, max_tokens=50, weights=weights)
    shown = [label for number in range(20) for label in stream(number).labels.tolist()]
    assert shown.count(3) > len(shown) / 2


def test_a_source_smaller_than_a_batch_is_refused() -> None:
    with pytest.raises(ValueError, match="23 texts do not fill a batch of 24"):
        Shuffled(_data(), 24, seed=0, max_tokens=50)
